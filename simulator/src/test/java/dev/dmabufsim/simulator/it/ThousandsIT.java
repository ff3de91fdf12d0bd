package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.report.Report;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many attachments to few buffers, on three importer nodes. */
class ThousandsIT {
  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void hundredsOfAttachmentsOnThreeNodesAreRevokedAndComeBack() {
    Simulator run =
        sandbox.run(
            "run",
            "thousands",
            "--set",
            "revokes.rounds=2",
            "--set",
            "bound.ask=30s",
            "--set",
            "nodes.importer-1.devices.0000:65:00.0.attachments=100",
            "--set",
            "nodes.importer-1.devices.0000:65:00.1.attachments=100",
            "--set",
            "nodes.importer-2.devices.0000:ca:00.0.attachments=50",
            "--set",
            "nodes.importer-2.devices.0000:e1:00.0.attachments=50",
            "--set",
            "nodes.importer-3.devices.0000:31:00.0.attachments=50",
            "--set",
            "nodes.importer-3.devices.0000:32:00.0.attachments=50",
            "--set",
            "thresholds[0]=attachments.peak == 400");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.attachments()).isEqualTo(new Report.Attachments(400, 0, 0));
    assertThat(report.revokes().outcomes()).isEqualTo(new Report.Outcomes(32, 0, 0, 0, 0));
    assertThat(report.nodes()).extracting(Report.Node::exit).containsOnly(0).hasSize(5);
    run.assertNothingLeft();
  }
}
