package dev.dmabufsim.iommu;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
import java.util.List;

/** What {@link IommuCore} wants done, in that order. */
public sealed interface IommuEffect {
  /** Write a slot open. */
  record OpenSlot(int slot, SlotMapping mapping, SlotUse use, boolean translated)
      implements IommuEffect {}

  /** Write slots closed; one barrier; then say which are idle ({@link IommuEvent.Sampled}). */
  record CloseSlots(List<Integer> slots) implements IommuEffect {}

  /** Write slots free: nobody uses them. */
  record FreeSlots(List<Integer> slots) implements IommuEffect {}

  /** Mark nothing in flight in slots whose process is dead. */
  record ClearInFlight(List<Integer> slots) implements IommuEffect {}

  /** Tell the buffer's exporter. */
  record SlotsMapped(
      int buffer, long epoch, SlotUse use, List<SgTable> tables, List<Integer> refused)
      implements IommuEffect {}

  /** Tell the buffer's exporter. */
  record SlotsUnmapped(int buffer, List<MappingId> mappings) implements IommuEffect {}

  /** Tell the buffer's exporter. */
  record BufferClosed(
      int buffer, long epoch, List<Integer> open, List<Integer> undrained, long nanos)
      implements IommuEffect {}

  /** Claim an orphan in the journal; {@link IommuEvent.Claimed} follows if that succeeds. */
  record Claim(BufferJournal.Entry entry, long drainNanos) implements IommuEffect {}

  /**
   * Sever an orphan's memory and say so in the journal; {@link IommuEvent.OrphanSevered} follows.
   */
  record SeverOrphan(BufferJournal.Entry entry) implements IommuEffect {}

  /** Tell every exporter. */
  record AnnounceDeath(int process) implements IommuEffect {}

  /** Write it down. */
  record Note(HistoryEvent event) implements IommuEffect {}
}
