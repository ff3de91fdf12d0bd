package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.report.Report;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A GPU says that it has stopped, and goes on reading and writing: for five seconds here, which no
 * revoke takes on a machine that is so busy that it takes longer than the 300 ms of the scenario.
 */
class LyingImporterIT {
  private static final String LIAR = "0000:ca:00.0";

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @ParameterizedTest
  @ValueSource(strings = "v7")
  void aSequenceThatBelievesALiarLetsItWriteIntoMemoryThatIsSomebodyElses(String contract) {
    Simulator run = run(contract);
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(1);
    Report report = run.report();
    assertThat(report.contract()).isEqualTo(contract);
    assertThat(report.verdict()).isEqualTo("fail");
    assertThat(report.canary().foreignBytes()).isPositive();
    assertThat(report.violations())
        .filteredOn(v -> v.number() == 1)
        .as("its author, found in memory")
        .anyMatch(v -> v.detail().matches(".* bytes written by attachment \\d+ \\(" + LIAR + ".*"));
    run.assertNothingLeft();
  }

  @Test
  void underEnforcedALiarReachesNothingAndItsAccessesAreFaults() {
    Simulator run = run("enforced");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.canary().bytesScanned()).isPositive();
    assertThat(report.canary().foreignBytes()).isZero();
    assertThat(report.dma().leakedBytes()).isZero();
    assertThat(report.dma().iommuFaults()).as("it did try").isPositive();
    run.assertNothingLeft();
  }

  private Simulator run(String contract) {
    return sandbox.run(
        "run",
        "lying-importer",
        "--set",
        "contract=" + contract,
        "--set",
        "revokes.rounds=3",
        "--set",
        "nodes.importer-2.devices." + LIAR + ".overrun=5s",
        "--set",
        "bound.ask=30s");
  }
}
