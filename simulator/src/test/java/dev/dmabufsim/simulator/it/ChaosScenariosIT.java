package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.report.Report;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The bundled scenarios in which processes die or freeze and messages get lost, each once and in
 * small: whatever strikes, every invariant holds and nothing is left. {@link DeadImporterIT} has
 * the one that is not here.
 */
class ChaosScenariosIT {
  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @ParameterizedTest
  @CsvSource({
    "frozen-importer, revokes.rounds=6",
    "exporter-crash, faults[0].revoke=2 revokes.rounds=12",
    "iommu-crash, faults[0].revoke=2 revokes.rounds=12",
    "both-crash, faults[0].revoke=2 faults[1].revoke=2 revokes.rounds=12",
    "partition-mid-revoke, faults[0].after=500ms faults[1].after=2s faults[2].after=4s"
        + " faults[3].after=5s revokes.rounds=14",
    "lossy-control-plane, faults[0].for=4s faults[1].for=4s faults[2].for=4s revokes.rounds=14",
    "rolling-restart, faults[1].after=2s faults[2].after=3s faults[3].after=4s",
    "everything-at-once, revokes.rounds=12 faults[5].revoke=4",
  })
  void everyInvariantHoldsWhateverStrikes(String scenario, String settings) {
    List<String> arguments = new ArrayList<>(List.of("run", scenario));
    Arrays.stream(settings.split(" "))
        .filter(s -> !s.isEmpty())
        .forEach(s -> {
          arguments.add("--set");
          arguments.add(s);
        });
    Simulator run = sandbox.run(arguments.toArray(String[]::new));
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.canary().foreignBytes()).isZero();
    // Each of these faults ends.
    assertThat(count(run, HistoryEvent.FaultOver.class))
        .isPositive()
        .isEqualTo(count(run, HistoryEvent.FaultStruck.class));
    run.assertNothingLeft();
  }

  private static long count(Simulator run, Class<? extends HistoryEvent> kind) {
    return run.history("launcher").stream().filter(line -> kind.isInstance(line.event())).count();
  }
}
