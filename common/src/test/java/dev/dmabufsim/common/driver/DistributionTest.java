package dev.dmabufsim.common.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

final class DistributionTest {
  private static final int DRAWS = 50_000;
  private static final Duration HOUR = Duration.ofHours(1);

  private static Duration millis(long millis) {
    return Duration.ofMillis(millis);
  }

  /** A distribution, the bounds of what it draws, and its mean. */
  static Stream<Arguments> distributions() {
    return Stream.of(
        Arguments.of(Distribution.ZERO, millis(0), millis(0), millis(0)),
        Arguments.of(Distribution.constant(millis(7)), millis(7), millis(7), millis(7)),
        Arguments.of(
            new Distribution.Uniform(millis(1), millis(4)),
            millis(1),
            millis(4),
            Duration.ofNanos(2_500_000)),
        Arguments.of(new Distribution.Exponential(millis(10)), millis(0), HOUR, millis(10)),
        Arguments.of(
            new Distribution.Normal(millis(100), millis(10)), millis(20), millis(180), millis(100)),
        Arguments.of(
            // Half of it is cut off at zero: the mean of what is left is deviation / sqrt(2 pi).
            new Distribution.Normal(Duration.ZERO, millis(10)),
            millis(0),
            millis(80),
            Duration.ofNanos(3_989_423)));
  }

  @ParameterizedTest
  @MethodSource("distributions")
  void drawsWithinItsBoundsAndAroundItsMean(
      Distribution distribution, Duration low, Duration high, Duration mean) {
    Random random = new Random(1);
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
      Duration drawn = distribution.draw(random);
      assertThat(drawn).isBetween(low, high);
      sum += (double) drawn.toNanos();
    }
    double expected = (double) mean.toNanos();
    assertThat(sum / DRAWS).isCloseTo(expected, within(0.03 * expected + 1));
  }

  @ParameterizedTest
  @MethodSource("distributions")
  void drawsTheSameTimesFromTheSameSeed(
      Distribution distribution, Duration low, Duration high, Duration mean) {
    Random random = new Random(9);
    Random again = new Random(9);
    for (int i = 0; i < 1_000; i++) {
      assertThat(distribution.draw(random)).isEqualTo(distribution.draw(again));
    }
  }

  @Test
  void drawsBothEndsOfAUniformOne() {
    Distribution distribution = new Distribution.Uniform(Duration.ofNanos(3), Duration.ofNanos(5));
    Random random = new Random(1);

    assertThat(Stream.generate(() -> distribution.draw(random)).limit(1_000).distinct())
        .containsExactlyInAnyOrder(Duration.ofNanos(3), Duration.ofNanos(4), Duration.ofNanos(5));
  }

  @Test
  void aUniformOneOfOneTimeIsThatTime() {
    assertThat(new Distribution.Uniform(millis(3), millis(3)).draw(new Random(1)))
        .isEqualTo(millis(3));
  }

  @Test
  void isNeverNegativeAndNeverLongerThanAnHour() {
    Random random = new Random(1);
    Stream.of(
            new Distribution.Normal(Duration.ofDays(-1), millis(1)),
            new Distribution.Normal(Duration.ofDays(1), Duration.ofDays(30)),
            new Distribution.Exponential(Duration.ofDays(10_000)),
            new Distribution.Uniform(Duration.ofHours(-1), Duration.ofHours(3)),
            new Distribution.Constant(Duration.ofDays(1)),
            new Distribution.Constant(Duration.ofNanos(-1)))
        .forEach(distribution -> {
          for (int i = 0; i < 1_000; i++) {
            assertThat(distribution.draw(random)).isBetween(Duration.ZERO, HOUR);
          }
        });
  }
}
