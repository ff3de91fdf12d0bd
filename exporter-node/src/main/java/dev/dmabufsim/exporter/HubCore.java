package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeCause;
import java.util.ArrayList;
import java.util.List;
import org.pcollections.HashTreePSet;
import org.pcollections.PSet;
import org.pcollections.PVector;
import org.pcollections.TreePVector;

/**
 * What an exporter's hub decides: whom it hears, and the rounds of all its devices. A pure
 * function.
 *
 * <p>Devices take turns, or each plays {@link RoundsCore rounds} of its own; devices that take
 * turns are a <em>group</em>.
 */
public final class HubCore {
  /**
   * What the hub knows.
   *
   * @param groups where the rounds of each group are
   * @param rounds how many are over, of all groups
   * @param dead processes that are known to be dead
   */
  record State(PVector<RoundsCore.State> groups, int rounds, PSet<Integer> dead) {
    /**
     * Whether what a process says is heard. Not if it was found dead: what it says now, it said
     * before that.
     */
    boolean hears(int process) {
      return !dead.contains(process);
    }
  }

  /** What can happen. */
  sealed interface Event {
    /** The experiment begins. */
    record Began() implements Event {}

    /** No more rounds are wanted. */
    record Ending() implements Event {}

    /** A group's wait is over. */
    record WaitOver(int group) implements Event {}

    /** A buffer's revoke completed. */
    record Revoked(int buffer) implements Event {}

    /** A buffer could not be moved. */
    record Refused(int buffer) implements Event {}

    /** A buffer has memory again. */
    record Restored(int buffer) implements Event {}

    /** So many of a buffer's attachments are mapped. */
    record Mapped(int buffer, int count) implements Event {}

    /** A process is dead. */
    record ProcessDied(int process) implements Event {}
  }

  /** What to do. */
  sealed interface Effect {
    /** {@link Event.WaitOver} after so long; replaces the group's earlier wait. */
    record Wait(int group, long nanos) implements Effect {}

    /** Revoke these buffers. */
    record Revoke(RevokeCause cause, List<Integer> buffers) implements Effect {}

    /** Restore these buffers. */
    record Restore(List<Integer> buffers) implements Effect {}

    /** Tell every buffer that a process is dead. */
    record Bury(int process) implements Effect {}

    /**
     * A round is over.
     *
     * @param rounds how many are, of all devices
     */
    record RoundDone(int rounds, int revokes) implements Effect {}

    /** All rounds are over. */
    record RoundsDone(int rounds) implements Effect {}
  }

  /** What follows. */
  record Step(State state, List<Effect> effects) {}

  private final List<RoundsCore> rounds;
  private final List<List<Integer>> buffers;

  /** Of these devices; those without a cause never revoke. */
  HubCore(ExporterPlan.Rounds plan, List<RoundsCore.Device> devices) {
    List<RoundsCore.Device> revoking = devices.stream().filter(d -> !d.causes().isEmpty()).toList();
    List<List<RoundsCore.Device>> groups =
        plan.independent() && !revoking.isEmpty()
            ? revoking.stream().map(List::of).toList()
            : List.of(revoking);
    this.rounds = groups.stream().map(its -> new RoundsCore(plan, its)).toList();
    this.buffers =
        groups.stream()
            .map(its -> its.stream().flatMap(d -> d.buffers().stream()).toList())
            .toList();
  }

  /** Nothing has happened yet. */
  State idle() {
    PVector<RoundsCore.State> groups = TreePVector.empty();
    for (int i = 0; i < rounds.size(); i++) {
      groups = groups.plus(RoundsCore.State.idle());
    }
    return new State(groups, 0, HashTreePSet.empty());
  }

  /** Decides. */
  Step step(State s, Event event) {
    return switch (event) {
      case Event.Began e -> all(s, new RoundsCore.Event.Began());
      case Event.Ending e -> all(s, new RoundsCore.Event.Ending());
      case Event.WaitOver e -> one(s, e.group(), new RoundsCore.Event.WaitOver());
      case Event.Revoked e -> of(s, e.buffer(), new RoundsCore.Event.Revoked(e.buffer()));
      case Event.Refused e -> of(s, e.buffer(), new RoundsCore.Event.Refused(e.buffer()));
      case Event.Restored e -> of(s, e.buffer(), new RoundsCore.Event.Restored(e.buffer()));
      case Event.Mapped e -> of(s, e.buffer(), new RoundsCore.Event.Mapped(e.buffer(), e.count()));
      case Event.ProcessDied e ->
          s.hears(e.process())
              ? new Step(
                  new State(s.groups(), s.rounds(), s.dead().plus(e.process())),
                  List.of(new Effect.Bury(e.process())))
              : new Step(s, List.of());
    };
  }

  private Step of(State s, int buffer, RoundsCore.Event event) {
    for (int group = 0; group < buffers.size(); group++) {
      if (buffers.get(group).contains(buffer)) {
        return one(s, group, event);
      }
    }
    return new Step(s, List.of());
  }

  private Step all(State s, RoundsCore.Event event) {
    State next = s;
    List<Effect> effects = new ArrayList<>();
    boolean done = false;
    for (int group = 0; group < rounds.size(); group++) {
      RoundsCore.Step step = rounds.get(group).step(next.groups().get(group), event);
      done |= step.effects().stream().anyMatch(RoundsCore.Effect.Done.class::isInstance);
      next = take(next, group, step, effects);
    }
    return finish(next, done, effects);
  }

  private Step one(State s, int group, RoundsCore.Event event) {
    List<Effect> effects = new ArrayList<>();
    RoundsCore.Step step = rounds.get(group).step(s.groups().get(group), event);
    boolean done = step.effects().stream().anyMatch(RoundsCore.Effect.Done.class::isInstance);
    return finish(take(s, group, step, effects), done, effects);
  }

  /** When the last group is done, all are. */
  private static Step finish(State s, boolean done, List<Effect> effects) {
    if (done && s.groups().stream().allMatch(g -> g.phase() == RoundsCore.Phase.ENDED)) {
      effects.add(new Effect.RoundsDone(s.rounds()));
    }
    return new Step(s, List.copyOf(effects));
  }

  private static State take(State s, int group, RoundsCore.Step step, List<Effect> effects) {
    int rounds = s.rounds();
    for (RoundsCore.Effect effect : step.effects()) {
      switch (effect) {
        case RoundsCore.Effect.Wait e -> effects.add(new Effect.Wait(group, e.nanos()));
        case RoundsCore.Effect.Revoke e -> effects.add(new Effect.Revoke(e.cause(), e.buffers()));
        case RoundsCore.Effect.Restore e -> effects.add(new Effect.Restore(e.buffers()));
        case RoundsCore.Effect.RoundDone e ->
            effects.add(new Effect.RoundDone(++rounds, e.revokes()));
        case RoundsCore.Effect.Done e -> {
          // Said for all groups at once.
        }
      }
    }
    return new State(s.groups().with(group, step.state()), rounds, s.dead());
  }
}
