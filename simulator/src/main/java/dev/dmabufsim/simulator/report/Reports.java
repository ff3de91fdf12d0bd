package dev.dmabufsim.simulator.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.simulator.report.Report.ThresholdResult;
import dev.dmabufsim.simulator.scenario.Threshold;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.HdrHistogram.Histogram;

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

  /** Compares a report's figures with what a scenario demands. */
  public static List<ThresholdResult> compare(Report report, List<Threshold> thresholds) {
    JsonNode tree = MAPPER.valueToTree(report);
    return thresholds.stream()
        .map(t -> {
          double actual = tree.at("/" + t.metric().replace('.', '/')).asDouble(Double.NaN);
          return new ThresholdResult(t.text(), actual, t.holds(actual));
        })
        .toList();
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
