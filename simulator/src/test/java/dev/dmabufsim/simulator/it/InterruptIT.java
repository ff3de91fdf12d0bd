package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Ctrl-C. */
class InterruptIT {
  /** 128 + SIGINT: the JVM's own exit status, whatever the verdict is. */
  private static final int INTERRUPTED = 130;

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void anInterruptedRunKeepsWhatItGatheredAndLeavesNothingBehind() throws IOException {
    Simulator run =
        sandbox.start("run", sandbox.scenario("small.yaml"), "--set", "revokes.rounds=1000000");
    run.awaitOutput("round [1-9]");
    Processes.signal("INT", run.pid());
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(INTERRUPTED);
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("unknown");
    assertThat(report.reasons()).contains("the run was interrupted");
    assertThat(report.violations()).isEmpty();
    assertThat(report.revokes().completed()).as("before the interrupt").isPositive();
    assertThat(report.nodes()).extracting(Report.Node::name).hasSize(3);
    for (String node : List.of("iommu-1", "exporter-1", "importer-1")) {
      assertThat(run.history(node)).as("history of %s", node).isNotEmpty();
    }
    assertThat(run.history("exporter-1"))
        .anyMatch(l -> l.event() instanceof HistoryEvent.RevokeCompleted);
    run.assertNothingLeft();
  }

  @Test
  void aRunThatIsInterruptedBeforeItsClusterHasFormedLeavesNothingBehind() throws IOException {
    Simulator run =
        sandbox.start("run", sandbox.scenario("small.yaml"), "--set", "revokes.every=1m");
    run.awaitNodes(3);
    Processes.signal("INT", run.pid());
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(INTERRUPTED);
    assertThat(run.report().verdict()).isEqualTo("unknown");
    assertThat(run.report().reasons()).contains("the run was interrupted", "nothing was revoked");
    run.assertNothingLeft();
  }
}
