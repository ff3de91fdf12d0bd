package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the user sees first: {@code ./dmabuf-sim run}, with fewer rounds and buffers. */
class VfioResetIT {
  private static final String[] SMALL = {
    "run",
    "vfio-reset",
    "--seed",
    "42",
    "--set",
    "revokes.rounds=4",
    "--set",
    "bound.ask=30s",
    "--set",
    "nodes.exporter-1.devices.0000:17:00.0.buffers=8",
    "--set",
    "nodes.exporter-1.devices.0000:98:00.0.buffers=8"
  };

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void vfioResetPassesAndKeepsARunThatCanBeRunAgain() throws IOException {
    Simulator run = sandbox.run(SMALL);
    assertPassed(run);
    assertRunDirectoryIsComplete(run);
    assertThat(sandbox.directory().resolve("runs/latest").toRealPath())
        .isEqualTo(run.runDirectory());
    Simulator again =
        sandbox.run(
            "run", run.runDirectory().resolve("scenario.yaml").toString(), "--out", "again");
    assertPassed(again);
    assertThat(Files.readString(again.runDirectory().resolve("scenario.yaml")))
        .isEqualTo(Files.readString(run.runDirectory().resolve("scenario.yaml")));
    assertThat(again.report().seed()).as("a fresh seed").isNotEqualTo(42);
  }

  private static void assertPassed(Simulator run) {
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.scenario()).isEqualTo("vfio-reset");
    // Four rounds, each of one device with eight buffers.
    assertThat(report.revokes().requested()).isEqualTo(32);
    assertThat(report.revokes().outcomes()).isEqualTo(new Report.Outcomes(32, 0, 0, 0, 0));
    assertThat(report.attachments()).isEqualTo(new Report.Attachments(1000, 8, 0));
    assertThat(report.dma().operations()).isPositive();
    assertThat(report.dma().failedAfterRevoke()).isPositive();
    assertThat(report.dma().leakedBytes()).isZero();
    assertThat(report.canary().bytesScanned()).isGreaterThanOrEqualTo(32L << 20);
    assertThat(report.canary().foreignBytes()).isZero();
    assertThat(report.nodes()).extracting(Report.Node::exit).containsOnly(0).hasSize(4);
    assertThat(report.thresholds()).hasSize(3).allMatch(Report.ThresholdResult::held);
    run.assertNothingLeft();
  }

  private static void assertRunDirectoryIsComplete(Simulator run) {
    assertThat(run.report().seed()).isEqualTo(42);
    List<String> nodes = run.report().nodes().stream().map(Report.Node::name).toList();
    assertThat(nodes)
        .containsExactlyInAnyOrder("iommu-1", "exporter-1", "importer-1", "importer-2");
    for (String node : nodes) {
      assertThat(run.history(node).getFirst().event()).isInstanceOf(HistoryEvent.NodeStarted.class);
      Path log = run.runDirectory().resolve(node + ".log");
      assertThat(log).content().contains("Cluster Node").doesNotContain("ERROR");
    }
    assertThat(run.runDirectory().resolve("scenario.yaml")).isNotEmptyFile();
    assertThat(run.out())
        .as("the report's place, at the end")
        .endsWith("report " + run.runDirectory().resolve("report.json") + "\n");
    assertThat(run.err()).isEmpty();
  }
}
