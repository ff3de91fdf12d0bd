package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.BufferState.Revoke;
import dev.dmabufsim.exporter.BufferState.Stage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pcollections.HashTreePSet;
import org.pcollections.PSet;

/**
 * What a dma-buf decides. A pure function: no clock, no thread, no message.
 *
 * <p>The life of a buffer, and what may be asked of it when:
 *
 * <pre>
 *   exported --- RevokeRequested ---> ASKING ---> CLOSING ---> SEVERING
 *      ^    map: slots, or ENOMEM       |  answers   |  closed     |
 *      |                                |  or        |  and        |
 *      |                                |  deadline  |  drained    |
 *      |                                v            v             v
 *      +--------- Restored ---------- revoked: complete; map: ENODEV, unmap legal
 * </pre>
 *
 * CLOSING and SEVERING exist under an enforced contract only. Under the others the revoke completes
 * from ASKING as soon as what the contract waits for has come, or never.
 *
 * <p>Events are handled one at a time, as the resv lock has it; what the lock would be held across
 * (a map asks the IOMMU) is a pending state here, and a revoke that comes between wins.
 */
public final class BufferCore {
  /** The part of the IOMMU's time that it may spend on draining, so that its answer is in time. */
  private static final double DRAIN_SHARE = 0.75;

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
          case BufferEvent.Attached e -> attached(state, e);
          case BufferEvent.Called e -> called(state, e, effects);
          case BufferEvent.SlotsMapped e -> slotsMapped(state, e, effects);
          case BufferEvent.SlotsUnmapped e -> slotsUnmapped(state, e, effects);
          case BufferEvent.RevokeRequested e -> revokeRequested(state, e, effects);
          case BufferEvent.Progressed e -> progressed(state, e, effects);
          case BufferEvent.BufferClosed e -> closed(state, e, effects);
          case BufferEvent.Severed e -> severed(state, e, effects);
          case BufferEvent.Restored e -> restored(state, e, effects);
          case BufferEvent.ProcessDied e -> processDied(state, e, effects);
          case BufferEvent.Ticked e -> ticked(state, e, effects);
        };
    return new Step(next, List.copyOf(effects));
  }

  private static BufferState attached(BufferState state, BufferEvent.Attached e) {
    if (state.deadProcesses().contains(e.process())) {
      return state;
    }
    BufferState next = state;
    for (int id : e.ids()) {
      if (!next.attachments().containsKey(id)) {
        next =
            next.with(
                new Attachment(
                    id,
                    e.process(),
                    e.deviceKey(),
                    e.kind(),
                    e.mapErrno(),
                    0,
                    new Mapping.None(),
                    0,
                    Errno.OK));
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
    if (next.waiting() && !state.waiting()) {
      wake(next, e.nowNanos(), effects);
    }
    return advance(next, e.nowNanos(), effects);
  }

  private static BufferState slotsMapped(
      BufferState state, BufferEvent.SlotsMapped e, List<BufferEffect> effects) {
    if (e.epoch() != state.epoch() || state.revoked()) {
      // A revoke came between; it has answered ENODEV and had the slots closed already.
      return state;
    }
    BufferState next = state;
    Replies replies = new Replies();
    for (SgTable table : e.tables()) {
      Attachment a = next.attachments().get(table.attachment());
      if (a != null && a.mapping() instanceof Mapping.Pending(long call)) {
        next = next.with(a.mapping(new Mapping.Mapped(table, e.epoch())).answered(call, Errno.OK));
        replies.mapped(a.process(), call, table);
      }
    }
    for (int id : e.refused()) {
      Attachment a = next.attachments().get(id);
      if (a != null && a.mapping() instanceof Mapping.Pending(long call)) {
        next = next.with(a.mapping(new Mapping.None()).answered(call, Errno.ENOMEM));
        replies.failed(a.process(), call, id, Errno.ENOMEM);
      }
    }
    replies.flush(Operation.MAP, state, effects);
    return next;
  }

  private static BufferState slotsUnmapped(
      BufferState state, BufferEvent.SlotsUnmapped e, List<BufferEffect> effects) {
    BufferState next = state.closing(state.closing().minusAll(e.mappings()));
    Replies replies = new Replies();
    List<Integer> unmapped = new ArrayList<>();
    for (MappingId mapping : e.mappings()) {
      int id = mapping.attachment();
      Attachment a = next.attachments().get(id);
      if (a != null
          && a.mapping() instanceof Mapping.Unmapping(long call, MappingId which)
          && which.equals(mapping)) {
        unmapped.add(id);
        next = next.with(a.mapping(new Mapping.None()));
        if (call != 0) {
          next = next.with(a.mapping(new Mapping.None()).answered(call, Errno.OK));
          replies.done(a.process(), call, id);
        }
      }
    }
    replies.flush(Operation.UNMAP, state, effects);
    Revoke revoke = next.revoke();
    if (revoke == null) {
      return next;
    }
    // The exporter's unmap op is over: it counts for a revoke, however it was asked for.
    next =
        next.revoke(
            revoke.awaiting(revoke.returns(), revoke.fences(), revoke.unmaps().minusAll(unmapped)));
    return advance(next, e.nowNanos(), effects);
  }

  /** Those of the unmapped that have no mapping left to be closed. */
  private static PSet<Integer> minusUnmapped(
      BufferState state, PSet<Integer> unmaps, List<Integer> said) {
    return unmaps.minusAll(
        said.stream()
            .filter(id -> {
              Attachment a = state.attachments().get(id);
              return a == null || a.mapping() instanceof Mapping.None;
            })
            .toList());
  }

  private static BufferState revokeRequested(
      BufferState state, BufferEvent.RevokeRequested e, List<BufferEffect> effects) {
    if (state.revoked()) {
      // "Skip if unchanged": a second revoke of revoked memory is no revoke.
      return state;
    }
    BufferState next = state.revokedAt(state.epoch() + 1);
    // Maps under way: the revoke has the lock first, so to speak, and they find the flag set.
    Replies replies = new Replies();
    List<MappingId> late = new ArrayList<>();
    for (Attachment a : state.attachments().values()) {
      if (a.mapping() instanceof Mapping.Pending(long call)) {
        MappingId id = new MappingId(a.id(), state.generation(), SlotUse.DMA);
        next = next.with(a.mapping(new Mapping.Unmapping(0, id)).answered(call, Errno.ENODEV));
        replies.failed(a.process(), call, a.id(), Errno.ENODEV);
        late.add(id);
      }
    }
    replies.flush(Operation.MAP, state, effects);
    if (!late.isEmpty()) {
      effects.add(new BufferEffect.UnmapSlots(late));
    }
    PSet<Integer> all = HashTreePSet.from(state.attachments().keySet());
    List<Integer> mapped =
        state.attachments().values().stream()
            .filter(a -> a.mapping() instanceof Mapping.Mapped)
            .map(Attachment::id)
            .toList();
    long deadline = e.nowNanos() + state.settings().askNanos();
    next =
        next.revoke(
            new Revoke(
                e.nowNanos(),
                Stage.ASKING,
                deadline,
                all,
                all,
                HashTreePSet.from(mapped),
                HashTreePSet.empty()));
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.RevokeRequested(
                state.settings().id(),
                next.epoch(),
                RevokeCause.RESET,
                state.segment(),
                state.generation(),
                all.size(),
                mapped.size())));
    invalidate(next, all, effects);
    // Those whose process is dead already will not answer: no need to wait for the deadline.
    for (int process : state.deadProcesses()) {
      next = giveUp(next, process);
    }
    wake(next, e.nowNanos(), effects);
    return advance(next, e.nowNanos(), effects);
  }

  private static BufferState progressed(
      BufferState state, BufferEvent.Progressed e, List<BufferEffect> effects) {
    if (e.epoch() != state.epoch()) {
      return state;
    }
    BufferState next = state;
    List<MappingId> closing = new ArrayList<>();
    for (int id : e.unmapped()) {
      Attachment a = next.attachments().get(id);
      // What is said of a revoke concerns what was mapped before it: told again, an importer may
      // answer when it has mapped anew already.
      if (a != null
          && a.mapping() instanceof Mapping.Mapped(SgTable table, long epoch)
          && epoch < e.epoch()) {
        MappingId mapping = new MappingId(id, table.generation(), SlotUse.DMA);
        next = next.with(a.mapping(new Mapping.Unmapping(0, mapping)));
        closing.add(mapping);
      }
    }
    if (!closing.isEmpty()) {
      effects.add(new BufferEffect.UnmapSlots(closing));
      effects.add(
          new BufferEffect.Note(
              new HistoryEvent.Operated(
                  Operation.UNMAP,
                  state.settings().id(),
                  state.epoch(),
                  closing.stream().map(MappingId::attachment).toList())));
    }
    Revoke revoke = next.revoke();
    if (revoke == null) {
      if (next.waiting() && !state.waiting()) {
        wake(next, e.nowNanos(), effects);
      }
      return next;
    }
    next =
        next.revoke(
            revoke.awaiting(
                revoke.returns().minusAll(e.returned()),
                revoke.fences().minusAll(e.fenced()),
                // Where the IOMMU's closing proves it in the end, the importer's word will do now;
                // elsewhere an unmap is over when the exporter's unmap op is.
                state.settings().contract().enforced()
                    ? revoke.unmaps().minusAll(e.unmapped())
                    : minusUnmapped(next, revoke.unmaps(), e.unmapped())));
    return advance(next, e.nowNanos(), effects);
  }

  private static BufferState closed(
      BufferState state, BufferEvent.BufferClosed e, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || e.epoch() != state.epoch() || revoke.stage() != Stage.CLOSING) {
      return state;
    }
    BufferState next = state.revoke(revoke.blocked(revoke.blocked().plusAll(e.open())));
    if (!e.undrained().isEmpty()) {
      return sever(next, e.nowNanos(), effects);
    }
    Revoke settled = next.revoke();
    boolean acked = settled != null && settled.blocked().isEmpty();
    return complete(
        next, acked ? RevokeOutcome.ACKED : RevokeOutcome.BLOCKED, e.nowNanos(), effects);
  }

  private static BufferState severed(
      BufferState state, BufferEvent.Severed e, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || e.epoch() != state.epoch() || revoke.stage() != Stage.SEVERING) {
      return state;
    }
    return complete(state, RevokeOutcome.SEVERED, e.nowNanos(), effects);
  }

  private static BufferState restored(
      BufferState state, BufferEvent.Restored e, List<BufferEffect> effects) {
    if (!state.revoked() || state.revoke() != null) {
      return state;
    }
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.Restored(
                state.settings().id(), state.epoch(), e.segment(), e.generation())));
    return state.restored(e.segment(), e.generation());
  }

  private static BufferState processDied(
      BufferState state, BufferEvent.ProcessDied e, List<BufferEffect> effects) {
    BufferState next = giveUp(state.dead(e.process()), e.process());
    if (next.revoke() == null) {
      return reap(next, effects);
    }
    return advance(next, e.nowNanos(), effects);
  }

  /**
   * Stops waiting for a dead process. Under a contract that nothing enforces this concerns only the
   * return of its callback: that is code of the kernel's, which returns; but its fences do not
   * signal and its mappings stay, and whoever waits for those waits.
   */
  private static BufferState giveUp(BufferState state, int process) {
    Revoke revoke = state.revoke();
    if (revoke == null || revoke.stage() != Stage.ASKING) {
      return state;
    }
    List<Integer> its =
        state.attachments().values().stream()
            .filter(a -> a.process() == process)
            .map(Attachment::id)
            .toList();
    if (!state.settings().contract().enforced()) {
      return state.revoke(
          revoke.awaiting(revoke.returns().minusAll(its), revoke.fences(), revoke.unmaps()));
    }
    PSet<Integer> owed = HashTreePSet.from(its.stream().filter(revoke.owing()::contains).toList());
    return state.revoke(
        revoke
            .awaiting(
                revoke.returns().minusAll(its),
                revoke.fences().minusAll(its),
                revoke.unmaps().minusAll(its))
            .blocked(revoke.blocked().plusAll(owed)));
  }

  private static BufferState ticked(
      BufferState state, BufferEvent.Ticked e, List<BufferEffect> effects) {
    BufferState next = state;
    Revoke revoke = next.revoke();
    boolean late = revoke != null && e.nowNanos() - revoke.stageDeadlineNanos() >= 0;
    if (revoke != null && state.settings().contract().enforced() && late) {
      next =
          switch (revoke.stage()) {
            case ASKING ->
                close(
                    next.revoke(revoke.blocked(revoke.blocked().plusAll(revoke.owing()))),
                    e.nowNanos(),
                    effects);
            // The IOMMU does not answer: it may be dead. The memory is the exporter's own to take.
            case CLOSING -> sever(next, e.nowNanos(), effects);
            // It could not be severed: again, and no faster than anything else is asked again.
            case SEVERING -> sever(next, e.nowNanos(), effects);
          };
    } else {
      repeat(next, effects);
    }
    if (next.waiting()) {
      wake(next, e.nowNanos(), effects);
    }
    return next;
  }

  /** Asks again for whatever was not answered; all of it is idempotent at the other end. */
  private static void repeat(BufferState state, List<BufferEffect> effects) {
    List<SlotRequest> maps = new ArrayList<>();
    List<MappingId> unmaps = new ArrayList<>(state.closing());
    for (Attachment a : state.attachments().values()) {
      if (a.mapping() instanceof Mapping.Pending) {
        maps.add(new SlotRequest(a.id(), a.deviceKey(), a.process(), SlotUse.DMA));
      } else if (a.mapping() instanceof Mapping.Unmapping(long _, MappingId id)) {
        unmaps.add(id);
      }
    }
    if (!maps.isEmpty()) {
      effects.add(new BufferEffect.MapSlots(state.epoch(), maps));
    }
    if (!unmaps.isEmpty()) {
      effects.add(new BufferEffect.UnmapSlots(unmaps));
    }
    Revoke revoke = state.revoke();
    if (revoke != null) {
      switch (revoke.stage()) {
        case ASKING -> invalidate(state, revoke.owing(), effects);
        case CLOSING -> effects.add(closeEffect(state));
        case SEVERING -> effects.add(new BufferEffect.Sever(state.epoch(), state.segment()));
      }
    }
  }

  private static void invalidate(
      BufferState state, Collection<Integer> ids, List<BufferEffect> effects) {
    Map<Integer, List<Integer>> byProcess = new TreeMap<>();
    for (int id : ids) {
      Attachment a = state.attachments().get(id);
      if (a != null) {
        byProcess.computeIfAbsent(a.process(), p -> new ArrayList<>()).add(id);
      }
    }
    byProcess.forEach((process, its) ->
        effects.add(new BufferEffect.Invalidate(process, state.epoch(), List.copyOf(its))));
  }

  /** Goes on to the next stage if the contract waits for nothing more. */
  static BufferState advance(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || revoke.stage() != Stage.ASKING) {
      return state;
    }
    Contract contract = state.settings().contract();
    boolean answered =
        revoke.returns().isEmpty()
            && (contract.fences().isEmpty() || revoke.fences().isEmpty())
            && (contract.unmaps() == Contract.UnmapWait.NONE || revoke.unmaps().isEmpty());
    if (!answered) {
      return state;
    }
    return contract.enforced()
        ? close(state, nowNanos, effects)
        : complete(state, RevokeOutcome.ACKED, nowNanos, effects);
  }

  private static BufferState close(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    BufferState next =
        state.revoke(revoke.stage(Stage.CLOSING, nowNanos + state.settings().blockNanos()));
    effects.add(closeEffect(next));
    wake(next, nowNanos, effects);
    return next;
  }

  private static BufferEffect closeEffect(BufferState state) {
    long drain = (long) (state.settings().blockNanos() * DRAIN_SHARE);
    return new BufferEffect.CloseBuffer(state.epoch(), drain);
  }

  private static BufferState sever(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    effects.add(new BufferEffect.Sever(state.epoch(), state.segment()));
    return state.revoke(
        revoke
            .stage(Stage.SEVERING, nowNanos + state.settings().retryNanos())
            .blocked(revoke.blocked().plusAll(revoke.owing())));
  }

  private static BufferState complete(
      BufferState state, RevokeOutcome outcome, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    long nanos = nowNanos - revoke.startedNanos();
    List<Integer> blocked = revoke.blocked().stream().sorted().toList();
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.RevokeCompleted(
                state.settings().id(),
                state.epoch(),
                state.segment(),
                state.generation(),
                outcome,
                nanos / 1000,
                blocked)));
    effects.add(
        new BufferEffect.Complete(
            state.epoch(), state.segment(), state.generation(), outcome, nanos));
    BufferState next = state.revoke(null);
    if (state.settings().contract().enforced()) {
      // Whatever was mapped is not any more: the IOMMU closed it, or the memory is gone.
      for (Attachment a : next.attachments().values()) {
        if (a.mapping() instanceof Mapping.Mapped) {
          next = next.with(a.mapping(new Mapping.None()));
        }
      }
      next = reap(next, effects);
    }
    return next;
  }

  /** Takes the attachments of dead processes off the list; their slots the IOMMU closes itself. */
  private static BufferState reap(BufferState state, List<BufferEffect> effects) {
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
    dead.forEach((process, its) ->
        effects.add(
            new BufferEffect.Note(
                new HistoryEvent.Reaped(
                    state.settings().id(),
                    process,
                    its.stream().map(Attachment::id).toList(),
                    its.stream().mapToInt(Attachment::pins).sum(),
                    (int)
                        its.stream()
                            .filter(a -> !(a.mapping() instanceof Mapping.None))
                            .count()))));
    return next;
  }

  static void wake(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    // Ever longer, or who is slow because there is much to do would be given more of it.
    long passed = revoke == null ? 0 : nowNanos - revoke.startedNanos();
    long first = state.settings().retryNanos();
    long retry = nowNanos + Math.clamp(passed, first, first * MOST_RETRY);
    @Nullable Long deadline =
        revoke != null && state.settings().contract().enforced()
            ? Long.valueOf(revoke.stageDeadlineNanos())
            : null;
    // Compared by difference: nanoTime may be negative and may wrap.
    effects.add(
        new BufferEffect.WakeAt(deadline != null && deadline - retry < 0 ? deadline : retry));
  }
}
