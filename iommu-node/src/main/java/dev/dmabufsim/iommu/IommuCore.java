package dev.dmabufsim.iommu;

import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.iommu.IommuState.Close;
import dev.dmabufsim.iommu.IommuState.Slot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pcollections.ConsPStack;
import org.pcollections.PStack;

/**
 * What an IOMMU decides. A pure function: the bytes of the slot table are written by its shell.
 *
 * <p>The life of a slot:
 *
 * <pre>
 *   fresh/free --Map--> open --Unmap, Close, ProcessDied--> closed
 *       ^                                                     |  nothing in flight
 *       +-------------------- idle ---------------------------+  else draining, and seen again
 * </pre>
 *
 * A slot given back belongs to its device still: only that device gets it again, since only its one
 * engine thread may write the slot's second line. When the device's process is dead, anybody may.
 */
public final class IommuCore {
  private IommuCore() {}

  /** What follows from an event. */
  public record Step(IommuState state, List<IommuEffect> effects) {}

  /** Decides. Never throws: an event that makes no sense changes nothing. */
  public static Step step(IommuState state, IommuEvent event) {
    List<IommuEffect> effects = new ArrayList<>();
    IommuState next =
        switch (event) {
          case IommuEvent.Map e -> map(state, e, effects);
          case IommuEvent.Unmap e -> unmap(state, e, effects);
          case IommuEvent.Close e -> close(state, e, effects);
          case IommuEvent.Sampled e -> sampled(state, e, effects);
          case IommuEvent.ProcessDied e -> processDied(state, e, effects);
        };
    return new Step(next, List.copyOf(effects));
  }

  private static IommuState map(IommuState state, IommuEvent.Map e, List<IommuEffect> effects) {
    if (e.epoch() < state.closedEpoch(e.buffer())) {
      // Asked for before a revoke, and come after its close: nobody waits for it any more.
      return state;
    }
    IommuState next = state;
    List<Slot> stale = new ArrayList<>();
    for (SlotRequest request : e.requests()) {
      Slot old = next.open().get(request.attachment());
      if (old != null && !asked(old, request, e)) {
        // An unmap was lost: the old slot's time is over.
        stale.add(old);
        next = next.withoutOpen(old);
      }
    }
    next = shut(next, stale, effects);
    List<SgTable> tables = new ArrayList<>();
    List<Integer> refused = new ArrayList<>();
    for (SlotRequest request : e.requests()) {
      Slot same = next.open().get(request.attachment());
      if (same != null) {
        // Asked again, since the answer was lost or slow: it is answered as before.
        tables.add(table(same.index(), request, e));
        continue;
      }
      Allocation allocation = allocate(next, request);
      if (allocation == null) {
        refused.add(request.attachment());
        continue;
      }
      int index = allocation.slot();
      next = allocation.state();
      next =
          next.withOpen(
              new Slot(
                  index,
                  request.attachment(),
                  e.buffer(),
                  request.deviceKey(),
                  request.process(),
                  e.epoch(),
                  e.generation(),
                  false));
      effects.add(
          new IommuEffect.OpenSlot(
              index,
              new SlotMapping(
                  request.attachment(),
                  e.buffer(),
                  request.deviceKey(),
                  request.process(),
                  e.segment(),
                  e.generation(),
                  e.length(),
                  e.epoch()),
              e.translated()));
      tables.add(table(index, request, e));
    }
    effects.add(new IommuEffect.SlotsMapped(e.buffer(), e.epoch(), tables, refused));
    return next;
  }

  /** Whether a slot is what this request asks for. */
  private static boolean asked(Slot slot, SlotRequest request, IommuEvent.Map e) {
    return slot.buffer() == e.buffer()
        && slot.generation() == e.generation()
        && slot.deviceKey() == request.deviceKey();
  }

  private static SgTable table(int slot, SlotRequest request, IommuEvent.Map e) {
    return new SgTable(
        request.attachment(),
        SgTable.iovaOf(slot),
        e.length(),
        slot,
        e.segment(),
        e.generation(),
        e.generation(),
        e.translated(),
        request.use());
  }

  private record Allocation(IommuState state, int slot) {}

  private static @Nullable Allocation allocate(IommuState state, SlotRequest request) {
    if (state.dead().contains(request.process())) {
      return null;
    }
    PStack<Integer> own = state.free().get(request.deviceKey());
    if (own != null && !own.isEmpty()) {
      int slot = own.get(0);
      return new Allocation(
          state.slots(
              state.fresh(), state.free().plus(request.deviceKey(), own.minus(0)), state.spare()),
          slot);
    }
    if (!state.spare().isEmpty()) {
      int slot = state.spare().get(0);
      return new Allocation(state.slots(state.fresh(), state.free(), state.spare().minus(0)), slot);
    }
    if (state.fresh() >= state.capacity()) {
      return null;
    }
    return new Allocation(
        state.slots(state.fresh() + 1, state.free(), state.spare()), state.fresh());
  }

  private static IommuState unmap(IommuState state, IommuEvent.Unmap e, List<IommuEffect> effects) {
    IommuState next = state;
    List<Slot> slots = new ArrayList<>();
    List<MappingId> already = new ArrayList<>();
    for (MappingId mapping : e.mappings()) {
      int attachment = mapping.attachment();
      Slot slot = next.open().get(attachment);
      if (slot != null && slot.id().equals(mapping)) {
        slots.add(slot.announced());
        next = next.withoutOpen(slot);
      } else {
        Slot draining =
            state.drainingOf(e.buffer()).stream()
                .filter(s -> s.id().equals(mapping))
                .findFirst()
                .orElse(null);
        if (draining == null) {
          already.add(mapping);
        } else {
          next = next.withDraining(draining.announced());
        }
      }
    }
    if (!already.isEmpty()) {
      effects.add(new IommuEffect.SlotsUnmapped(e.buffer(), already));
    }
    return shut(next, slots, effects);
  }

  private static IommuState close(IommuState state, IommuEvent.Close e, List<IommuEffect> effects) {
    if (state.closes().containsKey(e.buffer())) {
      Close current = state.closes().get(e.buffer());
      if (current != null && current.epoch() == e.epoch()) {
        // Asked again while at it: the answer comes when it comes.
        return state;
      }
    }
    // A slot of this epoch was mapped after the revoke that asks: it is a late repetition that
    // does.
    List<Slot> open = state.openOf(e.buffer()).stream().filter(s -> s.epoch() < e.epoch()).toList();
    long draining =
        state.drainingOf(e.buffer()).stream().filter(s -> s.epoch() < e.epoch()).count();
    IommuState next = state.closed(e.buffer(), Math.max(e.epoch(), state.closedEpoch(e.buffer())));
    for (Slot slot : open) {
      next = next.withoutOpen(slot);
    }
    next =
        next.closes(
            next.closes()
                .plus(
                    e.buffer(),
                    new Close(
                        e.buffer(),
                        e.epoch(),
                        open.size() + (int) draining,
                        open.stream().map(Slot::attachment).sorted().toList(),
                        e.nowNanos(),
                        e.nowNanos() + e.drainNanos())));
    next = shut(next, open, effects);
    if (open.isEmpty()) {
      // A sample all the same: it settles a close for which nothing has to be drained.
      effects.add(new IommuEffect.CloseSlots(List.of()));
    }
    return next;
  }

  private static IommuState shut(IommuState state, List<Slot> slots, List<IommuEffect> effects) {
    if (slots.isEmpty()) {
      return state;
    }
    IommuState next = state;
    for (Slot slot : slots) {
      next = next.withDraining(slot);
    }
    effects.add(new IommuEffect.CloseSlots(slots.stream().map(Slot::index).toList()));
    return next;
  }

  private static IommuState sampled(
      IommuState state, IommuEvent.Sampled e, List<IommuEffect> effects) {
    List<Slot> idle = new ArrayList<>();
    for (int index : e.idle()) {
      Slot slot = state.draining().get(index);
      if (slot != null) {
        idle.add(slot);
      }
    }
    IommuState next = release(state, idle, effects);
    return settleCloses(next, e.nowNanos(), effects);
  }

  /** Gives drained slots back, to their device or, if that is dead, to everybody. */
  private static IommuState release(IommuState state, List<Slot> slots, List<IommuEffect> effects) {
    if (slots.isEmpty()) {
      return state;
    }
    IommuState next = state;
    Map<Integer, List<MappingId>> announce = new TreeMap<>();
    for (Slot slot : slots) {
      next = next.withoutDraining(slot);
      if (state.dead().contains(slot.process())) {
        next = next.slots(next.fresh(), next.free(), next.spare().plus(slot.index()));
      } else {
        PStack<Integer> own =
            next.free().getOrDefault(slot.deviceKey(), ConsPStack.<Integer>empty());
        next =
            next.slots(
                next.fresh(),
                next.free().plus(slot.deviceKey(), own.plus(slot.index())),
                next.spare());
      }
      if (slot.announce()) {
        announce.computeIfAbsent(slot.buffer(), b -> new ArrayList<>()).add(slot.id());
      }
    }
    effects.add(new IommuEffect.FreeSlots(slots.stream().map(Slot::index).toList()));
    announce.forEach((buffer, mappings) ->
        effects.add(new IommuEffect.SlotsUnmapped(buffer, List.copyOf(mappings))));
    return next;
  }

  private static IommuState settleCloses(
      IommuState state, long nowNanos, List<IommuEffect> effects) {
    IommuState next = state;
    for (Close close : state.closes().values()) {
      List<Integer> undrained =
          next.drainingOf(close.buffer()).stream()
              .filter(s -> s.epoch() < close.epoch())
              .map(Slot::attachment)
              .sorted()
              .toList();
      if (!undrained.isEmpty() && nowNanos - close.deadlineNanos() < 0) {
        continue;
      }
      long nanos = nowNanos - close.startedNanos();
      next = next.closes(next.closes().minus(close.buffer()));
      effects.add(
          new IommuEffect.Note(
              new HistoryEvent.Closed(
                  close.buffer(),
                  close.epoch(),
                  close.slots(),
                  close.open(),
                  undrained,
                  nanos / 1000)));
      effects.add(
          new IommuEffect.BufferClosed(
              close.buffer(), close.epoch(), close.open(), undrained, nanos));
    }
    return next;
  }

  private static IommuState processDied(
      IommuState state, IommuEvent.ProcessDied e, List<IommuEffect> effects) {
    if (state.dead().contains(e.process())) {
      return state;
    }
    IommuState next = state.dead(e.process());
    List<Slot> its = new ArrayList<>();
    for (Slot slot : state.open().values()) {
      if (slot.process() == e.process()) {
        its.add(slot);
        next = next.withoutOpen(slot);
      }
    }
    List<Slot> all = new ArrayList<>(its);
    for (Slot slot : state.draining().values()) {
      if (slot.process() == e.process()) {
        all.add(slot);
      }
    }
    // It may have died within a copy, or while it was refused, with its mark still up, in a slot
    // that it had given back too; being dead, it copies no more.
    List<Integer> indices = new ArrayList<>(all.stream().map(Slot::index).toList());
    state
        .free()
        .forEach((device, slots) -> {
          if (device >>> 16 == e.process()) {
            indices.addAll(slots);
          }
        });
    if (!indices.isEmpty()) {
      effects.add(new IommuEffect.ClearInFlight(List.copyOf(indices)));
    }
    next = shut(next, its, effects);
    // What it held on the devices' free lists is anybody's now.
    for (Map.Entry<Integer, PStack<Integer>> entry : state.free().entrySet()) {
      if (entry.getKey() >>> 16 == e.process()) {
        PStack<Integer> spare = next.spare();
        for (int slot : entry.getValue()) {
          spare = spare.plus(slot);
        }
        next = next.slots(next.fresh(), next.free().minus(entry.getKey()), spare);
      }
    }
    effects.add(
        new IommuEffect.Note(new HistoryEvent.ProcessDied(e.process(), e.node(), all.size())));
    effects.add(new IommuEffect.AnnounceDeath(e.process()));
    return next;
  }
}
