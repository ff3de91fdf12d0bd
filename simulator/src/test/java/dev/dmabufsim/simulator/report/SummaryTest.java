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
  void lateAccessesAreCountedByClassAndTheFirstOfTheWorstIsShown() {
    List<String> lines = Summary.lines(Given.PASSED);
    int late =
        lines.indexOf("  late         24 nirvana, 25 iommu-fault, 26 aer, 27 uaf; 23 out of phase");
    assertThat(late).isPositive();
    assertThat(lines.get(late + 1))
        .isEqualTo(
            "               the worst: d (gpu-dynamic) wrote to buffer 1 of gpu at offset 4096,"
                + " 31 us after its revoke");
  }

  @Test
  void whatDidNotHappenTakesNoLine() {
    List<String> lines = Summary.lines(Given.QUIET);
    assertThat(lines).contains("  late         0 nirvana, 0 iommu-fault, 0 aer, 0 uaf");
    assertThat(lines).noneMatch(l -> l.contains("the worst"));
    assertThat(lines).noneMatch(l -> l.startsWith("  moves"));
    assertThat(lines).noneMatch(l -> l.startsWith("  cpu"));
    assertThat(lines).noneMatch(l -> l.startsWith("  calls"));
    assertThat(lines).noneMatch(l -> l.startsWith("  faults"));
    assertThat(lines).noneMatch(l -> l.contains("reclaimed"));
  }

  @Test
  void whatDidHappenTakesOne() {
    assertThat(Summary.lines(Given.PASSED))
        .contains("  moves        5 completed, 6 refused")
        .contains("  cpu          21 reads, 23 writes, 22 faults")
        .contains("  calls        19 illegal, 20 messages ignored")
        .contains(
            "  revokes      9 of 10 completed: 4 acked, 3 blocked, 2 severed, 1 assumed; 28 reclaimed")
        .contains("  faults       29 kill, 30 pause; 31 mid-revoke");
  }

  @Test
  void whatIsAboutFaultsIsSaidOnlyIfAnyStruckOrItIsBroken() {
    for (Invariant invariant : Invariant.values()) {
      String line = "  ✓ " + invariant.number() + "  " + invariant.title();
      assertThat(Summary.lines(Given.QUIET).contains(line)).isEqualTo(invariant.number() <= 6);
    }
    assertThat(Summary.lines(Given.ZOMBIES))
        .contains("  ✗ 12  " + Invariant.ZOMBIES_CHANGE_NOTHING.title())
        .noneMatch(l -> l.startsWith("  ✓ 11"));
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
