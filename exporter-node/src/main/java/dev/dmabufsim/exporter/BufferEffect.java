package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.List;

/** What {@link BufferCore} wants done, in this order. */
public sealed interface BufferEffect {
  /** Answer a call, or a part of it. */
  record Reply(
      int process,
      long call,
      Operation operation,
      List<Integer> done,
      List<Failure> failed,
      List<SgTable> tables)
      implements BufferEffect {}

  /** Tell one importer process to invalidate. */
  record Invalidate(int process, long epoch, List<Integer> ids) implements BufferEffect {}

  /**
   * Ask the IOMMU for slots.
   *
   * @param translated false for bus addresses, which the IOMMU does not police
   */
  record MapSlots(long epoch, boolean translated, List<SlotRequest> requests)
      implements BufferEffect {}

  /** Ask the IOMMU to close slots. */
  record UnmapSlots(List<MappingId> mappings) implements BufferEffect {}

  /** Ask the IOMMU to close every slot of the buffer and to drain. */
  record CloseBuffer(long epoch, long drainNanos) implements BufferEffect {}

  /** Take the memory away; {@link BufferEvent.Severed} follows. */
  record Sever(long epoch, int segment) implements BufferEffect {}

  /**
   * Copy the content to other memory; {@link BufferEvent.CopiedOut} follows, or {@link
   * BufferEvent.MoveFailed}.
   *
   * @param drained whether it is proven that nobody writes to it any more, so that the copy can be
   *     held against what is there
   */
  record CopyOut(long epoch, int segment, boolean drained) implements BufferEffect {}

  /** Ask for memory: {@link BufferEvent.Restored} follows, if there is any. */
  record Borrow() implements BufferEffect {}

  /** Memory that was given is not wanted any more. */
  record GiveBack(int segment) implements BufferEffect {}

  /**
   * The memory is not the buffer's any more: what comes now is late.
   *
   * @param unreachable whether its device answers no request any more
   */
  record Disown(int segment, boolean unreachable) implements BufferEffect {}

  /** Whose the memory of a completed revoke is next. */
  enum Next {
    /** A tenant's, at once. */
    TENANT,
    /** It is gone; other memory goes to a tenant in its place. */
    REPLACEMENT,
    /** Nobody's. */
    NOBODY
  }

  /** The revoke is complete: the memory is the exporter's again. */
  record Complete(
      long epoch, int segment, long generation, RevokeOutcome outcome, long nanos, Next next)
      implements BufferEffect {}

  /** Memory that was kept from its next owner, since its device did not answer, goes to him now. */
  record HandOver(long epoch, int segment, long generation) implements BufferEffect {}

  /**
   * Tell the exporter device how the revoke ended that it had asked for.
   *
   * @param revoked false if it was refused
   */
  record Report(boolean revoked) implements BufferEffect {}

  /** Tell the exporter device that what it wanted memory for is over. */
  record Lifted() implements BufferEffect {}

  /** A {@link BufferEvent.Ticked} is wanted no later than then. */
  record WakeAt(long nanos) implements BufferEffect {}

  /**
   * Write into the fabric's journal how far the buffer is, and which memory it has: whoever comes
   * after this process's death goes on from there.
   */
  record Journal(long epoch, Phase phase, int segment, long generation) implements BufferEffect {}

  /** Write it down. */
  record Note(HistoryEvent event) implements BufferEffect {}
}
