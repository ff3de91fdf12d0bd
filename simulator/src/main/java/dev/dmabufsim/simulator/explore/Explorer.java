package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Violation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Explores schedules at random: every second one a random walk, the others by priorities. A
 * schedule comes from the seed and its number alone, whichever thread plays it.
 */
public final class Explorer {
  /** About how long schedules are: where priorities change. */
  private static final int USUAL_STEPS = 200;

  private static final int MOST_CHANGES = 5;

  /** How often it is said how far it is. */
  static final Duration PROGRESS = Duration.ofSeconds(10);

  /**
   * What came of it.
   *
   * @param schedules how many were played until the first violation, or in all
   * @param steps of all of them
   * @param struck in how many a fault struck
   * @param cut how many were broken off
   * @param number of the first that broke an invariant, counted from 1; 0 if none did
   */
  public record Result(
      long schedules,
      long steps,
      long struck,
      long cut,
      double seconds,
      long number,
      Optional<Found> found) {}

  /** The first violation. */
  public record Found(WorldPlan plan, List<Action> actions, Violation violation) {}

  /**
   * When to stop.
   *
   * @param invariants which of them count
   */
  public record Limits(long schedules, long nanos, int threads, Set<Invariant> invariants) {}

  /** How far it is. */
  public record Progress(long schedules, long steps, double seconds) {}

  private record Hit(long index, Found found) {}

  private final WorldPlan plan;
  private final long seed;
  private final AtomicLong next = new AtomicLong();
  private final AtomicReference<@Nullable Hit> first = new AtomicReference<>();
  private final LongAdder played = new LongAdder();
  private final LongAdder steps = new LongAdder();
  private final LongAdder struck = new LongAdder();
  private final LongAdder cut = new LongAdder();
  private @Nullable Throwable failure;

  private Explorer(WorldPlan plan, long seed) {
    this.plan = plan;
    this.seed = seed;
  }

  /**
   * Explores until an invariant breaks or a limit is reached.
   *
   * @throws IllegalStateException if a thread fails, which is a defect
   */
  public static Result explore(WorldPlan plan, long seed, Limits limits) {
    return explore(plan, seed, limits, p -> {});
  }

  /**
   * Explores until an invariant breaks or a limit is reached, and says every ten seconds how far it
   * is.
   *
   * @throws IllegalStateException if a thread fails, which is a defect
   */
  public static Result explore(
      WorldPlan plan, long seed, Limits limits, Consumer<Progress> progress) {
    Explorer explorer = new Explorer(plan, seed);
    long since = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < limits.threads(); i++) {
      threads.add(
          Thread.ofPlatform()
              .name("explorer-" + i)
              .uncaughtExceptionHandler((t, e) -> explorer.failure = e)
              .start(() -> explorer.work(limits, since)));
    }
    for (Thread thread : threads) {
      join(
          thread,
          () ->
              progress.accept(
                  new Progress(
                      explorer.played.sum(),
                      explorer.steps.sum(),
                      (System.nanoTime() - since) / 1e9)));
    }
    if (explorer.failure != null) {
      throw new IllegalStateException("a schedule of seed " + seed + " fails", explorer.failure);
    }
    double seconds = (System.nanoTime() - since) / 1e9;
    Hit hit = explorer.first.get();
    return new Result(
        explorer.played.sum(),
        explorer.steps.sum(),
        explorer.struck.sum(),
        explorer.cut.sum(),
        seconds,
        hit == null ? 0 : hit.index() + 1,
        Optional.ofNullable(hit).map(Hit::found));
  }

  private static void join(Thread thread, Runnable again) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        if (!thread.join(PROGRESS)) {
          again.run();
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void work(Limits limits, long since) {
    while (failure == null) {
      long index = next.getAndIncrement();
      Hit hit = first.get();
      // Those before the first that is known are played all the same: one of them may be earlier.
      boolean enough = hit != null && index > hit.index();
      if (index >= limits.schedules() || enough || System.nanoTime() - since > limits.nanos()) {
        return;
      }
      play(index, limits.invariants());
    }
  }

  private void play(long index, Set<Invariant> invariants) {
    WorldPlan its = plan(index);
    Schedule.Outcome outcome = Schedule.play(its, strategy(index));
    played.increment();
    steps.add(outcome.actions().size());
    if (outcome.struck()) {
      struck.increment();
    }
    if (outcome.cut()) {
      cut.increment();
    }
    outcome
        .violation(invariants)
        .ifPresent(v -> {
          Hit mine = new Hit(index, new Found(its, outcome.actions(), v));
          first.accumulateAndGet(
              mine,
              (was, is) -> was == null || (is != null && is.index() < was.index()) ? is : was);
        });
  }

  private WorldPlan plan(long index) {
    return plan.seed(mix(seed, 2 * index));
  }

  private Strategy strategy(long index) {
    long its = mix(seed, 2 * index + 1);
    int nodes = World.FIRST_IMPORTER + plan.importers().size();
    return index % 2 == 0
        ? Strategy.randomWalk(its, nodes)
        : Strategy.pct(its, nodes, 1 + (int) (Math.abs(its >>> 1) % MOST_CHANGES), USUAL_STEPS);
  }

  /** Another number for each index, as SplitMix64 has it. */
  private static long mix(long seed, long index) {
    long z = seed + (index + 1) * 0x9e3779b97f4a7c15L;
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
