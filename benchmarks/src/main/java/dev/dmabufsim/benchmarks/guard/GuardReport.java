package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.MarkdownTable;
import java.util.List;
import java.util.Locale;

/** The measurements as a table, with the targets. */
record GuardReport(List<Measurement> measurements) {
  private static final Variant JUDGED = Variant.GUARD;

  /** Whether the guard reaches every target. */
  boolean met() {
    return measurements.stream()
        .filter(m -> m.variant() == JUDGED)
        .allMatch(m -> Target.at(m.bytes()).map(t -> t.met(m)).orElse(true));
  }

  String table() {
    MarkdownTable table =
        new MarkdownTable(
            1,
            "around the copy",
            "size",
            "copy alone, ns",
            "with it, ns",
            "added, ns",
            "spread",
            "ratio",
            "target");
    for (Measurement m : measurements) {
      table.row(
          m.variant().title(),
          size(m.bytes()),
          nanos(m.aloneNanos()),
          nanos(m.withNanos()),
          nanos(m.addedNanos()),
          nanos(m.addedLowNanos()) + " … " + nanos(m.addedHighNanos()),
          String.format(Locale.ROOT, "%.3f", m.ratio()),
          m.variant() == JUDGED ? Target.at(m.bytes()).map(t -> t.mark(m)).orElse("") : "");
    }
    return table.toString();
  }

  private static String nanos(double nanos) {
    return String.format(Locale.ROOT, "%.1f", nanos);
  }

  private static String size(int bytes) {
    if (bytes >= 1 << 20) {
      return (bytes >> 20) + " MiB";
    }
    return bytes >= 1 << 10 ? (bytes >> 10) + " KiB" : bytes + " B";
  }
}
