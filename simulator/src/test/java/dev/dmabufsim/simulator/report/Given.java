package dev.dmabufsim.simulator.report;

import dev.dmabufsim.simulator.report.Report.Broken;
import dev.dmabufsim.simulator.report.Report.Node;
import dev.dmabufsim.simulator.report.Report.ThresholdResult;
import java.util.List;

/** Reports for tests: each has every field, and each list an item. */
final class Given {
  static final Report PASSED = report("pass", List.of(), List.of(), true);
  static final Report FAILED =
      report(
          "fail",
          List.of(),
          List.of(new Broken(2, "every revoke ends within its bound", "one took 9 us")),
          false);
  static final Report UNKNOWN = report("unknown", List.of("nothing was revoked"), List.of(), true);

  private Given() {}

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
            10, 9, new Report.Outcomes(4, 3, 2), new Report.Percentiles(50, 90, 99, 100), 3500),
        new Report.Attachments(1000, 8),
        new Report.Dma(11, 12, 0.25, 13, 14, 15, 16),
        new Report.Canary(17, 18));
  }
}
