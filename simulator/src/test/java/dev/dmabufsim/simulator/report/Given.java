package dev.dmabufsim.simulator.report;

import dev.dmabufsim.simulator.report.Report.Broken;
import dev.dmabufsim.simulator.report.Report.Node;
import dev.dmabufsim.simulator.report.Report.ThresholdResult;
import java.util.List;

/** Reports for tests: each has every field, and each list an item. */
final class Given {
  private static final Report.Late LATE =
      new Report.Late(late(24, "a"), late(25, "b"), late(26, "c"), late(27, "d"));
  static final Report PASSED = report("pass", List.of(), List.of(), true);
  static final Report FAILED =
      report(
          "fail",
          List.of(),
          List.of(new Broken(2, "every revoke ends within its bound", "one took 9 us")),
          false);
  static final Report UNKNOWN = report("unknown", List.of("nothing was revoked"), List.of(), true);

  /** Nothing happened that needs not. */
  static final Report QUIET = quiet(PASSED);

  /** No fault struck, and yet something about faults is broken. */
  static final Report ZOMBIES =
      quiet(
          report(
              "fail",
              List.of(),
              List.of(new Broken(12, "what the dead say is not acted on", "one was")),
              true));

  private Given() {}

  private static Report quiet(Report r) {
    Report.LateClass none = new Report.LateClass(0, null);
    Report.Revokes v = r.revokes();
    Report.Dma d = r.dma();
    return new Report(
        r.scenario(),
        r.contract(),
        r.seed(),
        r.verdict(),
        r.reasons(),
        r.startedAt(),
        r.seconds(),
        r.nodes(),
        r.violations(),
        r.thresholds(),
        new Report.Revokes(
            v.requested(),
            v.completed(),
            new Report.Outcomes(4, 3, 2, 1, 0),
            new Report.Moves(0, 0, 0),
            v.latencyMicros(),
            v.boundMicros()),
        r.attachments(),
        new Report.Calls(0, 0),
        new Report.Cpu(0, 0, 0),
        new Report.Dma(
            d.operations(),
            d.bytes(),
            d.gibPerSecond(),
            d.failedAfterRevoke(),
            d.iommuFaults(),
            d.aborted(),
            d.leakedBytes(),
            0,
            new Report.Late(none, none, none, none)),
        r.canary(),
        new Report.Faults(List.of(), 0));
  }

  private static Report.LateClass late(long count, String importer) {
    return new Report.LateClass(
        count,
        new Report.LateExample(
            importer, "gpu-dynamic", 77, "gpu", 1, 4096L, true, 5000, 31L, "access"));
  }

  private static Report report(
      String verdict, List<String> reasons, List<Broken> violations, boolean held) {
    return new Report(
        "vfio-reset",
        "enforced",
        7,
        verdict,
        reasons,
        "2026-11-21T00:56:56.382357476Z",
        12.5,
        List.of(
            new Node("iommu-1", "iommu", 4711, 0),
            new Node("exporter-1", "exporter", 4712, 137),
            new Node("importer-1", "importer", 4713, null)),
        violations,
        List.of(new ThresholdResult("revokes.outcomes.severed == 0", held ? 0.0 : 1.0, held)),
        new Report.Revokes(
            10,
            9,
            new Report.Outcomes(4, 3, 2, 1, 28),
            new Report.Moves(5, 6, 0),
            new Report.Percentiles(50, 90, 99, 100),
            3500),
        new Report.Attachments(1000, 8, 7),
        new Report.Calls(19, 20),
        new Report.Cpu(21, 23, 22),
        new Report.Dma(11, 12, 0.25, 13, 14, 15, 16, 23, LATE),
        new Report.Canary(17, 18),
        new Report.Faults(
            List.of(new Report.Struck("kill", 29), new Report.Struck("pause", 30)), 31));
  }
}
