package dev.dmabufsim.common.driver;

import java.time.Duration;
import java.util.random.RandomGenerator;

/** A time that is not always the same. Never negative, and never longer than an hour. */
public sealed interface Distribution {
  /** One that is always zero. */
  Distribution ZERO = new Constant(Duration.ZERO);

  /** Draws a time. */
  Duration draw(RandomGenerator random);

  /** Always the same. */
  record Constant(Duration time) implements Distribution {
    @Override
    public Duration draw(RandomGenerator random) {
      return bounded(time.toNanos());
    }
  }

  /** Each time between the two is as likely as another. */
  record Uniform(Duration from, Duration to) implements Distribution {
    @Override
    public Duration draw(RandomGenerator random) {
      long low = from.toNanos();
      long high = to.toNanos();
      return bounded(high <= low ? low : random.nextLong(low, high + 1));
    }
  }

  /** Exponential: many short times and few long ones, as of queues that are served at random. */
  record Exponential(Duration mean) implements Distribution {
    @Override
    public Duration draw(RandomGenerator random) {
      return bounded((long) (mean.toNanos() * random.nextExponential()));
    }
  }

  /** Normal; what would be negative is zero. */
  record Normal(Duration mean, Duration deviation) implements Distribution {
    @Override
    public Duration draw(RandomGenerator random) {
      return bounded(
          (long) random.nextGaussian((double) mean.toNanos(), (double) deviation.toNanos()));
    }
  }

  /** Always {@code time}. */
  static Distribution constant(Duration time) {
    return new Constant(time);
  }

  private static Duration bounded(long nanos) {
    return Duration.ofNanos(Math.clamp(nanos, 0, Duration.ofHours(1).toNanos()));
  }
}
