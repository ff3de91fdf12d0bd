package dev.dmabufsim.simulator.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.report.Report.ThresholdResult;
import dev.dmabufsim.simulator.scenario.Threshold;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** Makes reports and writes them. */
public final class Reports {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** A revoke that takes longer than an hour is not told from one that takes an hour. */
  private static final long HIGHEST_MICROS = 3_600_000_000L;

  private Reports() {}

  /** Percentiles of measured times, with three significant digits; the longest is exact. */
  public static Report.Percentiles percentiles(List<Long> micros) {
    Histogram histogram = new Histogram(HIGHEST_MICROS, 3);
    micros.forEach(m -> histogram.recordValue(Math.clamp(m, 0, HIGHEST_MICROS)));
    // A histogram rounds up: what is within a bound must not be reported as beyond it.
    long max = micros.stream().mapToLong(Long::longValue).max().orElse(0);
    return new Report.Percentiles(
        Math.min(max, histogram.getValueAtPercentile(50)),
        Math.min(max, histogram.getValueAtPercentile(90)),
        Math.min(max, histogram.getValueAtPercentile(99)),
        max);
  }

  /** Late accesses, as the judge counted them. */
  public static Report.Late late(Map<LateAccess, Findings.Late> late) {
    return new Report.Late(
        late(late, LateAccess.NIRVANA),
        late(late, LateAccess.IOMMU_FAULT),
        late(late, LateAccess.AER),
        late(late, LateAccess.UAF));
  }

  private static Report.LateClass late(Map<LateAccess, Findings.Late> late, LateAccess which) {
    Findings.Late one = late.getOrDefault(which, new Findings.Late(0, Optional.empty()));
    return new Report.LateClass(one.count(), one.first().map(Reports::example).orElse(null));
  }

  private static Report.LateExample example(Findings.Example e) {
    return new Report.LateExample(
        e.importer(),
        e.kind(),
        e.attachment(),
        e.exporter(),
        e.buffer(),
        orNull(e.offset()),
        e.wrote(),
        e.atMicros(),
        orNull(e.afterMicros()),
        e.evidence().label());
  }

  private static @Nullable Long orNull(OptionalLong value) {
    return value.isPresent() ? value.getAsLong() : null;
  }

  /** Compares a report's figures with what a scenario demands. */
  public static List<ThresholdResult> compare(Report report, List<Threshold> thresholds) {
    JsonNode tree = MAPPER.valueToTree(report);
    return thresholds.stream()
        .map(t -> {
          double actual = figure(tree.at("/" + t.metric().replace('.', '/')));
          return new ThresholdResult(t.text(), actual, t.holds(actual));
        })
        .toList();
  }

  /** Of figures that have an example beside them, the figure is the count. */
  private static double figure(JsonNode node) {
    return (node.isObject() ? node.path("count") : node).asDouble(Double.NaN);
  }

  /** The report as JSON text. */
  public static String json(Report report) {
    return MAPPER.valueToTree(report).toPrettyString() + "\n";
  }

  /** Writes {@code report.json}. */
  public static void write(Report report, Path file) throws IOException {
    Files.writeString(file, json(report));
  }
}
