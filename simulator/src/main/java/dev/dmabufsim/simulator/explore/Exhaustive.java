package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Facts;
import dev.dmabufsim.simulator.judge.Harmless;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Every schedule of a small world, breadth first, with equal states visited once. A state is a row
 * of the numbers of its parts ({@link Folding}), so that equality is exact and costs little memory;
 * what a node does is asked of its core once ({@link Steps}).
 *
 * <p>History is no part of a state. What the judge holds against a schedule is found at the step
 * that does it: after each step that tells of anything that can be wrong, changes what is in memory
 * or lets time pass, the schedule so far is judged, before it is looked up whether its state is
 * known; and a schedule that goes no further is judged at its end, as it came there first. What was
 * judged once is not judged again ({@link Histories}).
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

  /**
   * What breaks an invariant.
   *
   * @param state the last but one of its schedule, or the last if nothing was done there
   */
  private record Broken(int state, Optional<Action> by, Violation violation) {}

  // What is kept with each state: from which one it was first reached, by which of the actions that
  // are possible there, and with which history.
  private static final int FROM = 0;
  private static final int BY = 1;
  private static final int TOLD = 2;
  private static final int COLUMNS = 3;

  /** After how many states it looks at the clock and the heap. */
  private static final int LOOKS = 256;

  private final WorldPlan plan;
  private final Set<Invariant> invariants;
  private final Folding folding;
  private final Histories histories;
  private final World view;
  private final World judging;
  private final Steps steps;
  private final Rows states;
  private final Rows looked;
  private final int[] parts;
  private final int[] next;
  private final List<Action> prelude = new ArrayList<>();
  private final List<Action> enabled = new ArrayList<>();
  private final LongPredicate full;
  private int mostEnabled;
  private long transitions;
  private long ends;

  private Exhaustive(WorldPlan plan, Set<Invariant> invariants, LongPredicate full) {
    this.full = full;
    this.plan = plan;
    this.invariants = invariants;
    Numbers numbers = new Numbers();
    this.folding = new Folding(plan, numbers);
    this.view = new World(plan, line -> {});
    this.judging = view.copy(line -> {});
    this.histories = new Histories(view.names(), numbers);
    this.steps = new Steps(folding, numbers, histories, view);
    this.states = new Rows(folding.parts(), COLUMNS);
    this.looked = new Rows(4, 0);
    this.parts = new int[folding.parts()];
    this.next = new int[folding.parts()];
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
    return visit(plan, limits, progress, new HeapLimit()::full);
  }

  /**
   * The same.
   *
   * @param full whether there is no room for so many bytes more
   */
  static Result visit(
      WorldPlan plan, Limits limits, Consumer<Progress> progress, LongPredicate full) {
    return new Exhaustive(plan, limits.invariants(), full).visit(limits, progress);
  }

  private Result visit(Limits limits, Consumer<Progress> progress) {
    long since = System.nanoTime();
    long said = since;
    Stop stop = null;
    long tooDeep = 0;
    begin(limits.mapped());
    Optional<Broken> found = Optional.empty();
    int depth = 0;
    int deeper = states.size();
    // States are kept in the order in which they were reached: the next one is to be gone on from.
    int state = 0;
    for (; state < states.size() && found.isEmpty(); state++) {
      if (state == deeper) {
        depth++;
        deeper = states.size();
      }
      Stop limit = limit(limits, state, since);
      if (limit != null) {
        stop = limit;
        break;
      }
      if (state % LOOKS == 0 && System.nanoTime() - said > Explorer.PROGRESS.toNanos()) {
        said = System.nanoTime();
        progress.accept(
            new Progress(states.size(), states.size() - state, depth, (said - since) / 1e9));
      }
      try {
        Histories.Told told = show(state, parts);
        if (enabled.isEmpty()) {
          ends++;
          found = judge(state, null, parts, told);
        } else if (depth < limits.depth()) {
          found = goOn(state, told);
        } else {
          stop = Stop.DEPTH;
          tooDeep++;
        }
      } catch (OutOfMemoryError e) {
        // It was looked whether there is room for the large tables; there are others.
        stop = Stop.MEMORY;
        break;
      }
    }
    return new Result(
        states.size(),
        transitions,
        depth,
        Optional.ofNullable(found.isEmpty() ? stop : null),
        tooDeep + states.size() - state,
        ends,
        (System.nanoTime() - since) / 1e9,
        found.map(b -> new Explorer.Found(plan, path(b), b.violation())));
  }

  /** Does everything that may happen in the state that the view shows. */
  private Optional<Broken> goOn(int state, Histories.Told told) {
    for (int i = 0; i < enabled.size(); i++) {
      System.arraycopy(parts, 0, next, 0, parts.length);
      Action action = enabled.get(i);
      Histories.Told its = steps.step(next, told, action);
      transitions++;
      if (grave(its, told) || shows(action)) {
        Optional<Broken> found = judge(state, action, next, its);
        if (found.isPresent()) {
          return found;
        }
      }
      if (states.add(next)) {
        int at = states.at();
        states.column(at, FROM, state);
        states.column(at, BY, i);
        states.column(at, TOLD, its.number());
      }
    }
    return Optional.empty();
  }

  private @Nullable Stop limit(Limits limits, int state, long since) {
    if (states.size() >= limits.states()) {
      return Stop.STATES;
    }
    if (state % LOOKS != 0) {
      return null;
    }
    if (System.nanoTime() - since > limits.nanos()) {
      return Stop.TIME;
    }
    return full.test(nextBytes()) ? Stop.MEMORY : null;
  }

  /** How much more it may need at once before it looks again. */
  private long nextBytes() {
    int more = LOOKS * (1 + mostEnabled);
    return states.nextBytes(more)
        + steps.nextBytes(more)
        + histories.nextBytes(more)
        + looked.nextBytes(more);
  }

  /** Has the view show a state, and finds what may happen there. */
  private Histories.Told show(int state, int[] its) {
    states.get(state, its);
    Histories.Told told = histories.get(states.column(state, TOLD));
    folding.show(its, told, view);
    enabled.clear();
    view.enabled(enabled);
    mostEnabled = Math.max(mostEnabled, enabled.size());
    return told;
  }

  /** The first state. */
  private void begin(boolean mapped) {
    List<HistoryLine> heard = new ArrayList<>();
    World first = new World(plan, heard::add);
    if (mapped) {
      prelude(first);
    }
    Histories.Told told = histories.none();
    for (HistoryLine line : heard) {
      told = histories.then(told, line);
    }
    states.add(folding.fold(first));
    states.column(states.at(), TOLD, told.number());
  }

  /** What an untroubled cluster does until every importer is settled. */
  private void prelude(World world) {
    Strategy calm = Strategy.calm();
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
      prelude.add(action);
    }
    world.begin();
  }

  /**
   * Whether what is in memory, or how late it is, may be what breaks an invariant, though nothing
   * was told.
   */
  private boolean shows(Action action) {
    int segments = folding.memoryPart(SharedMemory.Part.SEGMENTS);
    return next[segments] != parts[segments]
        // Before that, no revoke can have taken too long.
        || (action.verb() == Action.Verb.TIME
            && folding.rest(next[folding.restPart()]).now() > plan.boundNanos());
  }

  /** Whether a step has told of anything that may break an invariant. */
  private boolean grave(Histories.Told after, Histories.Told before) {
    boolean struck = folding.rest(next[folding.restPart()]).struck();
    for (Histories.Told t = after; t.number() != before.number(); t = t.before()) {
      if (!Harmless.is(t.event(), struck)) {
        return true;
      }
    }
    return false;
  }

  /** All from which comes what is judged of a schedule that is cut off: a row of four numbers. */
  static int[] cutOff(Folding folding, int[] its, Histories.Told told) {
    return new int[] {
      told.number(),
      its[World.EXPORTER],
      its[folding.memoryPart(SharedMemory.Part.SEGMENTS)],
      its[folding.restPart()]
    };
  }

  /**
   * Judges a schedule up to here.
   *
   * @param state the last but one, or at the end the last
   * @param action what made of it the world with these parts; null at the end
   */
  private Optional<Broken> judge(
      int state, @Nullable Action action, int[] its, Histories.Told told) {
    boolean end = action == null;
    if (!end && !looked.add(cutOff(folding, its, told))) {
      return Optional.empty();
    }
    folding.show(its, told, judging);
    List<HistoryLine> last = new ArrayList<>();
    Facts facts = judging.copy(last::add).finish(!end);
    return histories.judge(told, last, facts).stream()
        .filter(v -> invariants.contains(v.invariant()))
        .findFirst()
        .map(v -> new Broken(state, Optional.ofNullable(action), v));
  }

  /** How a state was first reached, and what was done then. */
  private List<Action> path(Broken broken) {
    List<Action> actions = new ArrayList<>();
    broken.by().ifPresent(actions::add);
    int[] its = new int[folding.parts()];
    for (int at = broken.state(); at != 0; at = states.column(at, FROM)) {
      show(states.column(at, FROM), its);
      actions.add(enabled.get(states.column(at, BY)));
    }
    actions.addAll(prelude.reversed());
    return actions.reversed();
  }
}
