package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Processes that are killed, frozen and started again, at a point and after a time. */
class FaultsIT {
  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void anImporterIsKilledInTheGuardOfADma() throws IOException {
    Simulator run = run(3, "kill: random, at: importer.guard-granted, revoke: 2");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    assertThat(events(run, "importer-1"))
        .contains(new HistoryEvent.FaultPointReached("importer.guard-granted", 2));
    assertThat(run.report().nodes())
        .filteredOn(n -> n.name().equals("importer-1"))
        .extracting(Report.Node::exit)
        .containsExactly(137);
    run.assertNothingLeft();
  }

  @Test
  void aFaultThatDoesNotFireIsUnknown() throws IOException {
    // Nothing has to be severed when all answer.
    Simulator run = run(1, "crash-at: exporter.sever, node: exporter-1");
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(3);
    assertThat(run.report().reasons())
        .containsExactly(
            "the fault {kill: \"exporter-1\", at: exporter.sever, revoke: 1} did not fire");
    run.assertNothingLeft();
  }

  private Simulator run(int rounds, String... faults) throws IOException {
    List<String> arguments =
        new ArrayList<>(
            List.of("run", sandbox.scenario("small.yaml"), "--set", "revokes.rounds=" + rounds));
    for (String fault : faults) {
      arguments.add("--fault");
      arguments.add(fault);
    }
    return sandbox.run(arguments.toArray(String[]::new));
  }

  private static List<HistoryEvent> events(Simulator run, String file) {
    return run.history(file).stream().map(HistoryLine::event).toList();
  }
}
