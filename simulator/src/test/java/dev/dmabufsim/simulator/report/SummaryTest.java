package dev.dmabufsim.simulator.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.judge.Invariant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The end of a run, as people read it. */
class SummaryTest {
  @Test
  void allInvariantsOfARunThatPassedAreTicked() {
    List<String> lines = Summary.lines(Given.PASSED);
    for (Invariant invariant : Invariant.values()) {
      assertThat(lines).contains("  ✓ " + invariant.number() + "  " + invariant.title());
    }
    assertThat(lines).contains("  ✓    revokes.outcomes.severed == 0 (0)");
    assertThat(lines).last().asString().startsWith("PASS vfio-reset");
  }

  @Test
  void aBrokenInvariantIsCrossedAndItsDetailFollows() {
    List<String> lines = Summary.lines(Given.FAILED);
    int broken = lines.indexOf("  ✗ 2  every revoke ends within its bound");
    assertThat(lines.get(broken + 1)).isEqualTo("       one took 9 us");
    assertThat(lines).contains("  ✓ 1  no DMA lands after its revoke completed");
    assertThat(lines).contains("  ✗    revokes.outcomes.severed == 0 (1)");
    assertThat(lines).last().asString().startsWith("FAIL vfio-reset");
  }

  @Test
  void whatIsUnknownIsNeitherTickedNorCrossedAndTheReasonComesLast() {
    List<String> lines = Summary.lines(Given.UNKNOWN);
    for (Invariant invariant : Invariant.values()) {
      assertThat(lines).contains("  ? " + invariant.number() + "  " + invariant.title());
    }
    assertThat(lines).last().isEqualTo("  because nothing was revoked");
  }
}
