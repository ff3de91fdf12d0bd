package dev.dmabufsim.exporter;

import java.util.List;
import org.pcollections.HashTreePSet;
import org.pcollections.PSet;

/**
 * When which device revokes and restores: what userspace, which resets devices, decides. A pure
 * function.
 *
 * <pre>
 *   IDLE --Began--> PAUSING --WaitOver--> REVOKING --all revoked--> HOLDING --WaitOver--> RESTORING
 *                      ^                                                                     |
 *                      +------- mapped again, or WaitOver ------- SETTLING <--all restored---+
 * </pre>
 *
 * ENDED from any of them; a round that is under way is finished first, if its revokes end.
 */
public final class RoundsCore {
  /** Where the rounds are. */
  public enum Phase {
    /** Not begun. */
    IDLE,
    /** Between rounds. */
    PAUSING,
    /** Waiting for revokes to complete. */
    REVOKING,
    /** The memory is with its next owner. */
    HOLDING,
    /** Waiting for buffers to be given memory. */
    RESTORING,
    /** Waiting for importers to map again. */
    SETTLING,
    /** No more rounds. */
    ENDED
  }

  /**
   * The rounds.
   *
   * @param round how many have begun
   * @param pending buffers that are awaited in this phase
   * @param ending whether to stop after this round
   */
  public record State(Phase phase, int round, PSet<Integer> pending, boolean ending) {
    /** Not begun. */
    public static State idle() {
      return new State(Phase.IDLE, 0, HashTreePSet.empty(), false);
    }

    State to(Phase next, PSet<Integer> awaited) {
      return new State(next, round, awaited, ending);
    }
  }

  /** What can happen. */
  public sealed interface Event {
    /** The experiment begins. */
    record Began() implements Event {}

    /** The wait that was asked for is over. */
    record WaitOver() implements Event {}

    /** A buffer's revoke completed. */
    record Revoked(int buffer) implements Event {}

    /** A buffer has memory again. */
    record Restored(int buffer) implements Event {}

    /** As many attachments are mapped as before the round. */
    record Settled() implements Event {}

    /** No more rounds are wanted. */
    record Ending() implements Event {}
  }

  /** What to do. */
  public sealed interface Effect {
    /** {@link Event.WaitOver} after so long; replaces an earlier wait. */
    record Wait(long nanos) implements Effect {}

    /** Revoke these buffers. */
    record Revoke(int round, List<Integer> buffers) implements Effect {}

    /** Restore these buffers. */
    record Restore(List<Integer> buffers) implements Effect {}

    /** Say {@link Event.Settled} when these buffers are mapped as before. */
    record AwaitMapped(List<Integer> buffers) implements Effect {}

    /** A round is over. */
    record RoundDone(int round, int revokes) implements Effect {}

    /** All rounds are over. */
    record Done(int rounds) implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  private final ExporterPlan.Rounds plan;
  private final List<List<Integer>> buffersByDevice;

  /** Rounds over these devices' buffers, in that order. */
  public RoundsCore(ExporterPlan.Rounds plan, List<List<Integer>> buffersByDevice) {
    this.plan = plan;
    this.buffersByDevice = List.copyOf(buffersByDevice);
  }

  private List<Integer> buffers(int round) {
    return buffersByDevice.get((round - 1) % buffersByDevice.size());
  }

  /** Decides. */
  public Step step(State s, Event event) {
    return switch (event) {
      case Event.Began e ->
          s.phase() == Phase.IDLE
              ? new Step(
                  s.to(Phase.PAUSING, HashTreePSet.empty()),
                  List.of(new Effect.Wait(plan.everyNanos())))
              : stay(s);
      case Event.WaitOver e -> waitOver(s);
      case Event.Revoked e -> revoked(s, e.buffer());
      case Event.Restored e -> restored(s, e.buffer());
      case Event.Settled e -> s.phase() == Phase.SETTLING ? roundOver(s) : stay(s);
      case Event.Ending e -> ending(s);
    };
  }

  private static Step stay(State s) {
    return new Step(s, List.of());
  }

  private Step waitOver(State s) {
    return switch (s.phase()) {
      case PAUSING -> {
        int round = s.round() + 1;
        List<Integer> buffers = buffers(round);
        yield new Step(
            new State(Phase.REVOKING, round, HashTreePSet.from(buffers), s.ending()),
            List.of(new Effect.Revoke(round, buffers)));
      }
      case HOLDING -> {
        List<Integer> buffers = buffers(s.round());
        yield new Step(
            s.to(Phase.RESTORING, HashTreePSet.from(buffers)),
            List.of(new Effect.Restore(buffers)));
      }
      case SETTLING -> roundOver(s);
      case IDLE, REVOKING, RESTORING, ENDED -> stay(s);
    };
  }

  private Step revoked(State s, int buffer) {
    if (s.phase() != Phase.REVOKING) {
      return stay(s);
    }
    PSet<Integer> left = s.pending().minus(buffer);
    return left.isEmpty()
        ? new Step(s.to(Phase.HOLDING, left), List.of(new Effect.Wait(plan.holdNanos())))
        : stay(s.to(Phase.REVOKING, left));
  }

  private Step restored(State s, int buffer) {
    if (s.phase() != Phase.RESTORING) {
      return stay(s);
    }
    PSet<Integer> left = s.pending().minus(buffer);
    if (!left.isEmpty()) {
      return stay(s.to(Phase.RESTORING, left));
    }
    if (s.ending()) {
      return roundOver(s);
    }
    return new Step(
        s.to(Phase.SETTLING, left),
        List.of(new Effect.Wait(plan.settleNanos()), new Effect.AwaitMapped(buffers(s.round()))));
  }

  private Step roundOver(State s) {
    Effect done = new Effect.RoundDone(s.round(), buffers(s.round()).size());
    boolean enough = plan.count() > 0 && s.round() >= plan.count();
    if (s.ending() || enough) {
      return new Step(
          s.to(Phase.ENDED, HashTreePSet.empty()), List.of(done, new Effect.Done(s.round())));
    }
    return new Step(
        s.to(Phase.PAUSING, HashTreePSet.empty()),
        List.of(done, new Effect.Wait(plan.everyNanos())));
  }

  private Step ending(State s) {
    return switch (s.phase()) {
      case IDLE, PAUSING ->
          new Step(s.to(Phase.ENDED, HashTreePSet.empty()), List.of(new Effect.Done(s.round())));
      case SETTLING -> roundOver(new State(s.phase(), s.round(), s.pending(), true));
      case REVOKING, HOLDING, RESTORING -> stay(new State(s.phase(), s.round(), s.pending(), true));
      case ENDED -> new Step(s, List.of(new Effect.Done(s.round())));
    };
  }
}
