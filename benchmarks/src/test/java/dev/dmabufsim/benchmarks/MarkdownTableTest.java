package dev.dmabufsim.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class MarkdownTableTest {
  @Test
  void alignsTextLeftAndNumbersRight() {
    String table = new MarkdownTable(1, "copy", "ns").row("alone", "1.5").row("x", "22").toString();

    assertThat(table)
        .isEqualTo(
            """
            | copy  |  ns |
            | ----- | --: |
            | alone | 1.5 |
            | x     |  22 |
            """);
  }
}
