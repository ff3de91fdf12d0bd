package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A node ends that no fault of the scenario ends. */
class NodeDeathIT {
  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @ParameterizedTest
  @CsvSource({
    // Without its exporter a run is over; without another it plays all of its rounds.
    "exporter-1, 1000000, 50ms",
    "importer-1, 5, 1s",
    "iommu-1, 5, 1s"
  })
  void aRunInWhichANodeDiesByItselfNeverPasses(String node, int rounds, String every)
      throws IOException {
    Simulator run =
        sandbox.start(
            "run",
            sandbox.scenario("small.yaml"),
            "--set",
            "revokes.rounds=" + rounds,
            "--set",
            "revokes.every=" + every,
            "--set",
            "bound.ask=250ms",
            "--set",
            "bound.block=250ms");
    run.awaitOutput("attachments live");
    Processes.signal("KILL", run.nodes().get(node));
    assertThat(run.awaitExit()).as("%s", run).isIn(1, 3);
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo(run.awaitExit() == 1 ? "fail" : "unknown");
    assertThat(report.nodes())
        .filteredOn(n -> n.name().equals(node))
        .singleElement()
        .extracting(Report.Node::exit)
        .isEqualTo(137);
    assertThat(report.reasons())
        .anyMatch(r -> r.startsWith(node + " ended by itself with status 137"));
    run.assertNothingLeft();
  }
}
