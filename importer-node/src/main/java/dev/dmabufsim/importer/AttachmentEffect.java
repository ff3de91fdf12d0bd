package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.List;

/** What an attachment wants done. */
public sealed interface AttachmentEffect {
  /** Call {@code dma_buf_dynamic_attach()} or {@code dma_buf_attach()}. */
  record Attach(long cookie) implements AttachmentEffect {}

  /** Call an operation. */
  record Ask(Operation operation, long call) implements AttachmentEffect {}

  /** Let the engine do DMA. */
  record StartEngine(SgTable table) implements AttachmentEffect {}

  /**
   * Stop the engine's reading and writing; {@link AttachmentEvent.EngineStopped} follows.
   *
   * @param discardedReads whether it goes on reading, and discards what it reads
   * @param writes whether it goes on writing, which it may not
   */
  record StopEngine(boolean discardedReads, boolean writes) implements AttachmentEffect {}

  /**
   * Have the engine give the mapping up; {@link AttachmentEvent.EngineReleased} follows.
   *
   * @param oldTranslationNanos for how long it uses its cached translation all the same
   * @param oldAddressNanos for how long it uses the address all the same
   */
  record ReleaseEngine(long oldTranslationNanos, long oldAddressNanos)
      implements AttachmentEffect {}

  /** A fence on the buffer's reservation object; {@code index} is its number within the epoch. */
  record Fence(int index, FenceUsage usage) {}

  /** That fence has signalled. */
  record Signal(int index, Errno error) {}

  /**
   * Tell the exporter how far this attachment has come with a revoke.
   *
   * @param returned whether its callback has returned
   * @param fences what fences it holds since then
   * @param signalled which of those have signalled
   * @param fenced whether this was the last of them, or it returned without any
   * @param unmapped whether it is unmapped
   */
  record Progress(
      long epoch,
      boolean returned,
      List<Fence> fences,
      List<Signal> signalled,
      boolean fenced,
      boolean unmapped)
      implements AttachmentEffect {
    /** There is nothing that would have to stop. */
    static Progress nothingMapped(long epoch) {
      return new Progress(epoch, true, List.of(), List.of(), false, true);
    }
  }

  /** Try to use the address of a mapping that is gone: it must fail. */
  record Probe(SgTable stale) implements AttachmentEffect {}
}
