package dev.dmabufsim.simulator.report;

import dev.dmabufsim.simulator.judge.Invariant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The end of a run, for people: what had to hold first, then the figures. */
public final class Summary {
  private static final double MIB = 1 << 20;

  private Summary() {}

  /** Some twenty lines, each of no more than a screen's width if the scenario is kind. */
  public static List<String> lines(Report r) {
    List<String> lines = new ArrayList<>();
    boolean unknown = r.verdict().equals("unknown");
    for (Invariant invariant : Invariant.values()) {
      List<Report.Broken> broken =
          r.violations().stream().filter(v -> v.number() == invariant.number()).toList();
      if (invariant.aboutFaults() && r.faults().struck().isEmpty() && broken.isEmpty()) {
        continue;
      }
      String mark = broken.isEmpty() ? (unknown ? "?" : "✓") : "✗";
      lines.add("  %s %d  %s".formatted(mark, invariant.number(), invariant.title()));
      broken.forEach(b -> lines.add("       " + b.detail()));
    }
    for (Report.ThresholdResult t : r.thresholds()) {
      lines.add(
          "  %s    %s (%s)".formatted(t.held() ? "✓" : "✗", t.threshold(), number(t.actual())));
    }
    lines.add("");
    Report.Revokes v = r.revokes();
    lines.add(
        "  revokes      %d of %d completed: %d acked, %d blocked, %d severed, %d assumed%s"
            .formatted(
                v.completed(),
                v.requested(),
                v.outcomes().acked(),
                v.outcomes().blocked(),
                v.outcomes().severed(),
                v.outcomes().assumed(),
                v.outcomes().reclaimed() == 0
                    ? ""
                    : "; %d reclaimed".formatted(v.outcomes().reclaimed())));
    faults(lines, r.faults());
    if (v.moves().completed() + v.moves().refused() > 0) {
      lines.add(
          "  moves        %d completed, %d refused"
              .formatted(v.moves().completed(), v.moves().refused()));
    }
    lines.add(
        "  took         p50 %s  p90 %s  p99 %s  max %s  (bound %s)"
            .formatted(
                millis(v.latencyMicros().p50()),
                millis(v.latencyMicros().p90()),
                millis(v.latencyMicros().p99()),
                millis(v.latencyMicros().max()),
                millis(v.boundMicros())));
    lines.add(
        "  attachments  %d at most, %d refused%s"
            .formatted(
                r.attachments().peak(),
                r.attachments().refused(),
                r.attachments().kept() == 0
                    ? ""
                    : ", %d never given back by who misbehaves".formatted(r.attachments().kept())));
    Report.Dma d = r.dma();
    lines.add(
        String.format(
            Locale.ROOT,
            "  dma          %d operations, %.1f MiB, %.2f GiB/s",
            d.operations(),
            d.bytes() / MIB,
            d.gibPerSecond()));
    lines.add(
        "  after revoke %d accesses failed with ENODEV, %d refused by the IOMMU, %d aborted"
            .formatted(d.failedAfterRevoke(), d.iommuFaults(), d.aborted()));
    lines.add(
        String.format(
            Locale.ROOT,
            "  canary       %.1f MiB looked through, %d foreign bytes, %d bytes leaked to reads",
            r.canary().bytesScanned() / MIB,
            r.canary().foreignBytes(),
            d.leakedBytes()));
    late(lines, d);
    if (r.cpu().reads() + r.cpu().faults() > 0) {
      lines.add(
          "  cpu          %d reads, %d writes, %d faults"
              .formatted(r.cpu().reads(), r.cpu().writes(), r.cpu().faults()));
    }
    if (r.calls().illegal() + r.calls().ignored() > 0) {
      lines.add(
          "  calls        %d illegal, %d messages ignored"
              .formatted(r.calls().illegal(), r.calls().ignored()));
    }
    lines.add("");
    lines.add(
        String.format(
            Locale.ROOT,
            "%s %s  (%s, seed %d, %.1f s)",
            r.verdict().toUpperCase(Locale.ROOT),
            r.scenario(),
            r.contract(),
            r.seed(),
            r.seconds()));
    r.reasons().forEach(reason -> lines.add((unknown ? "  because " : "  besides, ") + reason));
    return lines;
  }

  private static void faults(List<String> lines, Report.Faults faults) {
    if (!faults.struck().isEmpty()) {
      String kinds =
          faults.struck().stream()
              .map(s -> s.count() + " " + s.kind())
              .collect(Collectors.joining(", "));
      lines.add("  faults       %s; %d mid-revoke".formatted(kinds, faults.midRevoke()));
    }
  }

  private static void late(List<String> lines, Report.Dma d) {
    Report.Late late = d.late();
    lines.add(
        "  late         %d nirvana, %d iommu-fault, %d aer, %d uaf%s"
            .formatted(
                late.nirvana().count(),
                late.iommuFault().count(),
                late.aer().count(),
                late.uaf().count(),
                d.phaseBroken() == 0 ? "" : "; %d out of phase".formatted(d.phaseBroken())));
    Stream.of(late.uaf(), late.aer(), late.iommuFault(), late.nirvana())
        .filter(worst -> worst.count() > 0)
        .limit(1)
        .flatMap(worst -> Stream.ofNullable(worst.first()))
        .forEach(first -> lines.add("               the worst: " + example(first)));
  }

  private static String example(Report.LateExample e) {
    String where = e.offset() == null ? "" : " at offset " + e.offset();
    String when =
        e.afterMicros() == null ? "" : ", %d us after its revoke".formatted(e.afterMicros());
    return "%s (%s) %s buffer %d of %s%s%s"
        .formatted(
            e.importer(),
            e.kind(),
            e.wrote() ? "wrote to" : "read",
            e.buffer(),
            e.exporter(),
            where,
            when);
  }

  private static String number(double value) {
    return value == Math.rint(value)
        ? Long.toString((long) value)
        : String.format(Locale.ROOT, "%.3f", value);
  }

  private static String millis(long micros) {
    return String.format(Locale.ROOT, "%.1f ms", micros / 1000.0);
  }
}
