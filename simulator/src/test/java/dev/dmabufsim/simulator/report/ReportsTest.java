package dev.dmabufsim.simulator.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.report.Report.Percentiles;
import dev.dmabufsim.simulator.report.Report.ThresholdResult;
import dev.dmabufsim.simulator.scenario.Metrics;
import dev.dmabufsim.simulator.scenario.Threshold;
import dev.dmabufsim.simulator.scenario.Threshold.Comparison;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Figures of a report. */
class ReportsTest {
  @Test
  void ofAHundredTimesThePercentilesAreTheFiftiethTheNinetiethTheNinetyNinthAndTheLast() {
    List<Long> times = LongStream.rangeClosed(1, 100).map(i -> 101 - i).boxed().toList();
    assertThat(Reports.percentiles(times)).isEqualTo(new Percentiles(50, 90, 99, 100));
  }

  @Test
  void ofNoTimesAllPercentilesAreZero() {
    assertThat(Reports.percentiles(List.of())).isEqualTo(new Percentiles(0, 0, 0, 0));
  }

  @Test
  void ofOneTimeAllPercentilesAreThatTime() {
    assertThat(Reports.percentiles(List.of(17L))).isEqualTo(new Percentiles(17, 17, 17, 17));
  }

  @Test
  void oneSlowRevokeInAThousandIsTheMaximumAndNotThe99thPercentile() {
    List<Long> times =
        LongStream.range(0, 1000).map(i -> i == 500 ? 60_000_000 : 1000).boxed().toList();
    Percentiles percentiles = Reports.percentiles(times);
    assertThat(percentiles.p99()).isEqualTo(1000);
    assertThat(percentiles.max()).isEqualTo(60_000_000);
  }

  /** Were it rounded up, a revoke within its bound would be reported as one beyond it. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2_063_000, 3_499_999, 3_500_000, 299_999_999})
  void theLongestTimeIsReportedToTheMicrosecondAndNoPercentileIsLonger(long longest) {
    Percentiles percentiles = Reports.percentiles(List.of(1L, longest, longest));
    assertThat(percentiles.max()).isEqualTo(longest);
    assertThat(percentiles.p90()).isLessThanOrEqualTo(longest);
    assertThat(percentiles.p99())
        .isLessThanOrEqualTo(longest)
        .isCloseTo(longest, Percentage.withPercentage(0.1));
  }

  static Stream<String> metrics() {
    return Metrics.ALL.stream();
  }

  @ParameterizedTest
  @MethodSource("metrics")
  void everyMetricThatAThresholdMaySpeakOfIsInTheReport(String metric) {
    ThresholdResult result = compare(metric, Comparison.AT_LEAST, 0.2);
    assertThat(result.actual()).isNotNaN().isPositive();
    assertThat(result.held()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "revokes.requested, 10",
    "revokes.completed, 9",
    "revokes.outcomes.acked, 4",
    "revokes.outcomes.blocked, 3",
    "revokes.outcomes.severed, 2",
    "revokes.outcomes.assumed, 1",
    "revokes.moves.completed, 5",
    "revokes.moves.refused, 6",
    "revokes.latencyMicros.p50, 50",
    "revokes.latencyMicros.max, 100",
    "attachments.peak, 1000",
    "attachments.refused, 8",
    "attachments.kept, 7",
    "dma.operations, 11",
    "dma.gibPerSecond, 0.25",
    "dma.failedAfterRevoke, 13",
    "dma.phaseBroken, 23",
    "dma.late.nirvana, 24",
    "dma.late.iommu-fault, 25",
    "dma.late.aer, 26",
    "dma.late.uaf, 27",
    "calls.illegal, 19",
    "calls.ignored, 20",
    "cpu.reads, 21",
    "cpu.faults, 22",
    "canary.bytesScanned, 17",
    "canary.foreignBytes, 18",
  })
  void aMetricIsTheFigureOfThatName(String metric, double figure) {
    assertThat(compare(metric, Comparison.EQUAL, figure).actual()).isEqualTo(figure, within(1e-9));
  }

  @ParameterizedTest
  @CsvSource({
    "EQUAL,     2.999, 3, 3.001, false, true,  false",
    "NOT_EQUAL, 2.999, 3, 3.001, true,  false, true",
    "AT_MOST,   2.999, 3, 3.001, false, true,  true",
    "AT_LEAST,  2.999, 3, 3.001, true,  true,  false",
    "BELOW,     2.999, 3, 3.001, false, false, true",
    "ABOVE,     2.999, 3, 3.001, true,  false, false",
  })
  void aFigureOfThreeIsComparedWithLessTheSameAndMore(
      Comparison comparison,
      double less,
      double same,
      double more,
      boolean heldOfLess,
      boolean heldOfSame,
      boolean heldOfMore) {
    String three = "revokes.outcomes.blocked";
    assertThat(compare(three, comparison, less).held()).isEqualTo(heldOfLess);
    assertThat(compare(three, comparison, same).held()).isEqualTo(heldOfSame);
    assertThat(compare(three, comparison, more).held()).isEqualTo(heldOfMore);
  }

  @Test
  void aMetricThatIsNotThereHoldsNoThreshold() {
    assertThat(compare("revokes.nothing", Comparison.AT_LEAST, 0).held()).isFalse();
    assertThat(compare("revokes.nothing", Comparison.BELOW, 1).held()).isFalse();
  }

  @Test
  void aGroupOfFiguresIsNone() {
    assertThat(compare("revokes.outcomes", Comparison.AT_LEAST, 0).held()).isFalse();
    assertThat(compare("dma.late", Comparison.AT_LEAST, 0).held()).isFalse();
  }

  @Test
  void lateAccessesAreReportedByTheirClassAndWhatIsNotKnownOfThemIsNull() {
    Findings.Example leak =
        new Findings.Example(
            "nic",
            "static",
            3,
            "gpu",
            1,
            OptionalLong.empty(),
            false,
            17,
            OptionalLong.empty(),
            Findings.Evidence.LEAK);
    Report.Late late =
        Reports.late(
            Map.of(
                LateAccess.UAF, new Findings.Late(2, Optional.of(leak)),
                LateAccess.AER, new Findings.Late(5, Optional.empty())));
    assertThat(late.uaf())
        .isEqualTo(
            new Report.LateClass(
                2,
                new Report.LateExample(
                    "nic", "static", 3, "gpu", 1, null, false, 17, null, "leak")));
    assertThat(late.aer()).isEqualTo(new Report.LateClass(5, null));
    assertThat(late.nirvana()).isEqualTo(new Report.LateClass(0, null));
    assertThat(late.iommuFault()).isEqualTo(new Report.LateClass(0, null));
  }

  @Test
  void thresholdsAreReportedInTheirOrderAndAsTheyAreWritten() {
    List<ThresholdResult> results =
        Reports.compare(
            Given.PASSED,
            List.of(
                threshold("attachments.peak", Comparison.ABOVE, 1000),
                threshold("attachments.refused", Comparison.EQUAL, 8)));
    assertThat(results)
        .containsExactly(
            new ThresholdResult("attachments.peak > 1000.0", 1000, false),
            new ThresholdResult("attachments.refused == 8.0", 8, true));
  }

  private static ThresholdResult compare(String metric, Comparison comparison, double value) {
    return Reports.compare(Given.PASSED, List.of(threshold(metric, comparison, value))).getFirst();
  }

  private static Threshold threshold(String metric, Comparison comparison, double value) {
    return new Threshold(metric, comparison, value, metric + " " + comparison.sign() + " " + value);
  }
}
