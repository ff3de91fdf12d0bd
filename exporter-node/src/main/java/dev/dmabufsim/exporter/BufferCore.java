package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.Replies.Call;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a dma-buf decides. A pure function: no clock, no thread, no message.
 *
 * <p>The life of a buffer, and what may be asked of it when:
 *
 * <pre>
 *   exported --- RevokeRequested ---> ASKING ---> CLOSING ------> SEVERING
 *      ^    map: slots, or ENOMEM       |  answers   |  closed       |  ^
 *      |                                |  or        |  and          |  | not drained
 *      |                                |  deadline  |  drained      |  |
 *      |                                v            v               |  |
 *      |                           COPYING, if it is a move ---------|--+
 *      |                                |                            |
 *      |                                v                            v
 *      +--------- Restored ---------- revoked: complete; map: ENODEV, unmap legal
 * </pre>
 *
 * CLOSING and SEVERING exist under an enforced contract only. Under the others the revoke completes
 * from ASKING as soon as what the contract waits for has come, or never; and before Restored clears
 * the flag importers are told again, and their callbacks waited for. A move restores by itself; one
 * that cannot be copied is given up, and under an enforced contract the content with it. What is
 * dead is never restored. What a revoke does is {@link RevokeSequence}, with {@link MoveSequence}
 * and {@link UnrevokeSequence}; what calls do, {@link BufferCalls}; what concerns fences, {@link
 * BufferFences}.
 *
 * <p>Events are handled one at a time, as the resv lock has it; what the lock would be held across
 * (a map asks the IOMMU) is a pending state here, and a revoke that comes between wins.
 */
public final class BufferCore {
  /** A question is asked again after at most so many times the first wait. */
  private static final int MOST_RETRY = 16;

  private BufferCore() {}

  /** What follows from an event. */
  public record Step(BufferState state, List<BufferEffect> effects) {}

  /** Decides. Never throws, whatever the event: an event that makes no sense changes nothing. */
  public static Step step(BufferState state, BufferEvent event) {
    List<BufferEffect> effects = new ArrayList<>();
    BufferState next =
        switch (event) {
          case BufferEvent.Attached e -> attached(state, e, effects);
          case BufferEvent.Called e -> called(state, e, effects);
          case BufferEvent.SlotsMapped e -> slotsMapped(state, e, effects);
          case BufferEvent.SlotsUnmapped e -> slotsUnmapped(state, e, effects);
          case BufferEvent.RevokeRequested e -> RevokeSequence.requested(state, e, effects);
          case BufferEvent.Progressed e -> RevokeSequence.progressed(state, e, effects);
          case BufferEvent.BufferClosed e -> RevokeSequence.closed(state, e, effects);
          case BufferEvent.CopiedOut e -> MoveSequence.copied(state, e, effects);
          case BufferEvent.MoveFailed e -> MoveSequence.moveFailed(state, e, effects);
          case BufferEvent.Severed e -> RevokeSequence.severed(state, e, effects);
          case BufferEvent.Restored e -> UnrevokeSequence.restored(state, e, effects);
          case BufferEvent.ProcessDied e -> processDied(state, e, effects);
          case BufferEvent.Ticked e -> ticked(state, e, effects);
          case BufferEvent.Released e -> released(state, e, effects);
        };
    return new Step(next, List.copyOf(effects));
  }

  private static BufferState attached(
      BufferState state, BufferEvent.Attached e, List<BufferEffect> effects) {
    if (state.deadProcesses().contains(e.importer().process())) {
      return state;
    }
    BufferState next =
        MoveSequence.fetch(state, e.importer().offer().peer2peer(), e.nowNanos(), effects);
    for (int id : e.ids()) {
      if (!next.attachments().containsKey(id)) {
        next = next.with(Attachment.fresh(id, e.importer(), e.mapErrno()));
      }
    }
    return next;
  }

  private static BufferState called(
      BufferState state, BufferEvent.Called e, List<BufferEffect> effects) {
    if (state.deadProcesses().contains(e.process())) {
      return state;
    }
    BufferState next = BufferCalls.called(state, e, effects);
    BufferState answered = next;
    boolean moves =
        switch (e.operation()) {
          case MAP -> asks(answered, e).anyMatch(a -> Placement.outOfReach(answered, a));
          case PIN -> Placement.misplaced(answered) && asks(answered, e).findAny().isPresent();
          default -> false;
        };
    if (moves) {
      // amdgpu's map and pin ops move it; whoever asked was told to come again.
      next = MoveSequence.fetch(next, false, e.nowNanos(), effects);
    }
    if (next.waiting() && !state.waiting()) {
      wake(next, e.nowNanos(), effects);
    }
    return advance(next, e.nowNanos(), effects);
  }

  /** The attachments whose call it is, if it is legal and none has overtaken it. */
  private static Stream<Attachment> asks(BufferState state, BufferEvent.Called e) {
    return e.ids().stream()
        .map(id -> state.attachments().get(id))
        .filter(Objects::nonNull)
        .filter(a -> a.process() == e.process() && e.locked() == e.operation().locked())
        .filter(a -> a.answers().to(e.operation(), e.call()) != null);
  }

  private static BufferState slotsMapped(
      BufferState state, BufferEvent.SlotsMapped e, List<BufferEffect> effects) {
    if (e.epoch() != state.epoch() || state.revoked()) {
      // A revoke came between; it has refused the map and had the slots closed already.
      return state;
    }
    BufferState next = state;
    Replies replies = new Replies();
    for (SgTable table : e.tables()) {
      Attachment a = next.attachments().get(table.attachment());
      if (a != null) {
        next = next.with(mapped(a, table.content(state.memory().content()), e.epoch(), replies));
      }
    }
    for (int id : e.refused()) {
      Attachment a = next.attachments().get(id);
      if (a != null) {
        next = next.with(refused(a, e.use(), replies));
      }
    }
    replies.flush(state, effects);
    return next;
  }

  private static Attachment mapped(Attachment a, SgTable table, long epoch, Replies replies) {
    if (table.use() == SlotUse.CPU) {
      return a.cpu().slot() instanceof Mapping.Pending p
          ? CpuCalls.opened(a, p, table, replies)
          : a;
    }
    if (!(a.mapping() instanceof Mapping.Pending(Operation operation, long call, var _))) {
      return a;
    }
    replies.mapped(new Call(a.process(), call, operation), table);
    boolean counted = operation == Operation.MAP;
    return a.mapping(new Mapping.Mapped(table, epoch, counted)).answered(operation, call, Errno.OK);
  }

  private static Attachment refused(Attachment a, SlotUse use, Replies replies) {
    Mapping mapping = use == SlotUse.CPU ? a.cpu().slot() : a.mapping();
    if (!(mapping instanceof Mapping.Pending(Operation operation, long call, var _))) {
      return a;
    }
    replies.failed(new Call(a.process(), call, operation), a.id(), Errno.ENOMEM);
    return use == SlotUse.CPU
        ? a.cpu(new Mapping.None()).answered(operation, call, Errno.ENOMEM)
        : a.mapping(new Mapping.None()).answered(operation, call, Errno.ENOMEM);
  }

  private static BufferState slotsUnmapped(
      BufferState state, BufferEvent.SlotsUnmapped e, List<BufferEffect> effects) {
    BufferState next = state.closing(state.closing().minusAll(e.mappings()));
    Replies replies = new Replies();
    Set<Integer> unmapped = new HashSet<>();
    for (MappingId mapping : e.mappings()) {
      Attachment a = next.attachments().get(mapping.attachment());
      if (a == null) {
        continue;
      }
      if (mapping.use() == SlotUse.CPU) {
        next = next.with(unmappedCpu(a, mapping, replies));
      } else if (closes(a.mapping(), mapping)) {
        unmapped.add(a.id());
        next = next.with(unmapped(a, replies));
      }
    }
    replies.flush(state, effects);
    Revoke revoke = next.revoke();
    if (revoke == null) {
      return next;
    }
    // The exporter's unmap op is over: it counts for a revoke, however it was asked for.
    next =
        next.revoke(
            revoke
                .awaiting(revoke.returns(), revoke.unmaps().minusAll(unmapped))
                .closed(e.mappings()));
    return advance(next, e.nowNanos(), effects);
  }

  private static boolean closes(Mapping mapping, MappingId id) {
    return mapping instanceof Mapping.Unmapping u && u.id().equals(id);
  }

  private static Attachment unmapped(Attachment a, Replies replies) {
    if (a.mapping() instanceof Mapping.Unmapping(Operation operation, long call, var _)
        && call != 0) {
      replies.done(new Call(a.process(), call, operation), a.id());
      return a.mapping(new Mapping.None()).answered(operation, call, Errno.OK);
    }
    return a.mapping(new Mapping.None());
  }

  private static Attachment unmappedCpu(Attachment a, MappingId id, Replies replies) {
    if (!closes(a.cpu().slot(), id)) {
      return a;
    }
    if (a.cpu().slot() instanceof Mapping.Unmapping(Operation operation, long call, var _)
        && call != 0) {
      replies.done(new Call(a.process(), call, operation), a.id());
      return a.cpu(new Mapping.None()).answered(operation, call, Errno.OK);
    }
    return a.cpu(new Mapping.None());
  }

  private static BufferState processDied(
      BufferState state, BufferEvent.ProcessDied e, List<BufferEffect> effects) {
    BufferState next = state.dead(e.process());
    for (Attachment a : state.attachments().values()) {
      if (a.process() == e.process()) {
        next = next.with(a.waits(null).cpu(a.cpu().waits(null)));
      }
    }
    next = RevokeSequence.giveUp(next, e.process());
    next = UnrevokeSequence.returned(next, RevokeSequence.ofProcess(next, e.process()));
    if (next.revoke() == null) {
      next = BufferFences.wake(reap(next, effects), e.nowNanos(), effects);
    }
    if (next.waiting() && !state.waiting()) {
      wake(next, e.nowNanos(), effects);
    }
    return advance(next, e.nowNanos(), effects);
  }

  private static BufferState ticked(
      BufferState state, BufferEvent.Ticked e, List<BufferEffect> effects) {
    BufferState next = MoveSequence.seen(state, e.nowNanos());
    if (RevokeSequence.late(next, e.nowNanos())) {
      next = RevokeSequence.expired(next, e.nowNanos(), effects);
    } else {
      repeat(next, effects);
    }
    next = BufferFences.wake(next, e.nowNanos(), effects);
    if (next.waiting()) {
      wake(next, e.nowNanos(), effects);
    }
    return next;
  }

  /** Asks again for whatever was not answered; all of it is idempotent at the other end. */
  private static void repeat(BufferState state, List<BufferEffect> effects) {
    if (Planted.NO_RETRY.planted()) {
      return;
    }
    SlotAsks slots = new SlotAsks();
    state.closing().forEach(slots::unmap);
    for (Attachment a : state.attachments().values()) {
      if (a.mapping() instanceof Mapping.Pending p) {
        slots.map(a, p.span());
      } else if (a.mapping() instanceof Mapping.Unmapping u) {
        slots.unmap(u.id());
      }
      if (a.cpu().slot() instanceof Mapping.Pending) {
        slots.mapCpu(a);
      } else if (a.cpu().slot() instanceof Mapping.Unmapping u) {
        slots.unmap(u.id());
      }
    }
    slots.flush(state, effects);
    RevokeSequence.repeat(state, effects);
    UnrevokeSequence.repeat(state, effects);
  }

  /** {@code dma_buf_release()}; the kernel warns if attachments remain. */
  private static BufferState released(
      BufferState state, BufferEvent.Released e, List<BufferEffect> effects) {
    @Nullable HistoryEvent unfinished = RevokeSequence.unfinished(state, e.nowNanos());
    if (unfinished != null) {
      effects.add(new BufferEffect.Note(unfinished));
    }
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.BufferReleased(state.settings().id(), state.attachments().size())));
    effects.add(journal(state, Phase.RELEASED));
    return state;
  }

  /** Goes on with what nothing more has to come for. */
  static BufferState advance(BufferState state, long nowNanos, List<BufferEffect> effects) {
    BufferState next = UnrevokeSequence.advance(state, effects);
    return RevokeSequence.advance(next, nowNanos, effects);
  }

  /** What the pool has given and the buffer has not taken; not what it has. */
  static void giveBack(BufferState state, int segment, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    BufferState.Memory copied = revoke == null ? null : revoke.copied();
    Unrevoke unrevoke = state.unrevoke();
    if (segment != state.segment()
        && (copied == null || copied.segment() != segment)
        && (unrevoke == null || unrevoke.memory().segment() != segment)) {
      effects.add(new BufferEffect.GiveBack(segment));
    }
  }

  /** What is to stand in the journal from now on. */
  static BufferEffect journal(BufferState state, Phase phase) {
    return new BufferEffect.Journal(state.epoch(), phase, state.segment(), state.generation());
  }

  /** Takes the attachments of dead processes off the list; their slots the IOMMU closes itself. */
  static BufferState reap(BufferState state, List<BufferEffect> effects) {
    if (!state.settings().contract().enforced()) {
      return state;
    }
    BufferState next = state;
    Map<Integer, List<Attachment>> dead = new TreeMap<>();
    for (Attachment a : state.attachments().values()) {
      if (state.deadProcesses().contains(a.process())) {
        dead.computeIfAbsent(a.process(), p -> new ArrayList<>()).add(a);
        next = next.attachments(next.attachments().minus(a.id()));
      }
    }
    List<Integer> reaped =
        dead.values().stream().flatMap(List::stream).map(Attachment::id).toList();
    dead.forEach((process, its) ->
        effects.add(
            new BufferEffect.Note(
                new HistoryEvent.Reaped(
                    state.settings().id(),
                    process,
                    its.stream().map(Attachment::id).toList(),
                    its.stream().mapToInt(Attachment::pins).sum(),
                    (int) its.stream().filter(a -> !a.mapping().nothing()).count()))));
    return reaped.isEmpty() ? next : BufferFences.drop(next, reaped);
  }

  private static long waitingSince(BufferState state, long nowNanos) {
    Revoke revoke = state.revoke();
    Unrevoke unrevoke = state.unrevoke();
    if (revoke != null) {
      return revoke.startedNanos();
    }
    return unrevoke != null ? unrevoke.startedNanos() : nowNanos;
  }

  /** Sets the time at which to ask again, or to go on without an answer. */
  static void wake(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    // Ever longer, or who is slow because there is much to do would be given more of it.
    long passed = nowNanos - waitingSince(state, nowNanos);
    long first = state.settings().retryNanos();
    boolean copying = revoke != null && revoke.stage() == Revoke.Stage.COPYING;
    long retry =
        nowNanos
            + (copying
                ? Math.max(1, MoveSequence.seenEvery(state))
                : Math.clamp(passed, first, first * MOST_RETRY));
    @Nullable Long deadline =
        revoke != null && RevokeSequence.hasDeadline(state, revoke)
            ? Long.valueOf(RevokeSequence.deadline(state, revoke))
            : null;
    // Compared by difference: nanoTime may be negative and may wrap.
    long at = deadline != null && deadline - retry < 0 ? deadline : retry;
    @Nullable Long timeout = state.firstTimeoutNanos(nowNanos);
    effects.add(new BufferEffect.WakeAt(timeout != null && timeout - at < 0 ? timeout : at));
  }
}
