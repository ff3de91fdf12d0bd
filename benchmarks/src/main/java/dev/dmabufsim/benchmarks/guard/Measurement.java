package dev.dmabufsim.benchmarks.guard;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One variant at one size. All times are of one write.
 *
 * @param variant what was around the copy
 * @param bytes of one write
 * @param aloneNanos the copy alone, in the same JVMs
 * @param addedNanos what the variant added
 * @param addedLowNanos the least that it added in any iteration
 * @param addedHighNanos the most
 */
record Measurement(
    Variant variant,
    int bytes,
    double aloneNanos,
    double addedNanos,
    double addedLowNanos,
    double addedHighNanos) {

  /** Nanoseconds with the variant around the copy. */
  double withNanos() {
    return aloneNanos + addedNanos;
  }

  /** Throughput relative to the unguarded copy: 1 is as good as no guard. */
  double ratio() {
    return aloneNanos / withNanos();
  }

  /** Collects the iterations of all JVMs. */
  static final class Builder {
    private final Variant variant;
    private final int bytes;
    private final List<Double> alone = new ArrayList<>();
    private final List<Double> added = new ArrayList<>();

    Builder(Variant variant, int bytes) {
      this.variant = variant;
      this.bytes = bytes;
    }

    Variant variant() {
      return variant;
    }

    int bytes() {
      return bytes;
    }

    void add(double aloneNanos, double addedNanos) {
      alone.add(aloneNanos);
      added.add(addedNanos);
    }

    Measurement build() {
      return new Measurement(
          variant,
          bytes,
          median(alone),
          median(added),
          added.stream().mapToDouble(d -> d).min().orElse(0),
          added.stream().mapToDouble(d -> d).max().orElse(0));
    }

    private static double median(List<Double> values) {
      return PairedTimes.median(values.stream().mapToDouble(d -> d).toArray(), values.size());
    }

    @Override
    public String toString() {
      Measurement now = build();
      return String.format(
          Locale.ROOT,
          "%s at %d B: %.1f ns, %+.1f",
          variant.title(),
          bytes,
          now.aloneNanos,
          now.addedNanos);
    }
  }
}
