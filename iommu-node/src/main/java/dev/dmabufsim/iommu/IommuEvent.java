package dev.dmabufsim.iommu;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.MappingId;
import java.util.List;

/** What can happen to an IOMMU. Times are {@code System.nanoTime()} of its node. */
public sealed interface IommuEvent {
  /** An exporter wants slots for attachments of a buffer. */
  record Map(
      int buffer,
      long epoch,
      int segment,
      long generation,
      long length,
      boolean translated,
      List<SlotRequest> requests)
      implements IommuEvent {}

  /** An exporter gives attachments' slots back. */
  record Unmap(int buffer, List<MappingId> mappings) implements IommuEvent {}

  /** An exporter wants every slot of a buffer closed and drained. */
  record Close(int buffer, long epoch, long drainNanos, long nowNanos) implements IommuEvent {}

  /** After a barrier, these of the draining slots had nothing in flight. */
  record Sampled(List<Integer> idle, long nowNanos) implements IommuEvent {}

  /**
   * Buffers of dead exporters, as they stand in the journal.
   *
   * @param drainNanos how long to wait for what is in flight to each
   */
  record Orphans(List<BufferJournal.Entry> entries, long drainNanos, long nowNanos)
      implements IommuEvent {}

  /**
   * An orphan's memory is this IOMMU's to take back: nobody else had claimed it, or whoever had is
   * dead.
   *
   * @param entry as it stands in the journal now
   * @param begun whether its exporter's revoke was under way
   */
  record Claimed(BufferJournal.Entry entry, boolean begun, long drainNanos, long nowNanos)
      implements IommuEvent {}

  /**
   * An orphan's memory is severed.
   *
   * @param first whether the journal did not say so yet
   */
  record OrphanSevered(int buffer, boolean first, long nowNanos) implements IommuEvent {}

  /** A process of this host is dead: nothing of it is in flight any more. */
  record ProcessDied(int process, String node) implements IommuEvent {}
}
