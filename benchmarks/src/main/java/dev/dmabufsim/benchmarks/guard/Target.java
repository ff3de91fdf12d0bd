package dev.dmabufsim.benchmarks.guard;

import java.util.Locale;
import java.util.Optional;

/** What the guard has to reach, by the size of the write. */
sealed interface Target {
  /** At least this part of the unguarded throughput. */
  record Ratio(double least) implements Target {}

  /** At most so many nanoseconds more than unguarded. */
  record Added(double mostNanos) implements Target {}

  /** The target at a size, if there is one. */
  static Optional<Target> at(int bytes) {
    return switch (bytes) {
      case 64 -> Optional.of(new Added(6));
      case 4 << 10 -> Optional.of(new Ratio(0.90));
      default -> bytes >= 64 << 10 ? Optional.of(new Ratio(0.98)) : Optional.empty();
    };
  }

  /** Whether a measurement reaches it. */
  default boolean met(Measurement measurement) {
    return switch (this) {
      case Ratio r -> measurement.ratio() >= r.least();
      case Added a -> measurement.addedNanos() <= a.mostNanos();
    };
  }

  /** For the table: {@code ✓ ≥ 0.98}. */
  default String mark(Measurement measurement) {
    return (met(measurement) ? "✓ " : "✗ ")
        + switch (this) {
          case Ratio r -> String.format(Locale.ROOT, "≥ %.2f", r.least());
          case Added a -> String.format(Locale.ROOT, "≤ %.0f ns", a.mostNanos());
        };
  }
}
