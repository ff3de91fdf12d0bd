package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SaturatingTest {
  private static final long MAX = Long.MAX_VALUE;

  @Test
  void numbersThatFitAreExact() {
    assertThat(Saturating.add(MAX - 1, 1)).isEqualTo(MAX);
    assertThat(Saturating.multiply(MAX / 3, 3)).isEqualTo(MAX / 3 * 3);
    assertThat(Saturating.parse("0009223372036854775806")).isEqualTo(MAX - 1);
  }

  @Test
  void numbersThatDoNotFitAreTheLargestAndNeverWrapAround() {
    assertThat(Saturating.add(MAX, 1)).isEqualTo(MAX);
    assertThat(Saturating.add(MAX, MAX)).isEqualTo(MAX);
    assertThat(Saturating.multiply(1L << 32, 1L << 31)).isEqualTo(MAX);
    assertThat(Saturating.multiply(1L << 32, 1L << 32)).isEqualTo(MAX);
    assertThat(Saturating.multiply(MAX, 3)).isEqualTo(MAX);
    assertThat(Saturating.parse("9223372036854775808")).isEqualTo(MAX);
    assertThat(Saturating.parse("9".repeat(40))).isEqualTo(MAX);
  }
}
