package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.exporter.BufferState.Memory;
import dev.dmabufsim.exporter.Revoke.Stage;
import java.util.List;

/**
 * What a move does besides being a revoke: its content is copied to other memory, in time, and the
 * buffer lives on there.
 */
final class MoveSequence {
  /** How often a move is looked at within the time that it has. */
  private static final int LOOKS = 8;

  private MoveSequence() {}

  /** Moves a GPU's buffer to where that attachment reaches it, unless it is pinned. */
  static BufferState fetch(
      BufferState state, boolean peer2peer, long nowNanos, List<BufferEffect> effects) {
    if (peer2peer || !Placement.inVram(state) || state.revoked()) {
      return state;
    }
    if (Placement.holds(state) > 0) {
      refuseMove(state, RevokeCause.MIGRATION, effects);
      return state;
    }
    return RevokeSequence.begin(state, RevokeCause.MIGRATION, nowNanos, effects);
  }

  static void refuseMove(BufferState state, RevokeCause cause, List<BufferEffect> effects) {
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.MoveRefused(state.settings().id(), cause, Placement.holds(state))));
  }

  /**
   * While a move copies, looks at the clock often: a process that was frozen has not been too slow,
   * and content is not to be lost for it.
   */
  static BufferState seen(BufferState state, long nowNanos) {
    Revoke revoke = state.revoke();
    return revoke == null || revoke.stage() != Stage.COPYING
        ? state
        : state.revoke(revoke.seen(nowNanos, seenEvery(state)));
  }

  /** How often a move's copying is to be seen, nanoseconds. */
  static long seenEvery(BufferState state) {
    return state.settings().copyNanos() / LOOKS;
  }

  /**
   * When it has to be copied. What the stages before have not used of their time is a copy's, too:
   * many at once wait for the one pool, and content is not to be lost for it while there is time.
   * What was added for time in which nobody saw it counts from its own time only, or a busy process
   * would take what is left for severing.
   */
  static long deadline(BufferState state, Revoke revoke) {
    BufferState.Settings s = state.settings();
    long unused = revoke.startedNanos() + s.askNanos() + s.blockNanos() + s.copyNanos();
    long own = revoke.stageDeadlineNanos();
    // Compared by difference: nanoTime may be negative and may wrap.
    return unused - own > 0 ? unused : own;
  }

  static BufferState copyOut(BufferState state, long nowNanos, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null) {
      return state;
    }
    RevokeOutcome proven = revoke.proven();
    // Elsewhere that all is over is an importer's word.
    boolean drained = state.settings().contract().enforced() && proven != null;
    effects.add(new BufferEffect.CopyOut(state.epoch(), state.segment(), drained));
    BufferState next =
        state.revoke(
            revoke
                .seen(nowNanos, Long.MAX_VALUE / 2)
                .stage(Stage.COPYING, nowNanos + state.settings().copyNanos()));
    BufferCore.wake(next, nowNanos, effects);
    return next;
  }

  /** A move's content is in other memory. */
  static BufferState copied(
      BufferState state, BufferEvent.CopiedOut e, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    if (revoke == null || e.epoch() != state.epoch() || revoke.stage() != Stage.COPYING) {
      BufferCore.giveBack(state, e.segment(), effects);
      return state;
    }
    boolean system = Placement.movesToSystem(state);
    Memory memory =
        new Memory(e.segment(), e.generation(), state.memory().content(), system, false);
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.Moved(
                state.settings().id(),
                state.epoch(),
                system,
                state.segment(),
                e.segment(),
                state.settings().bytes(),
                e.before(),
                e.after())));
    BufferState next = state.revoke(revoke.copied(memory));
    RevokeOutcome proven = revoke.proven();
    return proven == null
        ? RevokeSequence.sever(next, e.nowNanos(), effects)
        : RevokeSequence.complete(next, proven, e.nowNanos(), effects);
  }

  /** A move's content will not be in other memory. */
  static BufferState moveFailed(
      BufferState state, BufferEvent.MoveFailed e, List<BufferEffect> effects) {
    Revoke revoke = state.revoke();
    return revoke == null || e.epoch() != state.epoch() || revoke.stage() != Stage.COPYING
        ? state
        : notCopied(state, "there was no memory", e.nowNanos(), effects);
  }

  /**
   * Without memory to move to, the kernel's move fails with ENOMEM: the content stays where it was,
   * and whoever was told to invalidate maps it there again. Under an enforced contract the memory
   * is to be the exporter's within the bound: it is taken, and the content with it.
   */
  static BufferState notCopied(
      BufferState state, String why, long nowNanos, List<BufferEffect> effects) {
    boolean enforced = state.settings().contract().enforced();
    effects.add(
        new BufferEffect.Note(
            new HistoryEvent.MoveFailed(state.settings().id(), state.epoch(), enforced, why)));
    if (enforced) {
      return RevokeSequence.sever(state, nowNanos, effects);
    }
    BufferState next = state.revoke(null).revokedBy(null, state.epoch());
    effects.add(BufferCore.journal(next, Phase.LIVE));
    return RevokeSequence.reported(next, false, nowNanos, effects);
  }
}
