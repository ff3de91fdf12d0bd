package dev.dmabufsim.iommu;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.iommu.IommuState.Close;
import dev.dmabufsim.iommu.IommuState.Holder;
import dev.dmabufsim.iommu.IommuState.Home;
import dev.dmabufsim.iommu.IommuState.Orphan;
import dev.dmabufsim.iommu.IommuState.Slot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pcollections.ConsPStack;
import org.pcollections.HashPMap;
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
 * A slot given back belongs to its device still, and to the use that it had: only for that it is
 * taken again, since only one thread may write the slot's second line, the device's engine or who
 * uses its CPU mappings. When the device's process is dead, anybody may.
 *
 * <p>A device that caches translations itself (ATS) goes past a slot's permission: that its slot is
 * closed and idle proves nothing, nor does that it was unmapped. So a close reports it as
 * undrained, if it was ever given a translation of the memory that is closed, and unless its
 * process is dead.
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
          case IommuEvent.Orphans e -> orphans(state, e, effects);
          case IommuEvent.Claimed e -> claimed(state, e, effects);
          case IommuEvent.OrphanSevered e -> orphanSevered(state, e, effects);
        };
    return new Step(next, List.copyOf(effects));
  }

  private static IommuState map(IommuState state, IommuEvent.Map e, List<IommuEffect> effects) {
    if (e.epoch() < state.closedEpoch(e.buffer()) || state.orphans().containsKey(e.buffer())) {
      // Asked for before a revoke, and come after its close: nobody waits for it any more.
      return state;
    }
    IommuState next = state;
    List<Slot> stale = new ArrayList<>();
    for (SlotRequest request : e.requests()) {
      Slot old = next.open().get(holder(request));
      if (old != null && !asked(old, request, e)) {
        // An unmap was lost: the old slot's time is over.
        stale.add(old);
        next = next.withoutOpen(old);
      }
    }
    next = shut(next, stale, effects);
    Map<SlotUse, Answer> answers = new TreeMap<>();
    for (SlotRequest request : e.requests()) {
      Answer answer = answers.computeIfAbsent(request.use(), u -> new Answer());
      Slot same = next.open().get(holder(request));
      if (same != null) {
        // Asked again, since the answer was lost or slow: it is answered as before.
        answer.tables.add(table(same.index(), request, e));
        continue;
      }
      Allocation allocation = allocate(next, request);
      if (allocation == null) {
        answer.refused.add(request.attachment());
        continue;
      }
      int index = allocation.slot();
      Slot slot =
          new Slot(
              index,
              request.attachment(),
              e.buffer(),
              request.deviceKey(),
              request.process(),
              e.epoch(),
              e.generation(),
              request.use(),
              request.span(),
              false);
      next = allocation.state().withOpen(slot);
      if (request.use() == SlotUse.ATS) {
        next = next.withCached(slot);
      }
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
                  request.span().offset(),
                  request.span().lengthIn(e.length()),
                  e.epoch()),
              request.use(),
              translated(request, e)));
      answer.tables.add(table(index, request, e));
    }
    answers.forEach((use, answer) ->
        effects.add(
            new IommuEffect.SlotsMapped(
                e.buffer(),
                e.epoch(),
                use,
                List.copyOf(answer.tables),
                List.copyOf(answer.refused))));
    return next;
  }

  /** What those are told who asked for one use. */
  private static final class Answer {
    final List<SgTable> tables = new ArrayList<>();
    final List<Integer> refused = new ArrayList<>();
  }

  private static Holder holder(SlotRequest request) {
    return new Holder(request.attachment(), request.use());
  }

  /** A CPU's accesses are translated whatever the devices' are: there is always an MMU. */
  private static boolean translated(SlotRequest request, IommuEvent.Map e) {
    return e.translated() || request.use() == SlotUse.CPU;
  }

  /** Whether a slot is what this request asks for. */
  private static boolean asked(Slot slot, SlotRequest request, IommuEvent.Map e) {
    return slot.buffer() == e.buffer()
        && slot.generation() == e.generation()
        && slot.deviceKey() == request.deviceKey()
        && slot.span().offset() == request.span().offset()
        // The whole may be said in two ways.
        && slot.span().lengthIn(e.length()) == request.span().lengthIn(e.length());
  }

  private static SgTable table(int slot, SlotRequest request, IommuEvent.Map e) {
    return new SgTable(
        request.attachment(),
        SgTable.iovaOf(slot) + request.span().offset(),
        request.span().lengthIn(e.length()),
        slot,
        e.segment(),
        e.generation(),
        e.generation(),
        translated(request, e),
        request.use());
  }

  private record Allocation(IommuState state, int slot) {}

  private static @Nullable Allocation allocate(IommuState state, SlotRequest request) {
    if (state.dead().contains(request.process())) {
      return null;
    }
    Home home = new Home(request.deviceKey(), request.use());
    PStack<Integer> own = state.free().get(home);
    if (own != null && !own.isEmpty()) {
      int slot = own.get(0);
      return new Allocation(
          state.slots(state.fresh(), state.free().plus(home, own.minus(0)), state.spare()), slot);
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
      Slot slot = next.open().get(new Holder(mapping.attachment(), mapping.use()));
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
    Orphan orphan = state.orphans().get(e.buffer());
    if (orphan != null && orphan.entry().epoch() != e.epoch()) {
      // Asked by who is dead.
      return state;
    }
    Close current = state.closes().get(e.buffer());
    if (current != null && current.epoch() == e.epoch()) {
      // Asked again while at it: the answer comes when it comes.
      return state;
    }
    // A slot of this epoch was mapped after the revoke that asks: it is a late repetition that
    // does.
    List<Slot> open = state.openOf(e.buffer()).stream().filter(s -> s.epoch() < e.epoch()).toList();
    long draining =
        state.drainingOf(e.buffer()).stream().filter(s -> s.epoch() < e.epoch()).count();
    HashPMap<Integer, Integer> cached = state.cachedUntil(e.buffer(), e.epoch());
    for (Slot slot : open) {
      if (slot.use() == SlotUse.ATS) {
        cached = cached.plus(slot.attachment(), slot.process());
      }
    }
    if (current != null) {
      // It takes the place of one that was not answered.
      cached = cached.plusAll(current.cached());
    }
    IommuState next =
        state
            .closed(e.buffer(), Math.max(e.epoch(), state.closedEpoch(e.buffer())))
            .cachedClosed(e.buffer(), e.epoch());
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
                        open.stream().map(Slot::attachment).sorted().distinct().toList(),
                        cached,
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
        PStack<Integer> own = next.free().getOrDefault(slot.home(), ConsPStack.<Integer>empty());
        next =
            next.slots(
                next.fresh(), next.free().plus(slot.home(), own.plus(slot.index())), next.spare());
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
      List<Integer> inFlight =
          next.drainingOf(close.buffer()).stream()
              .filter(s -> s.epoch() < close.epoch())
              .map(Slot::attachment)
              .toList();
      if (!inFlight.isEmpty() && nowNanos - close.deadlineNanos() < 0) {
        continue;
      }
      List<Integer> undrained =
          Stream.concat(inFlight.stream(), close.cached().keySet().stream())
              .sorted()
              .distinct()
              .toList();
      long nanos = nowNanos - close.startedNanos();
      next = next.closes(next.closes().minus(close.buffer()));
      Orphan orphan = next.orphans().get(close.buffer());
      boolean reclaimed = orphan != null && orphan.entry().epoch() == close.epoch();
      effects.add(
          new IommuEffect.Note(
              new HistoryEvent.Closed(
                  close.buffer(),
                  close.epoch(),
                  close.slots(),
                  close.open(),
                  undrained,
                  nanos / 1000)));
      if (orphan != null && reclaimed) {
        // Severed in any case: whoever was its exporter does not look after it any more.
        next =
            next.orphan(
                orphan.blocked(
                    undrained.isEmpty() ? RevokeOutcome.BLOCKED : RevokeOutcome.SEVERED));
        effects.add(new IommuEffect.SeverOrphan(orphan.entry()));
      } else {
        effects.add(
            new IommuEffect.BufferClosed(
                close.buffer(), close.epoch(), close.open(), undrained, nanos));
      }
    }
    return next;
  }

  private static IommuState orphans(
      IommuState state, IommuEvent.Orphans e, List<IommuEffect> effects) {
    // First, and all in one: a claim that is carried out samples what is draining.
    IommuState next = shutReclaimed(state, e.entries(), effects);
    for (BufferJournal.Entry entry : e.entries()) {
      Orphan known = next.orphans().get(entry.buffer());
      if (!entry.unfinished() || !next.dead().contains(entry.process())) {
        continue;
      }
      if (known == null) {
        effects.add(new IommuEffect.Claim(entry, e.drainNanos()));
      } else if (known.outcome() != null) {
        // It could not be severed: again.
        effects.add(new IommuEffect.SeverOrphan(known.entry()));
      }
    }
    return next;
  }

  /**
   * Where a dead exporter's successor was quicker, and has severed the memory, the slots are left
   * to be closed.
   */
  private static IommuState shutReclaimed(
      IommuState state, List<BufferJournal.Entry> entries, List<IommuEffect> effects) {
    List<Slot> open = new ArrayList<>();
    for (BufferJournal.Entry entry : entries) {
      if (!entry.unfinished() && state.dead().contains(entry.process())) {
        open.addAll(state.openOf(entry.buffer()));
      }
    }
    IommuState next = state;
    for (Slot slot : open) {
      next = next.withoutOpen(slot);
    }
    return shut(next, open, effects);
  }

  private static IommuState claimed(
      IommuState state, IommuEvent.Claimed e, List<IommuEffect> effects) {
    BufferJournal.Entry entry = e.entry();
    if (state.orphans().containsKey(entry.buffer())) {
      return state;
    }
    effects.add(
        new IommuEffect.Note(
            new HistoryEvent.Orphaned(
                entry.buffer(),
                entry.epoch(),
                entry.segment(),
                entry.generation(),
                entry.process(),
                e.begun())));
    return close(
        state.orphan(new Orphan(entry, e.nowNanos(), null)),
        new IommuEvent.Close(entry.buffer(), entry.epoch(), e.drainNanos(), e.nowNanos()),
        effects);
  }

  private static IommuState orphanSevered(
      IommuState state, IommuEvent.OrphanSevered e, List<IommuEffect> effects) {
    Orphan orphan = state.orphans().get(e.buffer());
    RevokeOutcome outcome = orphan == null ? null : orphan.outcome();
    if (orphan == null || outcome == null) {
      return state;
    }
    if (e.first()) {
      BufferJournal.Entry entry = orphan.entry();
      effects.add(
          new IommuEffect.Note(
              new HistoryEvent.Reclaimed(
                  entry.buffer(),
                  entry.epoch(),
                  entry.segment(),
                  entry.generation(),
                  outcome,
                  (e.nowNanos() - orphan.sinceNanos()) / 1000)));
    }
    return state.withoutOrphan(e.buffer());
  }

  private static IommuState processDied(
      IommuState state, IommuEvent.ProcessDied e, List<IommuEffect> effects) {
    if (state.dead().contains(e.process())) {
      return state;
    }
    IommuState next = state.dead(e.process()).withoutCachedOf(e.process());
    List<Slot> its = new ArrayList<>();
    for (Slot slot : state.open().values()) {
      if (slot.process() == e.process() && !Planted.DEAD_KEEP_SLOTS.planted()) {
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
        .forEach((home, slots) -> {
          if (home.process() == e.process()) {
            indices.addAll(slots);
          }
        });
    if (!indices.isEmpty()) {
      effects.add(new IommuEffect.ClearInFlight(List.copyOf(indices)));
    }
    next = shut(next, its, effects);
    // What it held on its devices' free lists is anybody's now.
    for (Map.Entry<Home, PStack<Integer>> entry : state.free().entrySet()) {
      if (entry.getKey().process() == e.process()) {
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
