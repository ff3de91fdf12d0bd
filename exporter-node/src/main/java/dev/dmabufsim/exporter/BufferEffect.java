package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.List;

/** What {@link BufferCore} wants done. */
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

  /** Ask the IOMMU for slots. */
  record MapSlots(long epoch, List<SlotRequest> requests) implements BufferEffect {}

  /** Ask the IOMMU to close slots. */
  record UnmapSlots(List<MappingId> mappings) implements BufferEffect {}

  /** Ask the IOMMU to close every slot of the buffer and to drain. */
  record CloseBuffer(long epoch, long drainNanos) implements BufferEffect {}

  /** Take the memory away; {@link BufferEvent.Severed} follows. */
  record Sever(long epoch, int segment) implements BufferEffect {}

  /** The revoke is complete: the memory is the exporter's again. */
  record Complete(long epoch, int segment, long generation, RevokeOutcome outcome, long nanos)
      implements BufferEffect {}

  /** A {@link BufferEvent.Ticked} is wanted no later than then. */
  record WakeAt(long nanos) implements BufferEffect {}

  /** Write it down. */
  record Note(HistoryEvent event) implements BufferEffect {}
}
