package dev.dmabufsim.benchmarks.guard;

import java.util.Arrays;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * The rounds of one JMH iteration; JMH takes the public methods for results of its own. Medians,
 * since a round in which the thread lost its CPU says nothing about the guard.
 */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class PairedTimes {
  static final String ALONE = "aloneNanos";
  static final String ADDED = "addedNanos";

  private static final int CAPACITY = 1 << 16;

  private final double[] alone = new double[CAPACITY];
  private final double[] added = new double[CAPACITY];
  private int rounds;

  /** Forgets the iteration before. */
  @Setup(Level.Iteration)
  public void clear() {
    rounds = 0;
  }

  void add(long aloneNanos, long withNanos, int operations) {
    if (rounds < CAPACITY) {
      alone[rounds] = (double) aloneNanos / operations;
      added[rounds] = (double) (withNanos - aloneNanos) / operations;
      rounds++;
    }
  }

  /** Nanoseconds that the unguarded copy took, median of all rounds. */
  public double aloneNanos() {
    return median(alone, rounds);
  }

  /** Nanoseconds that the variant took more than the unguarded copy, median of all rounds. */
  public double addedNanos() {
    return median(added, rounds);
  }

  static double median(double[] values, int count) {
    if (count == 0) {
      return 0;
    }
    double[] sorted = Arrays.copyOf(values, count);
    Arrays.sort(sorted);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
  }
}
