package dev.dmabufsim.benchmarks.drain;

import dev.dmabufsim.benchmarks.MarkdownTable;
import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/** The revokes as a table, microseconds. */
record DrainReport(int slots, int repetitions, List<Revokes> all) {
  String text() {
    MarkdownTable table =
        new MarkdownTable(2, "load", "time, µs", "p50", "p99", "max", "had to wait", "DMA writes");
    for (Revokes r : all) {
      String waited = String.format(Locale.ROOT, "%d %%", 100 * r.waited / repetitions);
      String writes = String.format(Locale.ROOT, "%,d", r.operations);
      row(table, r.load.title(), "block", r.block, "", "");
      row(table, "", "drain", r.drain, waited, "");
      row(table, "", "block and drain", r.total, "", writes);
      if (r.refused.getTotalCount() > 0) {
        row(table, "", "engine refused", r.refused, "", "");
      }
    }
    return String.format(
        Locale.ROOT, "%,d slots, %d revokes for each load.%n%n%s", slots, repetitions, table);
  }

  private static void row(
      MarkdownTable table, String load, String what, Histogram h, String waited, String writes) {
    table.row(
        load,
        what,
        micros(h.getValueAtPercentile(50)),
        micros(h.getValueAtPercentile(99)),
        micros(h.getMaxValue()),
        waited,
        writes);
  }

  private static String micros(long nanos) {
    return String.format(Locale.ROOT, "%.1f", nanos / 1000.0);
  }
}
