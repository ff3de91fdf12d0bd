package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.report.Report;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An importer dies between an invalidation and its fence, and never answers. */
class DeadImporterIT {
  private static final List<String> SMALL =
      List.of(
          "revokes.rounds=4",
          "faults[0].revoke=2",
          "nodes.exporter-1.devices.0000:17:00.0.buffers=4",
          "nodes.exporter-1.devices.0000:98:00.0.buffers=4",
          "nodes.importer-1.devices.0000:65:00.0.attachments=16",
          "nodes.importer-2.devices.0000:ca:00.0.attachments=16",
          "nodes.importer-2.devices.0000:31:00.0.attachments=16");

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void underEnforcedTheRevokesOfADeadImporterEndAndOnlyThoseNeedMoreThanAcknowledgements() {
    Simulator run = sandbox.run(arguments("bound.ask=30s"));
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.revokes().completed()).isEqualTo(report.revokes().requested()).isEqualTo(16);
    Report.Outcomes outcomes = report.revokes().outcomes();
    assertThat(outcomes.blocked() + outcomes.severed()).isPositive();
    assertThat(outcomes.acked()).isPositive();
    assertThat(report.canary().foreignBytes()).isZero();
    assertThat(report.dma().leakedBytes()).isZero();
    assertThat(exit(report, "importer-2")).as("SIGKILL").isEqualTo(137);
    assertThat(exit(report, "importer-1")).isZero();
    assertThat(exit(report, "exporter-1")).isZero();
    assertThat(exit(report, "iommu-1")).isZero();
    assertOnlyTheDeadWereBlocked(run);
    run.assertNothingLeft();
  }

  private static void assertOnlyTheDeadWereBlocked(Simulator run) {
    Set<Integer> ofTheDead = new HashSet<>();
    List<Integer> blocked = new ArrayList<>();
    for (HistoryLine line : run.history("exporter-1")) {
      if (line.event() instanceof HistoryEvent.Attached e
          && Set.of("0000:ca:00.0", "0000:31:00.0").contains(e.importer())) {
        ofTheDead.addAll(e.attachments());
      } else if (line.event() instanceof HistoryEvent.RevokeCompleted e) {
        blocked.addAll(e.blocked());
      }
    }
    assertThat(blocked).as("blocked attachments").isNotEmpty().isSubsetOf(ofTheDead);
  }

  @Test
  void asMergedTheRevokesOfADeadImporterHang() {
    Simulator run =
        sandbox.run(
            arguments(
                "contract=v7",
                "bound.ask=500ms",
                "bound.block=250ms",
                "bound.sever=250ms",
                "revokes.limit=1s"));
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(1);
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("fail");
    assertThat(report.violations())
        .filteredOn(v -> v.number() == 2)
        .isNotEmpty()
        .anyMatch(v -> v.detail().contains(" hangs: "))
        .anyMatch(v -> v.detail().contains("the first of attachment "));
    assertThat(report.revokes().completed()).isLessThan(report.revokes().requested());
    assertThat(report.revokes().outcomes().blocked()).as("nobody blocks").isZero();
    assertThat(report.revokes().outcomes().severed()).as("nobody severs").isZero();
    assertThat(exit(report, "importer-2")).as("SIGKILL").isEqualTo(137);
    run.assertNothingLeft();
  }

  private static String[] arguments(String... more) {
    List<String> arguments = new ArrayList<>(List.of("run", "dead-importer"));
    List<String> sets = new ArrayList<>(SMALL);
    sets.addAll(List.of(more));
    for (String set : sets) {
      arguments.add("--set");
      arguments.add(set);
    }
    return arguments.toArray(String[]::new);
  }

  private static Integer exit(Report report, String node) {
    return report.nodes().stream()
        .filter(n -> n.name().equals(node))
        .findFirst()
        .orElseThrow()
        .exit();
  }
}
