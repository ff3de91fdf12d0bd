package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Facts;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Judge;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Every schedule of a small world, breadth first, with equal states visited once. A state is a
 * tuple of the numbers that its parts were given when they were first seen, so that equality is
 * exact and costs little memory.
 *
 * <p>History is no part of a state. What the judge holds against a schedule is found at the step
 * that does it: after each step that tells of anything that can be wrong, the schedule so far is
 * judged, before it is looked up whether its state is known; and a schedule that goes no further is
 * judged at its end.
 */
public final class Exhaustive {
  /**
   * What came of it.
   *
   * @param states different ones
   * @param transitions steps taken
   * @param depth of the deepest state
   * @param stopped why not all were visited that there are, if no violation was
   * @param open states from which it was not gone on
   * @param ends schedules that went no further, as far as their states differ
   */
  public record Result(
      long states,
      long transitions,
      int depth,
      Optional<Stop> stopped,
      long open,
      long ends,
      double seconds,
      Optional<Explorer.Found> found) {
    /** Whether all were visited that there are. */
    public boolean finished() {
      return stopped.isEmpty() && found.isEmpty();
    }
  }

  /** Why it stopped before all were visited. */
  public enum Stop {
    /** The most steps that a schedule was to have. */
    DEPTH,
    /** The most states that were to be visited. */
    STATES,
    /** The time that it was to take. */
    TIME,
    /** The heap has no room for more states. */
    MEMORY
  }

  /**
   * How far it is.
   *
   * @param open states from which it is to go on
   */
  public record Progress(long states, long open, int depth, double seconds) {}

  /**
   * When to stop.
   *
   * @param mapped whether to begin when every importer has mapped, or never will
   * @param invariants which of them count
   */
  public record Limits(
      int depth, long states, long nanos, boolean mapped, Set<Invariant> invariants) {}

  /** A line, and those before it. */
  private record Told(HistoryLine line, @Nullable Told before) {}

  /** An action, and those before it. */
  private record Path(Action action, @Nullable Path before) {}

  private record Open(World world, int depth, @Nullable Path path, @Nullable Told told) {}

  /** A state: the numbers of its parts. */
  private static final class Key {
    private final int[] parts;
    private final int hash;

    Key(int[] parts) {
      this.parts = parts;
      this.hash = Arrays.hashCode(parts);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Key k && hash == k.hash && Arrays.equals(parts, k.parts);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  private final WorldPlan plan;
  private final Set<Invariant> invariants;
  private final Numbers numbers = new Numbers();
  private final Set<Key> seen = new HashSet<>();
  private @Nullable Told told;
  private final boolean revocable;
  private final boolean mayDie;
  private boolean grave;

  private Exhaustive(WorldPlan plan, Set<Invariant> invariants) {
    this.plan = plan;
    this.invariants = invariants;
    this.revocable = plan.importers().stream().allMatch(d -> d.driver().offer().revocable());
    this.mayDie = plan.faults().contains(FaultKind.KILL) || plan.faults().contains(FaultKind.CRASH);
  }

  /** Visits every state, until an invariant breaks or a limit is reached. */
  public static Result visit(WorldPlan plan, Limits limits) {
    return visit(plan, limits, p -> {});
  }

  /**
   * Visits every state, until an invariant breaks or a limit is reached, and says every ten seconds
   * how far it is.
   */
  public static Result visit(WorldPlan plan, Limits limits, Consumer<Progress> progress) {
    return new Exhaustive(plan, limits.invariants()).visit(limits, progress);
  }

  private Result visit(Limits limits, Consumer<Progress> progress) {
    long since = System.nanoTime();
    long said = since;
    Stop stop = null;
    long unvisited = 0;
    long transitions = 0;
    long ends = 0;
    int deepest = 0;
    HeapLimit heap = new HeapLimit();
    ArrayDeque<Open> frontier = new ArrayDeque<>();
    World first = new World(plan, this::hear);
    List<Action> enabled = new ArrayList<>();
    Path prelude = limits.mapped() ? prelude(first, enabled) : null;
    seen.add(key(first));
    frontier.add(new Open(first, 0, prelude, told));
    Optional<Explorer.Found> found = Optional.empty();
    while (!frontier.isEmpty() && found.isEmpty()) {
      long now = System.nanoTime();
      Stop limit = limit(limits, now - since, heap);
      if (limit != null) {
        stop = limit;
        break;
      }
      if (now - said > Explorer.PROGRESS.toNanos()) {
        said = now;
        progress.accept(new Progress(seen.size(), frontier.size(), deepest, (now - since) / 1e9));
      }
      Open open = frontier.remove();
      deepest = Math.max(deepest, open.depth());
      enabled.clear();
      open.world().enabled(enabled);
      if (enabled.isEmpty()) {
        ends++;
        found = judge(open.world(), open.path(), open.told(), true);
        continue;
      }
      if (open.depth() >= limits.depth()) {
        stop = Stop.DEPTH;
        unvisited++;
        continue;
      }
      for (int i = 0; i < enabled.size() && found.isEmpty(); i++) {
        Action action = enabled.get(i);
        told = open.told();
        grave = false;
        // The last one needs no copy: nobody else goes on from here.
        World next = i + 1 == enabled.size() ? open.world() : open.world().copy(this::hear);
        next.apply(action);
        transitions++;
        Path path = new Path(action, open.path());
        Told its = told;
        if (grave) {
          found = judge(next.copy(this::hear), path, its, false);
        }
        if (seen.add(key(next))) {
          frontier.add(new Open(next, open.depth() + 1, path, its));
        }
      }
    }
    return new Result(
        seen.size(),
        transitions,
        deepest,
        Optional.ofNullable(found.isEmpty() ? stop : null),
        unvisited + frontier.size(),
        ends,
        (System.nanoTime() - since) / 1e9,
        found);
  }

  private @Nullable Stop limit(Limits limits, long nanos, HeapLimit heap) {
    if (seen.size() >= limits.states()) {
      return Stop.STATES;
    }
    if (nanos > limits.nanos()) {
      return Stop.TIME;
    }
    return heap.reached() ? Stop.MEMORY : null;
  }

  /** What an untroubled cluster does until every importer is settled. */
  private static @Nullable Path prelude(World world, List<Action> enabled) {
    Strategy calm = Strategy.calm();
    Path path = null;
    world.prelude();
    while (!world.importers().stream().allMatch(i -> i.state().settled())) {
      enabled.clear();
      world.enabled(enabled);
      enabled.removeIf(
          a -> a.verb() == Action.Verb.REVOKE || a.verb() == Action.Verb.DMA || a.verb().fault());
      if (enabled.isEmpty()) {
        throw new IllegalArgumentException(
            "not every importer comes to map in this world; leave --mapped out");
      }
      Action action = calm.choose(enabled);
      world.apply(action);
      path = new Path(action, path);
    }
    world.begin();
    return path;
  }

  private void hear(HistoryLine line) {
    told = new Told(line, told);
    grave |= grave(line.event());
  }

  /** Whether it may be what breaks an invariant, when it happens. */
  private boolean grave(HistoryEvent event) {
    return switch (event) {
      case HistoryEvent.Late e -> true;
      case HistoryEvent.Leaked e -> true;
      case HistoryEvent.Refused e -> true;
      case HistoryEvent.HandedOver e -> true;
      case HistoryEvent.Restored e -> true;
      case HistoryEvent.RevokeCompleted e -> true;
      case HistoryEvent.Moved e -> true;
      case HistoryEvent.MoveFailed e -> true;
      case HistoryEvent.Reclaimed e -> true;
      // Wrong is what cannot be revoked, or what concerns the dead.
      case HistoryEvent.Attached e -> !e.revocable() || mayDie;
      case HistoryEvent.RevokeRequested e -> !revocable || mayDie;
      case HistoryEvent.ExporterLost e -> true;
      case HistoryEvent.Scanned e -> e.foreignBytes() > 0;
      case HistoryEvent.Probed e -> e.enodev() < e.attempts();
      default -> false;
    };
  }

  private Optional<Explorer.Found> judge(
      World world, @Nullable Path path, @Nullable Told before, boolean end) {
    told = before;
    Facts facts = world.finish(!end);
    List<HistoryLine> lines = new ArrayList<>();
    for (Told t = told; t != null; t = t.before()) {
      lines.add(t.line());
    }
    Collections.reverse(lines);
    Judge judge = new Judge();
    lines.forEach(judge::accept);
    return judge.soFar(facts).stream()
        .filter(v -> invariants.contains(v.invariant()))
        .findFirst()
        .map(v -> {
          List<Action> actions = new ArrayList<>();
          for (Path p = path; p != null; p = p.before()) {
            actions.add(p.action());
          }
          Collections.reverse(actions);
          return new Explorer.Found(plan, actions, v);
        });
  }

  private Key key(World w) {
    return new Key(w.numbers(numbers));
  }
}
