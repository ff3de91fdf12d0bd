package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Judge;
import dev.dmabufsim.simulator.judge.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** One schedule of a world, from its beginning until nothing more is to come. */
final class Schedule {
  /** Longer ones are broken off; what they showed until then counts. */
  static final int MOST_STEPS = 4000;

  private Schedule() {}

  /**
   * What came of it.
   *
   * @param actions what happened, in order
   * @param cut whether it was broken off
   */
  record Outcome(List<Action> actions, boolean cut, boolean struck, Findings findings) {
    /** The first violation of one of these, if there is one. */
    Optional<Violation> violation(Set<Invariant> wanted) {
      return findings.violations().stream().filter(v -> wanted.contains(v.invariant())).findFirst();
    }

    boolean breaks(Invariant invariant) {
      return findings.violations().stream().anyMatch(v -> v.invariant() == invariant);
    }
  }

  /** Plays one as a strategy wants it. */
  static Outcome play(WorldPlan plan, Strategy strategy) {
    Judge judge = new Judge();
    World world = new World(plan, judge::accept);
    List<Action> actions = new ArrayList<>(256);
    List<Action> enabled = new ArrayList<>();
    world.enabled(enabled);
    while (!enabled.isEmpty() && actions.size() < MOST_STEPS) {
      Action action = strategy.choose(enabled);
      world.apply(action);
      actions.add(action);
      enabled.clear();
      world.enabled(enabled);
    }
    boolean cut = !enabled.isEmpty();
    return new Outcome(actions, cut, world.struck(), judge.finish(world.finish(cut)));
  }

  /** Plays these actions again; those that are not possible any more are left out. */
  static Outcome again(WorldPlan plan, List<Action> actions) {
    Judge judge = new Judge();
    World world = new World(plan, judge::accept);
    List<Action> done = new ArrayList<>(actions.size());
    List<Action> enabled = new ArrayList<>();
    for (Action action : actions) {
      enabled.clear();
      world.enabled(enabled);
      if (enabled.contains(action)) {
        world.apply(action);
        done.add(action);
      }
    }
    return new Outcome(done, true, world.struck(), judge.finish(world.finish(false)));
  }

  /** Has somebody look on while these actions, which must all be possible, happen again. */
  interface Onlooker {
    /** It is about to happen. */
    void before(World world, Action action);

    /** It has, and these lines were written. */
    void after(World world, Action action, List<HistoryLine> lines);
  }

  /**
   * Plays a trace, strictly.
   *
   * @return what came of it; empty if an action of it is not possible
   */
  static Optional<Outcome> watch(WorldPlan plan, List<Action> actions, Onlooker onlooker) {
    Judge judge = new Judge();
    List<HistoryLine> lines = new ArrayList<>();
    Consumer<HistoryLine> both =
        line -> {
          judge.accept(line);
          lines.add(line);
        };
    World world = new World(plan, both);
    lines.clear();
    for (Action action : actions) {
      if (!world.allows(action)) {
        return Optional.empty();
      }
      onlooker.before(world, action);
      world.apply(action);
      onlooker.after(world, action, List.copyOf(lines));
      lines.clear();
    }
    Findings findings = judge.finish(world.finish(false));
    return Optional.of(new Outcome(actions, true, world.struck(), findings));
  }
}
