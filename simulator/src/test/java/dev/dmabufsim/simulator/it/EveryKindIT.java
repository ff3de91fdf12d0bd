package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.report.Report;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Exporters that move or revoke for good, and importers of every kind, across processes. */
class EveryKindIT {
  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void aGpuMovesItsBuffersUnderDevicesAndCpusAndTheirContentSurvives() {
    Simulator run = run("gpu-eviction");
    Report report = run.report();
    assertThat(report.revokes().moves().completed()).isEqualTo(32);
    assertThat(report.revokes().moves().damaged()).isZero();
    assertThat(report.cpu().reads()).isPositive();
    assertThat(report.dma().late().uaf().count()).isZero();
    run.assertNothingLeft();
  }

  @Test
  void pagesOfAContextThatEndedAreNeverMappedAgain() {
    Simulator run = run("rdma-context");
    Report report = run.report();
    assertThat(report.revokes().completed()).isEqualTo(20);
    assertThat(report.revokes().moves().completed()).isZero();
    assertThat(report.dma().failedAfterRevoke()).isPositive();
    assertThat(report.attachments().refused()).as("who pins").isEqualTo(5);
    run.assertNothingLeft();
  }

  @Test
  void aVfioDeviceLetsInWhomItCanRevokeAndAHeapEverybody() {
    Simulator run = run("every-importer");
    Report report = run.report();
    assertThat(report.revokes().completed()).isEqualTo(32);
    assertThat(report.dma().late().uaf().count()).isZero();
    assertThat(refusedKinds(run, Errno.EOPNOTSUPP))
        .containsKeys("rdma-pinned", "virtio-gpu", "scanout", "static")
        .doesNotContainKeys("gpu-dynamic", "rdma-odp", "rdma-pinned-revocable");
    run.assertNothingLeft();
  }

  private Simulator run(String scenario) {
    Simulator run = sandbox.run("run", scenario, "--set", "bound.ask=30s");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    assertThat(run.report().verdict()).isEqualTo("pass");
    return run;
  }

  /** How many attachments of each kind were refused with that. */
  private static Map<String, Integer> refusedKinds(Simulator run, Errno errno) {
    Map<String, Integer> refused = new TreeMap<>();
    run.history("exporter-1").stream()
        .map(l -> l.event())
        .forEach(e -> {
          if (e instanceof HistoryEvent.AttachRefused r && r.errno() == errno) {
            refused.merge(r.kind(), r.count(), Integer::sum);
          }
        });
    return refused;
  }
}
