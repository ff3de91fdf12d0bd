package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.simulator.run.RunCore.Effect;
import dev.dmabufsim.simulator.run.RunCore.Milestone;
import dev.dmabufsim.simulator.run.RunCore.State;
import dev.dmabufsim.simulator.run.RunCore.Step;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the launcher makes of what its nodes report. */
class RunCoreTest {
  private static final String POINT = "importer.invalidated";
  private static final FaultPlan PLAN = FaultPlan.of(scenario("rounds: 5"), 1);
  private static final RunCore CORE = core("rounds: 5");

  @Test
  void aClusterIsFormedWhenEveryNodeIsReadyAlsoIfOneHasEnded() {
    State s = told(new NodeReport.Ready("iommu-1"), new NodeReport.Ready("exporter-1"));
    assertThat(CORE.formed(s)).isFalse();
    assertThat(CORE.missingToForm(s)).containsExactly("exporter-2", "importer-1", "importer-2");
    State ended = CORE.exited(s, "importer-1", 1, "importer-1.log");
    assertThat(CORE.missingToForm(ended)).contains("importer-1");
    State all =
        and(
            s,
            new NodeReport.Ready("exporter-2"),
            new NodeReport.Ready("importer-1"),
            new NodeReport.Ready("importer-2"));
    assertThat(CORE.formed(all)).isTrue();
  }

  @Test
  void aMilestoneIsReachedWhenEveryNodeOfItsRoleThatRunsHasReachedIt() {
    State one = told(new NodeReport.Settled("importer-1", 4, 0));
    assertThat(CORE.all(one, Role.IMPORTER, Milestone.SETTLED)).isFalse();
    assertThat(CORE.missing(one, Role.IMPORTER, Milestone.SETTLED)).containsExactly("importer-2");
    State dead = CORE.exited(one, "importer-2", 137, "log");
    assertThat(CORE.all(dead, Role.IMPORTER, Milestone.SETTLED)).isTrue();
    State both = and(one, new NodeReport.Settled("importer-2", 0, 4));
    assertThat(CORE.all(both, Role.IMPORTER, Milestone.SETTLED)).isTrue();
    assertThat(CORE.all(both, Role.IMPORTER, Milestone.ENDED)).isFalse();
    assertThat(CORE.all(both, Role.EXPORTER, Milestone.SETTLED)).isFalse();
  }

  @Test
  void thatANodeHasSettledIsSaidOnce() {
    Step first = CORE.reported(State.begin(), new NodeReport.Settled("importer-1", 4, 1), 0);
    assertThat(first.effects())
        .containsExactly(new Effect.Say("importer-1: 4 attachments live, 1 refused"));
    Step again = CORE.reported(first.state(), new NodeReport.Settled("importer-1", 5, 0), 0);
    assertThat(again.effects()).isEmpty();
  }

  @Test
  void aNodeThatFailsIsATroubleAndSaid() {
    Step step = CORE.reported(State.begin(), new NodeReport.Failed("iommu-1", "no memory"), 0);
    assertThat(step.state().troubles()).containsExactly("iommu-1 failed: no memory");
    assertThat(step.effects()).containsExactly(new Effect.Say("iommu-1 failed: no memory"));
  }

  @Test
  void nodesOfARoleAreGoneWhenEachHasEnded() {
    State s = CORE.exited(State.begin(), "importer-1", 0, "log");
    assertThat(CORE.gone(s, Role.IMPORTER)).isFalse();
    s = CORE.exited(s, "importer-2", 0, "log");
    assertThat(CORE.gone(s, Role.IMPORTER)).isTrue();
    assertThat(CORE.gone(s, Role.EXPORTER)).isFalse();
    assertThat(s.troubles()).isEmpty();
  }

  @Nested
  class Faults {
    private static final NodeReport THERE = new NodeReport.AtPoint("importer-2", POINT, 3);

    @Test
    void aNodeAtItsPointKillsItselfAndItsEndIsNoTrouble() {
      Step step = CORE.reported(State.begin(), THERE, 0);
      assertThat(step.effects())
          .containsExactly(
              new Effect.Struck(PLAN.faults().getFirst()),
              new Effect.Say("kill importer-2 at importer.invalidated, its round 3"));
      State s = CORE.exited(step.state(), "importer-2", 137, "log");
      assertThat(CORE.judgeFaults(s).troubles()).isEmpty();
    }

    @Test
    void aFaultAtAPointStrikesOnce() {
      State s = CORE.reported(State.begin(), THERE, 0).state();
      assertThat(CORE.reported(s, THERE, 0).effects()).isEmpty();
    }

    @Test
    void aNodeAtAPointWhereNoFaultIsMeantToStrikeIsLeftAlone() {
      assertThat(
              CORE.reported(State.begin(), new NodeReport.AtPoint("importer-1", POINT, 3), 0)
                  .effects())
          .isEmpty();
      assertThat(
              CORE.reported(State.begin(), new NodeReport.AtPoint("importer-2", "else", 3), 0)
                  .effects())
          .isEmpty();
    }

    @Test
    void aFaultThatDidNotStrikeIsATrouble() {
      assertThat(CORE.judgeFaults(State.begin()).troubles())
          .containsExactly(
              "the fault {kill: \"importer-2\", at: importer.invalidated, revoke: 3} did not fire");
    }

    @Test
    void aNodeThatEndsByItselfIsATroubleWhateverTheSignal() {
      assertThat(CORE.exited(State.begin(), "importer-2", 137, "the.log").troubles())
          .containsExactly("importer-2 ended by itself with status 137, see the.log");
      State killed = CORE.reported(State.begin(), THERE, 0).state();
      assertThat(CORE.exited(killed, "importer-2", 1, "the.log").troubles())
          .as("it was to be killed, and ended otherwise")
          .hasSize(1);
    }
  }

  @Nested
  class Rounds {
    @Test
    void exporterNodesPlayTheirRoundsTogetherUnlessDevicesAreIndependent() {
      assertThat(CORE.roundsExpected())
          .as("of two nodes, and one has nothing to revoke")
          .isEqualTo(5);
      RunCore independent = core("rounds: 5, order: independent");
      assertThat(independent.roundsExpected()).as("of two devices that revoke").isEqualTo(10);
    }

    @Test
    void roundsSoFarAreEachNodesLastWord() {
      State s =
          told(
              new NodeReport.RoundDone("exporter-1", 1, 1),
              new NodeReport.RoundDone("exporter-1", 7, 1),
              new NodeReport.RoundDone("exporter-2", 2, 1));
      assertThat(CORE.roundsPlayed(s)).isEqualTo(9);
    }

    @Test
    void roundsAreOverWhenNoExporterPlaysAnyMore() {
      State s = told(new NodeReport.RoundsDone("exporter-1", 5));
      assertThat(CORE.roundsOver(s)).isFalse();
      assertThat(CORE.roundsOver(CORE.exited(s, "exporter-2", 1, "log"))).isTrue();
      assertThat(CORE.roundsOver(and(s, new NodeReport.RoundsDone("exporter-2", 0)))).isTrue();
    }

    @Test
    void whoGivesUpSaysHowManyRoundsDidNotRunAndThatIsNoTrouble() {
      State s = told(new NodeReport.RoundDone("exporter-1", 2, 1));
      State over = CORE.gaveUp(s, Duration.ofSeconds(30));
      assertThat(over.unplayed())
          .containsExactly("3 of 5 rounds did not run to their end: none ended within 30 s");
      assertThat(over.troubles()).isEmpty();
      assertThat(and(over, new NodeReport.RoundsDone("exporter-1", 3)).unplayed()).hasSize(1);
    }

    @Test
    void patienceBeginsAnewWithEachRoundAndWithNothingElse() {
      var patience = new RunCore.Patience(100, 0, 1000);
      assertThat(patience.leftNanos(1000)).isEqualTo(100);
      assertThat(patience.seen(0, 1090).leftNanos(1090)).as("no round was over").isEqualTo(10);
      assertThat(patience.seen(1, 1090).leftNanos(1090)).isEqualTo(100);
      assertThat(patience.leftNanos(1100)).isZero();
      assertThat(patience.leftNanos(1101)).isNegative();
    }

    @Test
    void patienceDoesNotMindAClockThatPassesZero() {
      var patience = new RunCore.Patience(100, 0, Long.MAX_VALUE - 10);
      assertThat(patience.leftNanos(Long.MIN_VALUE + 9)).isEqualTo(80);
    }
  }

  private static State told(NodeReport... reports) {
    return and(State.begin(), reports);
  }

  private static State and(State s, NodeReport... reports) {
    State next = s;
    for (NodeReport report : List.of(reports)) {
      next = CORE.reported(next, report, 0).state();
    }
    return next;
  }

  private static RunCore core(String revokes) {
    Scenario scenario = scenario(revokes);
    return new RunCore(scenario, FaultPlan.of(scenario, 1), false);
  }

  private static Scenario scenario(String revokes) {
    try {
      return ScenarioLoader.parse(
          """
          revokes: {%s}
          nodes:
            exporter-1:
              role: exporter
              devices:
                gpu-a: {kind: vfio-pci}
                gpu-b: {kind: vfio-pci}
                heap: {kind: system-heap}
            exporter-2: {role: exporter, devices: {heap-b: {kind: system-heap}}}
            importer-1: {role: importer, devices: {nic-a: {kind: gpu-dynamic}}}
            importer-2: {role: importer, devices: {nic-b: {kind: gpu-dynamic}}}
            iommu-1: {role: iommu}
          faults:
            - {kill: importer-2, at: importer.invalidated, revoke: 3}
          """
              .formatted(revokes),
          "s.yaml",
          Path.of("."),
          List.of(),
          1 << 30);
    } catch (ScenarioException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
