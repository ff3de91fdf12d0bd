package dev.dmabufsim.iommu;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.iommu.IommuState.Slot;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pcollections.ConsPStack;
import org.pcollections.PStack;

/**
 * How an IOMMU's successor comes by its books: from the lines that its predecessor wrote. A pure
 * function.
 *
 * <p>What cannot be believed is no mapping: such a slot is to be closed, and is never used again,
 * since nobody knows whose thread writes its second line.
 */
public final class IommuRebuild {
  /**
   * The first line of a slot.
   *
   * @param permission of its grant
   * @param flags with which it was opened
   */
  public record Line(int slot, SlotMapping mapping, int permission, int flags) {}

  /** A slot that makes no sense. */
  public record Damaged(int slot, String why) {}

  /**
   * What comes of it.
   *
   * @param open attachments whose slots are open
   * @param damaged slots to be closed for good
   */
  public record Rebuilt(IommuState state, List<Integer> open, List<Damaged> damaged) {}

  private static final int ALL_FLAGS =
      ControlDescriptor.SLOT_TRANSLATED | ControlDescriptor.SLOT_ATS | ControlDescriptor.SLOT_CPU;

  private IommuRebuild() {}

  /**
   * Rebuilds.
   *
   * @param capacity how many slots there are
   * @param lines those that were ever used, from slot 0 on
   * @param processes how many processes there have been
   * @param journal the buffers that there have been
   */
  public static Rebuilt rebuild(
      int capacity, List<Line> lines, int processes, List<BufferJournal.Entry> journal) {
    Map<Integer, BufferJournal.Entry> buffers = new HashMap<>();
    IommuState state = IommuState.empty(capacity);
    state = state.slots(lines.size(), state.free(), state.spare());
    for (BufferJournal.Entry entry : journal) {
      buffers.put(entry.buffer(), entry);
      // What was asked of the predecessor for a revoke before comes too late.
      state = state.closed(entry.buffer(), entry.epoch());
    }
    List<Damaged> damaged = new ArrayList<>();
    List<Integer> open = new ArrayList<>();
    for (Line line : lines) {
      String why = senseless(line, processes, buffers, state);
      if (why != null) {
        damaged.add(new Damaged(line.slot(), why));
        continue;
      }
      Slot slot = slot(line);
      switch (line.permission()) {
        case ControlDescriptor.PERMISSION_READ_WRITE -> {
          state = state.withOpen(slot);
          open.add(slot.attachment());
        }
        case ControlDescriptor.PERMISSION_BLOCKED -> state = state.withDraining(slot);
        default -> {
          PStack<Integer> own = state.free().getOrDefault(slot.home(), ConsPStack.<Integer>empty());
          state =
              state.slots(
                  state.fresh(),
                  state.free().plus(slot.home(), own.plus(slot.index())),
                  state.spare());
        }
      }
      if (slot.use() == SlotUse.ATS) {
        // Open or not: its device may have cached a translation, and uses that.
        state = state.withCached(slot);
      }
    }
    return new Rebuilt(state, open.stream().sorted().distinct().toList(), damaged);
  }

  private static Slot slot(Line line) {
    SlotMapping m = line.mapping();
    return new Slot(
        line.slot(),
        m.attachment(),
        m.buffer(),
        m.deviceKey(),
        m.process(),
        m.epoch(),
        m.generation(),
        use(line.flags()),
        new Span(m.offset(), m.length()),
        false);
  }

  private static SlotUse use(int flags) {
    if ((flags & ControlDescriptor.SLOT_CPU) != 0) {
      return SlotUse.CPU;
    }
    return (flags & ControlDescriptor.SLOT_ATS) != 0 ? SlotUse.ATS : SlotUse.DMA;
  }

  private static @Nullable String senseless(
      Line line, int processes, Map<Integer, BufferJournal.Entry> buffers, IommuState state) {
    SlotMapping m = line.mapping();
    BufferJournal.Entry buffer = buffers.get(m.buffer());
    if ((line.flags() & ~ALL_FLAGS) != 0
        || (line.flags() & (ControlDescriptor.SLOT_ATS | ControlDescriptor.SLOT_CPU))
            == (ControlDescriptor.SLOT_ATS | ControlDescriptor.SLOT_CPU)) {
      return "flags " + Integer.toHexString(line.flags());
    }
    if (m.process() < 0 || m.process() >= processes || m.deviceKey() >>> 16 != m.process()) {
      return "process " + m.process() + ", device " + m.deviceKey();
    }
    if (buffer == null) {
      return "buffer " + m.buffer();
    }
    if (m.length() <= 0
        || m.offset() < 0
        || m.length() > buffer.bytes()
        || m.offset() > buffer.bytes() - m.length()
        || m.segment() < 0) {
      return m.length() + " bytes at " + m.offset() + " of segment " + m.segment();
    }
    return switch (line.permission()) {
      case ControlDescriptor.PERMISSION_FREE, ControlDescriptor.PERMISSION_BLOCKED -> null;
      case ControlDescriptor.PERMISSION_READ_WRITE -> {
        if (m.epoch() < 0 || m.epoch() > buffer.epoch()) {
          yield "epoch " + m.epoch() + " of a buffer whose epoch is " + buffer.epoch();
        }
        if (m.epoch() == buffer.epoch()
            && (m.generation() != buffer.generation() || m.segment() != buffer.segment())) {
          yield "generation " + m.generation() + " where it is " + buffer.generation();
        }
        if (state.open().containsKey(slot(line).holder())) {
          yield "a second one of attachment " + m.attachment();
        }
        yield null;
      }
      default -> "permission " + line.permission();
    };
  }
}
