package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.util.List;

/** What can happen to a buffer. Times are {@code System.nanoTime()} of its node. */
public sealed interface BufferEvent {
  /**
   * Attachments that the exporter device accepted are put on the list.
   *
   * @param mapErrno what every map of theirs is answered, since the devices cannot do peer-to-peer;
   *     OK if they can
   */
  record Attached(BufferState.Importer importer, List<Integer> ids, Errno mapErrno, long nowNanos)
      implements BufferEvent {}

  /**
   * An importer calls an operation.
   *
   * @param locked whether it says that it holds the reservation lock
   */
  record Called(
      int process,
      long call,
      Operation operation,
      boolean locked,
      Span span,
      List<Integer> ids,
      long nowNanos)
      implements BufferEvent {}

  /** The IOMMU opened slots of one use, and had none for {@code refused}. */
  record SlotsMapped(long epoch, SlotUse use, List<SgTable> tables, List<Integer> refused)
      implements BufferEvent {}

  /** The IOMMU closed slots. */
  record SlotsUnmapped(List<MappingId> mappings, long nowNanos) implements BufferEvent {}

  /** Importers of one process answer an invalidation. */
  record Progressed(
      int process,
      long epoch,
      List<Integer> returned,
      List<Fence> fences,
      List<Signal> signalled,
      List<Integer> unmapped,
      long nowNanos)
      implements BufferEvent {}

  /** The exporter device wants its memory back. */
  record RevokeRequested(RevokeCause cause, long nowNanos) implements BufferEvent {}

  /** The IOMMU closed every slot of the buffer. */
  record BufferClosed(long epoch, List<Integer> open, List<Integer> undrained, long nowNanos)
      implements BufferEvent {}

  /**
   * A move's content was copied.
   *
   * @param segment the memory where it is now
   * @param before checksum of the content where it was
   * @param after checksum of it where it is
   */
  record CopiedOut(long epoch, int segment, long generation, long before, long after, long nowNanos)
      implements BufferEvent {}

  /** A move's content was not copied, and will not be: there is no memory for it. */
  record MoveFailed(long epoch, long nowNanos) implements BufferEvent {}

  /** The memory was truncated: nobody can reach it any more. */
  record Severed(long epoch, long nowNanos) implements BufferEvent {}

  /** The buffer is given memory again, and maps may succeed once importers were told. */
  record Restored(int segment, long generation, long nowNanos) implements BufferEvent {}

  /** A process of this host is dead. */
  record ProcessDied(int process, long nowNanos) implements BufferEvent {}

  /** Time has passed. */
  record Ticked(long nowNanos) implements BufferEvent {}

  /** The last reference is dropped: {@code dma_buf_release()}. */
  record Released(long nowNanos) implements BufferEvent {}
}
