package dev.dmabufsim.exporter;

import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferState.Attachment;
import java.util.ArrayList;
import java.util.List;

/** Gathers what the IOMMU is to be asked for into one question of each kind. */
final class SlotAsks {
  private final List<SlotRequest> dma = new ArrayList<>();
  private final List<SlotRequest> cpu = new ArrayList<>();
  private final List<MappingId> unmaps = new ArrayList<>();

  /** A slot for DMA to a part of the buffer. */
  void map(Attachment a, Span span) {
    dma.add(new SlotRequest(a.id(), a.importer().deviceKey(), a.process(), a.use(), span));
  }

  /** A slot for the CPU, to all of the buffer: all its mappings share it. */
  void mapCpu(Attachment a) {
    cpu.add(
        new SlotRequest(a.id(), a.importer().deviceKey(), a.process(), SlotUse.CPU, Span.WHOLE));
  }

  /** A slot is to be closed. */
  void unmap(MappingId id) {
    unmaps.add(id);
  }

  /** Turns everything gathered into effects. */
  void flush(BufferState state, List<BufferEffect> effects) {
    if (!dma.isEmpty()) {
      boolean translated = state.settings().contract().enforced();
      effects.add(new BufferEffect.MapSlots(state.epoch(), translated, List.copyOf(dma)));
    }
    if (!cpu.isEmpty()) {
      // The MMU checks what a CPU does, whoever checks what devices do.
      effects.add(new BufferEffect.MapSlots(state.epoch(), true, List.copyOf(cpu)));
    }
    if (!unmaps.isEmpty()) {
      effects.add(new BufferEffect.UnmapSlots(List.copyOf(unmaps)));
    }
  }
}
