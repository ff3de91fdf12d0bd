package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.simulator.judge.Invariant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Makes a story shorter that breaks an invariant: without importers that it does not need, without
 * faults and steps that it does not need. After each attempt it is played again, and what breaks
 * the same invariant still is kept.
 */
public final class Shrinker {
  private static final int MOST_ATTEMPTS = 20_000;

  /** A story: a world, and what happens in it. */
  public record Shrunk(WorldPlan plan, List<Action> actions) {}

  private final Invariant invariant;
  private WorldPlan plan;
  private List<Action> actions;
  private int attempts;

  private Shrinker(WorldPlan plan, List<Action> actions, Invariant invariant) {
    this.plan = plan;
    this.actions = actions;
    this.invariant = invariant;
  }

  /** The shortest that it finds. */
  public static Shrunk shrink(WorldPlan plan, List<Action> actions, Invariant invariant) {
    Shrinker shrinker = new Shrinker(plan, List.copyOf(actions), invariant);
    shrinker.steps();
    shrinker.importers();
    shrinker.steps();
    shrinker.faults();
    return new Shrunk(shrinker.plan, shrinker.actions);
  }

  private boolean attempt(WorldPlan in, List<Action> shorter) {
    if (attempts++ > MOST_ATTEMPTS) {
      return false;
    }
    Schedule.Outcome outcome = Schedule.again(in, shorter);
    if (!outcome.breaks(invariant) || outcome.actions().size() > actions.size()) {
      return false;
    }
    plan = in;
    actions = outcome.actions();
    return true;
  }

  /** Leaves out pieces, large ones first. */
  private void steps() {
    boolean shorter = true;
    while (shorter) {
      int before = actions.size();
      for (int piece = Math.max(1, actions.size() / 2); piece >= 1; piece /= 2) {
        for (int at = actions.size() - piece; at >= 0; at -= piece) {
          if (at + piece <= actions.size()) {
            List<Action> without = new ArrayList<>(actions.subList(0, at));
            without.addAll(actions.subList(at + piece, actions.size()));
            attempt(plan, without);
          }
        }
      }
      shorter = actions.size() < before;
    }
  }

  private void importers() {
    for (int i = plan.importers().size() - 1; i >= 0 && plan.importers().size() > 1; i--) {
      int gone = World.FIRST_IMPORTER + i;
      List<WorldPlan.Device> fewer = new ArrayList<>(plan.importers());
      fewer.remove(i);
      attempt(
          plan.with(fewer, plan.faults()),
          actions.stream().filter(a -> !of(a, gone)).map(a -> shifted(a, gone)).toList());
    }
  }

  private static boolean of(Action a, int node) {
    return switch (a.verb()) {
      case TIME, REVOKE, RESTORE, END, FLAG, SELF -> false;
      case NOTICE -> a.a() == node || a.b() == node;
      default -> a.a() == node || (a.verb().between() && a.b() == node);
    };
  }

  private static Action shifted(Action a, int gone) {
    boolean second = a.verb().between() || a.verb() == Action.Verb.NOTICE;
    return new Action(
        a.verb(),
        a.a() > gone ? a.a() - 1 : a.a(),
        second && a.b() > gone ? a.b() - 1 : a.b(),
        a.arg());
  }

  /** The world has only those kinds of faults that strike. */
  private void faults() {
    Set<FaultKind> kinds = EnumSet.noneOf(FaultKind.class);
    actions.stream()
        .filter(a -> a.verb().fault() || a.verb() == Action.Verb.RESTART)
        .forEach(a -> kinds.add(FaultKind.valueOf(a.verb().name())));
    attempt(plan.with(plan.importers(), kinds), actions);
  }
}
