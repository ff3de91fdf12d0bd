package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeCause.After;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.exporter.BufferEffect.Next;
import dev.dmabufsim.exporter.BufferState.Attachment;
import dev.dmabufsim.exporter.BufferState.Mapping;
import dev.dmabufsim.exporter.BufferState.Memory;
import dev.dmabufsim.exporter.BufferState.Wait;
import dev.dmabufsim.exporter.Replies.Call;
import dev.dmabufsim.exporter.Revoke.Stage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pcollections.HashTreePSet;
import org.pcollections.PSet;

/**
 * How a revoke goes on: what it waits for, what it does when that does not come, and when it is
 * complete. All sequences are played here; {@link Contract} says in what they differ.
 */
final class RevokeSequence {
  /** The part of the IOMMU's time that it may spend on draining, so that its answer is in time. */
  private static final double DRAIN_SHARE = 0.75;

  private RevokeSequence() {}

  /** The exporter device wants the memory back, and to be told when it has it. */
  static BufferState requested(
      BufferState state, BufferEvent.RevokeRequested e, List<BufferEffect> effects) {
    RevokeCause by = state.revokedBy();
    RevokeCause cause = e.cause();
    if (by == null) {
      if (cause.after() == After.MOVED && Placement.holds(state) > 0) {
        MoveSequence.refuseMove(state, cause, effects);
        effects.add(new BufferEffect.Report(false));
        return state;
      }
      return begin(state.requests(null, true), cause, e.nowNanos(), effects);
    }
    if (state.moving()) {
      // It would wait for the lock; what is moved twice at once is moved once.
      boolean waits = cause.after() != After.MOVED && state.queued() == null;
      return state.requests(waits ? cause : state.queued(), true);
    }
    if (state.lost() && cause.after() == After.MOVED) {
      // There is nothing to move. By now there may be memory.
      effects.add(new BufferEffect.Borrow());
      effects.add(new BufferEffect.Report(false));
      return state;
    }
    // "Skip if unchanged": a second revoke of revoked memory is no revoke. It can be the last,
    // though.
    BufferState kept = UnrevokeSequence.overtaken(state, effects);
    BufferState next =
        by.after() != After.DEAD && cause.after() == After.DEAD
            ? kept.revokedBy(cause, state.epoch())
            : kept;
    if (next.revoke() != null) {
      return next.requests(null, true);
    }
    effects.add(new BufferEffect.Report(true));
    return next;
  }

  static BufferState begin(
      BufferState state, RevokeCause cause, long nowNanos, List<BufferEffect> effects) {
    BufferState next = state.revokedBy(cause, state.epoch() + 1);
    Replies replies = new Replies();
    SlotAsks slots = new SlotAsks();
    PSet<Integer> returns = HashTreePSet.empty();
    PSet<Integer> unmaps = HashTreePSet.empty();
    PSet<MappingId> cpu = HashTreePSet.empty();
    int mapped = 0;
    for (Attachment a : state.attachments().values()) {
      next = next.with(overtake(next, a, replies, slots));
      if (a.cpu().slot() instanceof Mapping.Mapped m) {
        cpu = cpu.plus(new MappingId(a.id(), m.table().generation(), SlotUse.CPU));
      }
      if (a.revocable()) {
        returns = returns.plus(a.id());
      }
      if (a.mapping() instanceof Mapping.Mapped m) {
        mapped++;
        unmaps = m.counted() ? unmaps.plus(a.id()) : unmaps;
      }
    }
    next =
        next.revoke(
            new Revoke(
                nowNanos,
                Stage.ASKING,
                nowNanos + state.settings().askNanos(),
                returns,
                unmaps,
                cpu,
                HashTreePSet.empty(),
                null,
                null,
                nowNanos));
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.RevokeRequested(
                state.settings().id(),
                next.epoch(),
                cause,
                state.segment(),
                state.generation(),
                state.attachments().size(),
                mapped)));
    // Before any message: whoever has heard of the revoke finds it there, should this process die.
    effects.add(BufferCore.journal(next, Phase.REVOKING));
    replies.flush(state, effects);
    slots.flush(next, effects);
    invalidate(next, returns, effects);
    // Those whose process is dead already will not answer: no need to wait for the deadline.
    for (int process : state.deadProcesses()) {
      next = giveUp(next, process);
    }
    BufferCore.wake(next, nowNanos, effects);
    return advance(next, nowNanos, effects);
  }

  /**
   * Maps under way: the revoke has the lock first, so to speak, and they find the flag set. CPU
   * mappings: their page-table entries go.
   */
  private static Attachment overtake(
      BufferState state, Attachment a, Replies replies, SlotAsks slots) {
    Attachment next = a;
    if (a.mapping() instanceof Mapping.Pending(Operation operation, long call, var _)) {
      MappingId id = new MappingId(a.id(), state.generation(), a.use());
      next = next.mapping(new Mapping.Unmapping(Operation.UNMAP, 0, id));
      next = next.answered(operation, call, state.refusal());
      replies.failed(new Call(a.process(), call, operation), a.id(), state.refusal());
      slots.unmap(id);
    }
    Wait wait = a.awaited();
    if (wait != null) {
      next = next.waits(null).answered(Operation.MAP, wait.call(), state.refusal());
      replies.failed(new Call(a.process(), wait.call(), Operation.MAP), a.id(), state.refusal());
    }
    switch (a.cpu().slot()) {
      case Mapping.Pending(Operation operation, long call, var _) -> {
        MappingId id = new MappingId(a.id(), state.generation(), SlotUse.CPU);
        next = next.cpu(new Mapping.Unmapping(Operation.MUNMAP, 0, id));
        next = next.answered(operation, call, state.refusal());
        replies.failed(new Call(a.process(), call, operation), a.id(), state.refusal());
        slots.unmap(id);
      }
      case Mapping.Mapped m -> {
        MappingId id = new MappingId(a.id(), m.table().generation(), SlotUse.CPU);
        next = next.cpu(new Mapping.Unmapping(Operation.MUNMAP, 0, id));
        slots.unmap(id);
      }
      case Mapping.None n -> {}
      case Mapping.Taken t -> {}
      case Mapping.Unmapping u -> {}
    }
    return next;
  }

  /** Importers answer. */
  static BufferState progressed(
      BufferState state, BufferEvent.Progressed e, List<BufferEffect> effects) {
    if (state.deadProcesses().contains(e.process())) {
      return state;
    }
    List<Integer> returned = own(state, e.process(), e.returned());
    List<Integer> unmapped = own(state, e.process(), e.unmapped());
    BufferState next = state;
    boolean current = e.epoch() == state.epoch() || Planted.EPOCH_NOT_COMPARED.planted();
    if (current) {
      next = BufferFences.add(next, e.fences(), returned);
      next = close(next, e, unmapped, effects);
    }
    BufferFences.Heard heard =
        BufferFences.signal(
            next, e.process(), e.epoch(), e.signalled(), current ? returned : List.of());
    next = heard.state();
    if (!current && senseless(e, heard)) {
      drop("progress of epoch " + e.epoch(), "the epoch is " + state.epoch(), effects);
    } else if (heard.senseless() > 0) {
      drop(heard.senseless() + " signals", "no such fence is pending", effects);
    }
    next = BufferFences.wake(next, e.nowNanos(), effects);
    Revoke revoke = next.revoke();
    if (revoke == null || !current) {
      if (next.waiting() && !state.waiting()) {
        BufferCore.wake(next, e.nowNanos(), effects);
      }
      next = current ? UnrevokeSequence.returned(next, returned) : next;
      // A fence of an epoch before may have been what this one waits for.
      return BufferCore.advance(next, e.nowNanos(), effects);
    }
    boolean enforced = state.settings().contract().enforced();
    next =
        next.revoke(
            revoke
                .awaiting(
                    revoke.returns().minusAll(returned),
                    // Where the IOMMU's closing proves it in the end, the importer's word will do
                    // now; elsewhere an unmap is over when the exporter's unmap op is.
                    enforced
                        ? revoke.unmaps().minusAll(unmapped)
                        : minusUnmapped(next, revoke.unmaps(), unmapped))
                .alsoClosing(enforced ? List.of() : withinCallback(next, returned, unmapped)));
    return advance(next, e.nowNanos(), effects);
  }

  /** Whether a message of another epoch had nothing to say that still concerns anybody. */
  private static boolean senseless(BufferEvent.Progressed e, BufferFences.Heard heard) {
    return e.signalled().size() == heard.senseless();
  }

  private static void drop(String what, String why, List<BufferEffect> effects) {
    effects.add(new BufferEffect.Note(new HistoryEvent.Dropped(what, why)));
  }

  /** Those that are that process's: nobody answers for somebody else. */
  private static List<Integer> own(BufferState state, int process, List<Integer> ids) {
    return ids.stream()
        .filter(id -> {
          Attachment a = state.attachments().get(id);
          return a != null && a.process() == process;
        })
        .toList();
  }

  /** The exporter's unmap op for what importers say they have unmapped. */
  private static BufferState close(
      BufferState state,
      BufferEvent.Progressed e,
      List<Integer> unmapped,
      List<BufferEffect> effects) {
    BufferState next = state;
    List<MappingId> closing = new ArrayList<>();
    for (int id : unmapped) {
      Attachment a = next.attachments().get(id);
      // What is said of a revoke concerns what was mapped before it: told again, an importer may
      // answer when it has mapped anew already.
      if (a != null
          && a.mapping() instanceof Mapping.Mapped(var table, long epoch, boolean _)
          && epoch < e.epoch()) {
        MappingId mapping = new MappingId(id, table.generation(), table.use());
        next = next.with(a.mapping(new Mapping.Unmapping(Operation.UNMAP, 0, mapping)));
        closing.add(mapping);
      } else if (a != null && a.mapping() instanceof Mapping.Taken) {
        // It says late what it was not waited for to say.
        next = next.with(a.mapping(new Mapping.None()));
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
    return next;
  }

  /**
   * Mappings that were unmapped within a callback which has returned. The unmap is over before that
   * returns; here the IOMMU's part of it takes a message more, and no sequence goes on before.
   */
  private static List<MappingId> withinCallback(
      BufferState state, List<Integer> returned, List<Integer> unmapped) {
    List<MappingId> within = new ArrayList<>();
    for (int id : unmapped) {
      Attachment a = state.attachments().get(id);
      if (a != null
          && returned.contains(id)
          && a.mapping() instanceof Mapping.Unmapping(Operation _, long call, MappingId mapping)
          && call == 0) {
        within.add(mapping);
      }
    }
    return within;
  }

  /** Without those of the unmapped that have no mapping left to be closed. */
  private static PSet<Integer> minusUnmapped(
      BufferState state, PSet<Integer> unmaps, List<Integer> said) {
    return unmaps.minusAll(
        said.stream()
            .filter(id -> {
              Attachment a = state.attachments().get(id);
              return a == null || a.mapping().nothing();
            })
            .toList());
  }

  /**
   * Stops waiting for a dead process. Under a contract that nothing enforces this concerns only the
   * return of its callback: that is code of the kernel's, which returns; but its fences do not
   * signal and its mappings stay, and whoever waits for those waits.
   */
  static BufferState giveUp(BufferState state, int process) {
    Revoke revoke = state.revoke();
    if (revoke == null || !asking(revoke)) {
      return state;
    }
    List<Integer> its = ofProcess(state, process);
    if (!state.settings().contract().enforced()) {
      BufferState next = state;
      for (int id : its) {
        Attachment a = state.attachments().get(id);
        if (a != null && a.mapped() && revoke.returns().contains(id)) {
          next = BufferFences.abandoned(next, id);
        }
      }
      return next.revoke(revoke.awaiting(revoke.returns().minusAll(its), revoke.unmaps()));
    }
    PSet<Integer> owing = state.owing();
    PSet<Integer> owed = HashTreePSet.from(its.stream().filter(owing::contains).toList());
    return BufferFences.drop(state, its)
        .revoke(
            revoke
                .awaiting(revoke.returns().minusAll(its), revoke.unmaps().minusAll(its))
                .blocked(revoke.blocked().plusAll(owed)));
  }

  /** The attachments of a process. */
  static List<Integer> ofProcess(BufferState state, int process) {
    return state.attachments().values().stream()
        .filter(a -> a.process() == process)
        .map(Attachment::id)
        .toList();
  }

  private static boolean asking(Revoke revoke) {
    return revoke.stage() == Stage.ASKING || revoke.stage() == Stage.UNMAPPING;
  }

  /** Goes on to the next stage if the contract waits for nothing more. */
  static BufferState advance(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || !asking(revoke)) {
      return state;
    }
    if (Planted.EARLY_HANDOVER.planted()) {
      return leave(state, RevokeOutcome.ACKED, nowNanos, effects);
    }
    Contract contract = state.settings().contract();
    boolean stopped =
        revoke.returns().isEmpty()
            && revoke.closing().isEmpty()
            && contract.fences().map(usage -> fenced(state, usage)).orElse(true);
    if (!stopped) {
      return state;
    }
    boolean unmapped = revoke.unmaps().isEmpty();
    return switch (contract.unmaps()) {
      case NONE -> leave(state, RevokeOutcome.ASSUMED, nowNanos, effects);
      case UNBOUNDED -> unmapped ? answered(state, nowNanos, effects) : state;
      case ONE_SECOND -> {
        if (unmapped) {
          yield answered(state, nowNanos, effects);
        }
        if (revoke.stage() == Stage.UNMAPPING) {
          yield state;
        }
        BufferState next =
            state.revoke(revoke.stage(Stage.UNMAPPING, nowNanos + Contract.ONE_SECOND_NANOS));
        BufferCore.wake(next, nowNanos, effects);
        yield next;
      }
    };
  }

  private static boolean fenced(BufferState state, FenceUsage usage) {
    return state.resv().signaled(Planted.NO_BOOKKEEP.planted() ? FenceUsage.READ : usage);
  }

  private static BufferState answered(
      BufferState state, long nowNanos, List<BufferEffect> effects) {
    if (state.settings().contract().enforced()) {
      return closeBuffer(state, nowNanos, effects);
    }
    // Addresses that were taken without a map: nobody counts them, and nobody waits for them.
    boolean uncounted = state.attachments().values().stream().anyMatch(Attachment::mapped);
    return leave(state, uncounted ? RevokeOutcome.ASSUMED : RevokeOutcome.ACKED, nowNanos, effects);
  }

  /** Whether the stage ends by itself, and its time has come. */
  static boolean late(BufferState state, long nowNanos) {
    Revoke revoke = state.revoke();
    return revoke != null && hasDeadline(state, revoke) && nowNanos - deadline(state, revoke) >= 0;
  }

  /** When the stage ends at the latest. */
  static long deadline(BufferState state, Revoke revoke) {
    return revoke.stage() == Stage.COPYING
        ? MoveSequence.deadline(state, revoke)
        : revoke.stageDeadlineNanos();
  }

  static boolean hasDeadline(BufferState state, Revoke revoke) {
    return switch (revoke.stage()) {
      case ASKING -> state.settings().contract().enforced() && !Planted.NO_DEADLINE.planted();
      case CLOSING, COPYING, SEVERING -> state.settings().contract().enforced();
      case UNMAPPING -> true;
    };
  }

  /** The stage's time is over. */
  static BufferState expired(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    return switch (revoke.stage()) {
      case ASKING ->
          closeBuffer(
              state.revoke(revoke.blocked(revoke.blocked().plusAll(state.owing()))),
              nowNanos,
              effects);
      // "Timed out waiting for DMABUF attachments", and on it goes.
      case UNMAPPING -> leave(state, RevokeOutcome.ASSUMED, nowNanos, effects);
      // The IOMMU does not answer: it may be dead. The memory is the exporter's own to take.
      case CLOSING -> takeAway(state, nowNanos, effects);
      // It could not be severed: again, and no faster than anything else is asked again.
      case SEVERING -> sever(state, nowNanos, effects);
      case COPYING -> MoveSequence.notCopied(state, "it took too long", nowNanos, effects);
    };
  }

  /** Asks again for what the stage waits for. */
  static void repeat(BufferState state, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return;
    }
    switch (revoke.stage()) {
      case ASKING, UNMAPPING -> invalidate(state, state.owing(), effects);
      case CLOSING -> effects.add(closeEffect(state));
      case SEVERING -> effects.add(new BufferEffect.Sever(state.epoch(), state.segment()));
      case COPYING -> {
        // Nothing is lost on the way to this node's own pool.
      }
    }
  }

  /** {@code dma_buf_invalidate_mappings()}: skips whom it cannot call. */
  static void invalidate(BufferState state, Collection<Integer> ids, List<BufferEffect> effects) {
    Map<Integer, List<Integer>> byProcess = new TreeMap<>();
    for (int id : new TreeSet<>(ids)) {
      Attachment a = state.attachments().get(id);
      if (a != null && a.revocable()) {
        byProcess.computeIfAbsent(a.process(), p -> new ArrayList<>()).add(id);
      }
    }
    byProcess.forEach((process, its) ->
        effects.add(new BufferEffect.Invalidate(process, state.epoch(), List.copyOf(its))));
  }

  private static BufferState closeBuffer(
      BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    BufferState next =
        state.revoke(revoke.stage(Stage.CLOSING, nowNanos + state.settings().blockNanos()));
    effects.add(closeEffect(next));
    BufferCore.wake(next, nowNanos, effects);
    return next;
  }

  private static BufferEffect closeEffect(BufferState state) {
    long drain = (long) (state.settings().blockNanos() * DRAIN_SHARE);
    return new BufferEffect.CloseBuffer(state.epoch(), drain);
  }

  /** The IOMMU answers a close. */
  static BufferState closed(
      BufferState state, BufferEvent.BufferClosed e, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || e.epoch() != state.epoch() || revoke.stage() != Stage.CLOSING) {
      return state;
    }
    Revoke settled = revoke.blocked(revoke.blocked().plusAll(e.open()));
    BufferState next = state.revoke(settled);
    if (!e.undrained().isEmpty()) {
      Revoke stuck = settled.blocked(settled.blocked().plusAll(e.undrained()));
      return takeAway(next.revoke(stuck), e.nowNanos(), effects);
    }
    boolean acked = settled.blocked().isEmpty();
    return leave(next, acked ? RevokeOutcome.ACKED : RevokeOutcome.BLOCKED, e.nowNanos(), effects);
  }

  /** Nothing more is waited for: what is in the memory may have to be saved now. */
  private static BufferState leave(
      BufferState state, RevokeOutcome outcome, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || !state.moving()) {
      return complete(state, outcome, nowNanos, effects);
    }
    return MoveSequence.copyOut(state.revoke(revoke.proven(outcome)), nowNanos, effects);
  }

  /** Takes the memory away; but what is to live on elsewhere is copied before. */
  private static BufferState takeAway(
      BufferState state, long nowNanos, List<BufferEffect> effects) {
    return state.moving()
        ? MoveSequence.copyOut(state, nowNanos, effects)
        : sever(state, nowNanos, effects);
  }

  static BufferState sever(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    effects.add(new BufferEffect.Sever(state.epoch(), state.segment()));
    BufferState next =
        state.revoke(
            revoke
                .stage(Stage.SEVERING, nowNanos + state.settings().retryNanos())
                .blocked(revoke.blocked().plusAll(state.owing())));
    BufferCore.wake(next, nowNanos, effects);
    return next;
  }

  /** The memory is gone. */
  static BufferState severed(BufferState state, BufferEvent.Severed e, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || e.epoch() != state.epoch() || revoke.stage() != Stage.SEVERING) {
      return state;
    }
    return complete(state, RevokeOutcome.SEVERED, e.nowNanos(), effects);
  }

  static BufferState complete(
      BufferState state, RevokeOutcome outcome, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    RevokeCause cause = state.revokedBy();
    if (revoke == null || cause == null) {
      return state;
    }
    Memory old = state.memory();
    boolean severed = outcome == RevokeOutcome.SEVERED;
    if (!severed) {
      effects.add(new BufferEffect.Disown(old.segment(), decodesNothing(cause, old)));
    }
    long nanos = nowNanos - revoke.startedNanos();
    effects.add(BufferCore.journal(state, Phase.REVOKED));
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.RevokeCompleted(
                state.settings().id(),
                state.epoch(),
                old.segment(),
                old.generation(),
                outcome,
                nanos / 1000,
                revoke.blocked().stream().sorted().toList())));
    effects.add(
        new BufferEffect.Complete(
            state.epoch(),
            old.segment(),
            old.generation(),
            outcome,
            nanos,
            next(cause, old, severed)));
    BufferState next = state.revoke(null);
    if (severed) {
      next = next.memory(old.taken());
    }
    Memory copied = revoke.copied();
    if (copied != null) {
      next = next.memory(copied).revokedBy(null, state.epoch());
      noteRestored(next, effects);
    }
    if (state.settings().contract().enforced()) {
      next = outOfReach(severed ? closingStill(next) : next, nowNanos, effects);
    }
    if (!next.closing().isEmpty()) {
      BufferCore.wake(next, nowNanos, effects);
    }
    if (next.lost() && next.queued() == null) {
      effects.add(new BufferEffect.Borrow());
    }
    return reported(next, true, nowNanos, effects);
  }

  private static Next next(RevokeCause cause, Memory old, boolean severed) {
    if (severed && !Planted.SEVERED_REUSED.planted()) {
      return cause.after() == After.DEAD ? Next.NOBODY : Next.REPLACEMENT;
    }
    return decodesNothing(cause, old) ? Next.NOBODY : Next.TENANT;
  }

  /** What of a buffer is in system memory does not go away with its device: others get it. */
  static boolean decodesNothing(RevokeCause cause, Memory old) {
    return cause.decodesNothing() && !old.system();
  }

  /**
   * Memory is severed when the IOMMU did not answer, or could not drain. Nobody waits for it then,
   * but its slots are to be closed all the same, so it is asked until it says that they are.
   */
  private static BufferState closingStill(BufferState state) {
    PSet<MappingId> closing = state.closing();
    for (Attachment a : state.attachments().values()) {
      boolean dead = state.deadProcesses().contains(a.process());
      if (!dead && a.mapping() instanceof Mapping.Mapped m) {
        closing = closing.plus(new MappingId(a.id(), m.table().generation(), m.table().use()));
      }
    }
    return state.closing(closing);
  }

  /** Whatever was mapped is not any more: the IOMMU closed it, or the memory is gone. */
  private static BufferState outOfReach(
      BufferState state, long nowNanos, List<BufferEffect> effects) {
    BufferState next = state;
    for (Attachment a : next.attachments().values()) {
      if (a.mapped()) {
        next = next.with(a.mapping(new Mapping.Taken()));
      }
    }
    next = BufferFences.signalAll(next);
    next = BufferCore.reap(next, effects);
    return BufferFences.wake(next, nowNanos, effects);
  }

  /** Tells the device; but first comes what has waited for the lock. */
  static BufferState reported(
      BufferState state, boolean revoked, long nowNanos, List<BufferEffect> effects) {
    RevokeCause queued = state.queued();
    if (queued != null && state.lost()) {
      // Of what is gone nothing more is to be taken.
      effects.add(new BufferEffect.Report(true));
      return state.revokedBy(queued, state.epoch()).requests(null, false);
    }
    if (queued != null) {
      return begin(state.requests(null, state.asked()), queued, nowNanos, effects);
    }
    if (state.asked()) {
      effects.add(new BufferEffect.Report(revoked));
    }
    return state.requests(null, false);
  }

  static void noteRestored(BufferState state, List<BufferEffect> effects) {
    effects.add(BufferCore.journal(state, Phase.LIVE));
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.Restored(
                state.settings().id(), state.epoch(), state.segment(), state.generation())));
  }

  /** The fences and unmaps that a revoke waits for still. */
  static @Nullable HistoryEvent unfinished(BufferState state, long nowNanos) {
    Revoke revoke = state.revoke();
    return revoke == null
        ? null
        : new HistoryEvent.RevokeUnfinished(
            state.settings().id(),
            state.epoch(),
            (nowNanos - revoke.startedNanos()) / 1000,
            state.fenced(),
            revoke.unmaps().stream().sorted().toList());
  }
}
