package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.report.Report;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
    // Four buffers in each of eight rounds, and those that a first attach without peer2peer moves.
    assertThat(report.revokes().moves().completed()).isGreaterThanOrEqualTo(32);
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

  @Test
  void whatIsClosedForTheLastTimeGoesToItsNextOwnerForGoodAndUdmabufTakesNothingBack() {
    Simulator run = run("last-close");
    Report report = run.report();
    assertThat(report.revokes().completed()).isEqualTo(8);
    assertThat(report.dma().late().uaf().count()).isZero();
    Set<Integer> guestMemory = new HashSet<>();
    Set<Integer> closed = new HashSet<>();
    Set<Integer> handedOver = new HashSet<>();
    Set<String> unrevocable = new HashSet<>();
    for (HistoryLine line : run.history("exporter-1")) {
      switch (line.event()) {
        case HistoryEvent.Exported e when e.kind() == ExporterKind.UDMABUF ->
            guestMemory.add(e.buffer());
        case HistoryEvent.RevokeRequested e -> {
          assertThat(guestMemory).doesNotContain(e.buffer());
          if (e.cause() == RevokeCause.LAST_CLOSE) {
            assertThat(e.mapped()).as("mapped when it is closed").isPositive();
            closed.add(e.buffer());
          }
        }
        case HistoryEvent.HandedOver e when closed.contains(e.buffer()) ->
            handedOver.add(e.buffer());
        case HistoryEvent.Restored e -> assertThat(closed).doesNotContain(e.buffer());
        case HistoryEvent.Attached e when guestMemory.contains(e.buffer()) ->
            unrevocable.addAll(e.revocable() ? List.of() : List.of(e.kind()));
        default -> {}
      }
    }
    assertThat(closed).hasSize(4).isEqualTo(handedOver);
    assertThat(guestMemory).hasSize(2);
    assertThat(unrevocable).containsExactly("static");
    run.assertNothingLeft();
  }

  /** Who cannot be told is let in, and taken the memory away from when it fails. */
  @Test
  void memoryThatFailsIsTakenBackInTimeFromWhoCannotBeTold() {
    Simulator run = sandbox.run("run", "ras-error");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.attachments().peak()).isEqualTo(12);
    assertThat(report.revokes().outcomes().acked()).as("who does not answer owes it").isZero();
    assertThat(report.revokes().completed()).isEqualTo(4);
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
