package dev.dmabufsim.benchmarks.guard;

import static dev.dmabufsim.benchmarks.guard.Variant.GUARD;
import static dev.dmabufsim.benchmarks.guard.Variant.STAMPED_LOCK;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class GuardReportTest {
  @Test
  void meetsTheTargetsAtTheirEdges() {
    GuardReport report =
        new GuardReport(
            List.of(
                new Measurement(GUARD, 64, 10, 6, 6, 6),
                new Measurement(GUARD, 4096, 90, 10, 10, 10),
                new Measurement(GUARD, 65_536, 980, 20, 20, 20)));

    assertThat(report.met()).isTrue();
    assertThat(report.table()).contains("✓ ≤ 6 ns", "✓ ≥ 0.90", "✓ ≥ 0.98");
  }

  @Test
  void missesATargetBeyondItsEdge() {
    GuardReport report = new GuardReport(List.of(new Measurement(GUARD, 4096, 90, 10.1, 10, 11)));

    assertThat(report.met()).isFalse();
    assertThat(report.table()).contains("✗ ≥ 0.90");
  }

  @Test
  void doesNotJudgeTheLocks() {
    GuardReport report =
        new GuardReport(List.of(new Measurement(STAMPED_LOCK, 64, 10, 60, 60, 60)));

    assertThat(report.met()).isTrue();
    assertThat(report.table()).doesNotContain("✗");
  }
}
