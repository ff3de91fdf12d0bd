package dev.dmabufsim.simulator.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.report.Report;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ChaosReportTest {
  private static ChaosReport.Round round(long seed, String verdict, String... why) {
    return new ChaosReport.Round(
        seed,
        List.of("kill: importer-1, after: 1s", "drop: 10%, after: 1s, for: 2s"),
        verdict,
        List.of(why),
        Map.of("kill", 1L),
        1,
        new Report.Outcomes(10, 2, 1, 0, 3),
        seed * 1000,
        9_000_000,
        "/runs/" + seed);
  }

  @Test
  void oneFailureFailsItAndWithoutAPassNothingIsKnown() {
    assertThat(report(round(1, "pass"), round(2, "fail"), round(3, "unknown")).verdict())
        .isEqualTo("fail");
    assertThat(report(round(1, "pass"), round(2, "unknown")).verdict()).isEqualTo("pass");
    assertThat(report(round(1, "unknown")).verdict()).isEqualTo("unknown");
  }

  @Test
  void aLineSaysOfARoundWhatHappened() {
    assertThat(ChaosReport.line(7, round(42, "pass")))
        .isEqualTo(
            "  round 7   seed 42          pass    10 acked, 2 blocked, 1 severed, 3 reclaimed;"
                + " worst 42 of 9000 ms; 1 of 2 faults struck, 1 mid-revoke:"
                + " kill: importer-1, after: 1s; drop: 10%, after: 1s, for: 2s");
  }

  @Test
  void theSummaryAddsUp() {
    assertThat(
            report(
                    round(5, "pass"),
                    round(70, "unknown", "the fault {kill: x} did not fire"),
                    round(6, "unknown", "the fault {pause: y} did not fire"))
                .summary())
        .contains(
            "  rounds       3: 1 pass, 2 unknown, 0 fail",
            "  faults       3 of 6 struck, 3 of them mid-revoke",
            "               kill               3",
            "  revokes      30 acked, 6 blocked, 3 severed, 9 reclaimed",
            "  worst        70 ms of 9000 ms (seed 70)",
            "  unknown      2 x a fault did not strike");
  }

  private static ChaosReport report(ChaosReport.Round... rounds) {
    return ChaosReport.of(1, "chaos-world", 12.5, List.of(rounds));
  }
}
