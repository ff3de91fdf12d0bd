package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeCause;
import java.util.ArrayList;
import java.util.List;
import org.pcollections.HashTreePMap;
import org.pcollections.HashTreePSet;
import org.pcollections.PMap;
import org.pcollections.PSet;

/**
 * When which of some devices that take turns revokes and restores, and why: what userspace, which
 * resets devices, decides. A pure function.
 *
 * <pre>
 *   IDLE --Began--> PAUSING --WaitOver--> REVOKING --all revoked--> HOLDING --WaitOver--> RESTORING
 *                    ^   ^                   | |                                             |
 *                    |   +--- it is dead ----+ +--- it has moved --+                         |
 *                    |                                             v                         |
 *                    +------- mapped again, or WaitOver ------- SETTLING <--all restored-----+
 * </pre>
 *
 * ENDED from any of them; a round that is under way is finished first, if its revokes end. A device
 * whose memory is gone for good plays no more.
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
   * A device that plays.
   *
   * @param buffers its buffers
   * @param causes of its rounds, one after another
   * @param firstNanos by how much later than others it begins
   */
  public record Device(List<Integer> buffers, List<RevokeCause> causes, long firstNanos) {
    /** One that begins with the others. */
    public Device(List<Integer> buffers, List<RevokeCause> causes) {
      this(buffers, causes, 0);
    }
  }

  /**
   * The rounds.
   *
   * @param round how many have begun
   * @param turn whose the round is, or the last one was; -1 before the first
   * @param played how many rounds each device has played
   * @param dead devices whose memory is gone for good
   * @param pending buffers that are awaited in this phase
   * @param revokes how many of the round's buffers were revoked, not counting those that refused
   * @param mapped how many attachments of each buffer are mapped
   * @param mappedBefore how many of the round's device were before it
   * @param ending whether to stop after this round
   */
  public record State(
      Phase phase,
      int round,
      int turn,
      PMap<Integer, Integer> played,
      PSet<Integer> dead,
      PSet<Integer> pending,
      int revokes,
      PMap<Integer, Integer> mapped,
      int mappedBefore,
      boolean ending) {
    /** Not begun. */
    public static State idle() {
      return new State(
          Phase.IDLE,
          0,
          -1,
          HashTreePMap.empty(),
          HashTreePSet.empty(),
          HashTreePSet.empty(),
          0,
          HashTreePMap.empty(),
          0,
          false);
    }

    State to(Phase next, PSet<Integer> awaited) {
      return new State(
          next, round, turn, played, dead, awaited, revokes, mapped, mappedBefore, ending);
    }

    State revokes(int next) {
      return new State(
          phase, round, turn, played, dead, pending, next, mapped, mappedBefore, ending);
    }

    State mapped(int buffer, int count) {
      return new State(
          phase,
          round,
          turn,
          played,
          dead,
          pending,
          revokes,
          mapped.plus(buffer, count),
          mappedBefore,
          ending);
    }

    State died(int device) {
      return new State(
          phase,
          round,
          turn,
          played,
          dead.plus(device),
          pending,
          revokes,
          mapped,
          mappedBefore,
          ending);
    }

    State ends() {
      return new State(
          phase, round, turn, played, dead, pending, revokes, mapped, mappedBefore, true);
    }

    int played(int device) {
      return played.getOrDefault(device, 0);
    }

    int mappedOf(List<Integer> buffers) {
      return buffers.stream().mapToInt(id -> mapped.getOrDefault(id, 0)).sum();
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

    /** A buffer could not be moved. */
    record Refused(int buffer) implements Event {}

    /** A buffer has memory again. */
    record Restored(int buffer) implements Event {}

    /** So many of a buffer's attachments are mapped. */
    record Mapped(int buffer, int count) implements Event {}

    /** No more rounds are wanted. */
    record Ending() implements Event {}
  }

  /** What to do. */
  public sealed interface Effect {
    /** {@link Event.WaitOver} after so long; replaces an earlier wait. */
    record Wait(long nanos) implements Effect {}

    /** Revoke these buffers. */
    record Revoke(int round, RevokeCause cause, List<Integer> buffers) implements Effect {}

    /** Restore these buffers. */
    record Restore(List<Integer> buffers) implements Effect {}

    /** A round is over. */
    record RoundDone(int round, int revokes) implements Effect {}

    /** All rounds are over. */
    record Done(int rounds) implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  private final ExporterPlan.Rounds plan;
  private final List<Device> devices;

  /** Rounds of these devices, in that order; each has a cause to revoke. */
  public RoundsCore(ExporterPlan.Rounds plan, List<Device> devices) {
    this.plan = plan;
    this.devices = List.copyOf(devices);
  }

  private List<Integer> buffers(State s) {
    return devices.get(s.turn()).buffers();
  }

  private RevokeCause cause(State s, int device) {
    List<RevokeCause> causes = devices.get(device).causes();
    return causes.get(s.played(device) % causes.size());
  }

  /** Decides. */
  public Step step(State s, Event event) {
    return switch (event) {
      case Event.Began e -> began(s);
      case Event.WaitOver e -> waitOver(s);
      case Event.Revoked e -> revoked(s, e.buffer(), 1);
      case Event.Refused e -> revoked(s, e.buffer(), 0);
      case Event.Restored e -> restored(s, e.buffer());
      case Event.Mapped e -> mapped(s.mapped(e.buffer(), e.count()));
      case Event.Ending e -> ending(s);
    };
  }

  private static Step stay(State s) {
    return new Step(s, List.of());
  }

  private static Step end(State s, List<Effect> before) {
    List<Effect> effects = new ArrayList<>(before);
    effects.add(new Effect.Done(s.round()));
    return new Step(s.to(Phase.ENDED, HashTreePSet.empty()), List.copyOf(effects));
  }

  private Step began(State s) {
    if (s.phase() != Phase.IDLE) {
      return stay(s);
    }
    return devices.isEmpty()
        ? end(s, List.of())
        : new Step(
            s.to(Phase.PAUSING, HashTreePSet.empty()),
            List.of(new Effect.Wait(plan.everyNanos() + devices.getFirst().firstNanos())));
  }

  private Step waitOver(State s) {
    return switch (s.phase()) {
      case PAUSING -> revoke(s);
      case HOLDING ->
          new Step(
              s.to(Phase.RESTORING, HashTreePSet.from(buffers(s))),
              List.of(new Effect.Restore(buffers(s))));
      case SETTLING -> roundOver(s);
      case IDLE, REVOKING, RESTORING, ENDED -> stay(s);
    };
  }

  private Step revoke(State s) {
    int turn = s.turn();
    do {
      turn = (turn + 1) % devices.size();
    } while (s.dead().contains(turn));
    List<Integer> buffers = devices.get(turn).buffers();
    State next =
        new State(
            Phase.REVOKING,
            s.round() + 1,
            turn,
            s.played().plus(turn, s.played(turn) + 1),
            s.dead(),
            HashTreePSet.from(buffers),
            0,
            s.mapped(),
            s.mappedOf(buffers),
            s.ending());
    return new Step(next, List.of(new Effect.Revoke(next.round(), cause(s, turn), buffers)));
  }

  private Step revoked(State s, int buffer, int revokes) {
    if (s.phase() != Phase.REVOKING || !s.pending().contains(buffer)) {
      return stay(s);
    }
    PSet<Integer> left = s.pending().minus(buffer);
    State next = s.to(Phase.REVOKING, left).revokes(s.revokes() + revokes);
    if (!left.isEmpty()) {
      return stay(next);
    }
    List<RevokeCause> causes = devices.get(s.turn()).causes();
    RevokeCause cause = causes.get((s.played(s.turn()) - 1) % causes.size());
    return switch (cause.after()) {
      case RESTORED ->
          new Step(next.to(Phase.HOLDING, left), List.of(new Effect.Wait(plan.holdNanos())));
      case MOVED -> settle(next);
      case DEAD -> roundOver(next.died(s.turn()));
    };
  }

  private Step restored(State s, int buffer) {
    if (s.phase() != Phase.RESTORING) {
      return stay(s);
    }
    PSet<Integer> left = s.pending().minus(buffer);
    return left.isEmpty() ? settle(s.to(Phase.RESTORING, left)) : stay(s.to(Phase.RESTORING, left));
  }

  private Step settle(State s) {
    if (s.ending() || settled(s)) {
      return roundOver(s);
    }
    return new Step(
        s.to(Phase.SETTLING, HashTreePSet.empty()), List.of(new Effect.Wait(plan.settleNanos())));
  }

  /** Whether as many are mapped as before the round. */
  private boolean settled(State s) {
    return s.mappedOf(buffers(s)) >= s.mappedBefore();
  }

  private Step mapped(State s) {
    return s.phase() == Phase.SETTLING && settled(s) ? roundOver(s) : stay(s);
  }

  private Step roundOver(State s) {
    Effect done = new Effect.RoundDone(s.round(), s.revokes());
    boolean enough = plan.count() > 0 && s.round() >= plan.count();
    if (s.ending() || enough || s.dead().size() == devices.size()) {
      return end(s, List.of(done));
    }
    return new Step(
        s.to(Phase.PAUSING, HashTreePSet.empty()),
        List.of(done, new Effect.Wait(plan.everyNanos())));
  }

  private Step ending(State s) {
    return switch (s.phase()) {
      case IDLE, PAUSING, ENDED -> end(s, List.of());
      case SETTLING -> roundOver(s.ends());
      case REVOKING, HOLDING, RESTORING -> stay(s.ends());
    };
  }
}
