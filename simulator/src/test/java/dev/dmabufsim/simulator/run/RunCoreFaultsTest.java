package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.simulator.run.RunCore.Effect;
import dev.dmabufsim.simulator.run.RunCore.State;
import dev.dmabufsim.simulator.run.RunCore.Step;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What the launcher does about faults, whatever comes when. */
class RunCoreFaultsTest {
  private static final long SECOND = 1_000_000_000L;

  @Test
  void aPauseStrikesAndEndsInTime() {
    RunCore core = core("{pause: m-1, after: 1s, for: 2s}");
    State s = State.begin();
    assertThat(core.untilDue(s, 0)).as("no rounds yet").isEmpty();
    assertThat(core.tick(s, 5 * SECOND).effects()).isEmpty();
    s = s.begun(10 * SECOND);
    assertThat(core.untilDue(s, 10 * SECOND)).hasValue(SECOND);
    assertThat(core.tick(s, 11 * SECOND - 1).effects()).isEmpty();
    Step struck = core.tick(s, 11 * SECOND);
    assertThat(struck.effects()).contains(new Effect.Stop("m-1"));
    assertThat(core.faultsOver(struck.state())).isFalse();
    assertThat(core.untilDue(struck.state(), 11 * SECOND)).hasValue(2 * SECOND);
    assertThat(core.tick(struck.state(), 13 * SECOND - 1).effects()).isEmpty();
    Step over = core.tick(struck.state(), 13 * SECOND);
    assertThat(over.effects()).contains(new Effect.Resume("m-1"));
    assertThat(core.faultsOver(over.state())).isTrue();
    assertThat(core.untilDue(over.state(), 13 * SECOND)).isEmpty();
  }

  /**
   * As in chaos seed 1487542130: one that was to strike at a point never did, and the time to
   * recover was counted from the end of the others to the end of the rounds.
   */
  @Test
  void importersAreAskedAsSoonAsNoFaultLastsThoughOneIsToStrikeAtAPointAndAgainAfterThatOne() {
    RunCore core =
        core("{pause: m-1, after: 1s, for: 1s}, {pause: m-1, at: importer.invalidated, for: 1s}");
    State s = State.begin().begun(0);
    assertThat(core.check(s, false).effects()).isEmpty();
    s = core.tick(s, SECOND).state();
    assertThat(core.check(s, false).effects()).as("it lasts").isEmpty();
    s = core.tick(s, 2 * SECOND).state();
    Step asked = core.check(s, false);
    assertThat(asked.effects()).containsExactly(new Effect.Ask(1));
    assertThat(core.check(asked.state(), false).effects()).as("it is asked").isEmpty();
    s = well(core, asked.state(), 1);
    assertThat(core.check(s, true).effects()).as("they have answered").isEmpty();

    NodeReport there = new NodeReport.AtPoint("m-1", "importer.invalidated", 2);
    s = core.reported(s, there, 3 * SECOND).state();
    assertThat(core.check(s, false).effects()).as("another lasts").isEmpty();
    s = core.tick(s, 4 * SECOND).state();
    asked = core.check(s, false);
    assertThat(asked.effects()).containsExactly(new Effect.Ask(2));
    s = well(core, asked.state(), 1);
    assertThat(core.all(s, Role.IMPORTER, RunCore.Milestone.RECOVERED))
        .as("that was before the second fault")
        .isFalse();
    assertThat(core.check(s, true).effects()).as("at last").containsExactly(new Effect.Ask(3));
    s = well(core, core.check(s, true).state(), 3);
    assertThat(core.all(s, Role.IMPORTER, RunCore.Milestone.RECOVERED)).isTrue();
  }

  /** Every importer says, to the question of that number, that it does DMA again. */
  private static State well(RunCore core, State s, int number) {
    State next = s;
    for (String node : List.of("m-1", "m-2", "m-3")) {
      next = core.reported(next, new NodeReport.Recovered(node, number, List.of()), 0).state();
    }
    return next;
  }

  /** As in chaos seed 1261511803: it lasted until the importers were given up. */
  @Test
  void aPauseAtAPointOfTheSetUpEndsInTimeThoughNoRoundHasBegun() {
    RunCore core = core("{pause: m-1, at: importer.invalidated, revoke: 1, for: 2s}");
    NodeReport there = new NodeReport.AtPoint("m-1", "importer.invalidated", 1);
    State s = core.reported(State.begin(), there, 10 * SECOND).state();
    assertThat(core.untilDue(s, 10 * SECOND)).hasValue(2 * SECOND);
    assertThat(core.tick(s, 12 * SECOND).effects()).contains(new Effect.Resume("m-1"));
  }

  /** Its peers are told when the importers have mapped, and it is told then, too. */
  @Test
  void anExporterThatIsThereAgainDuringTheSetUpIsNotToldToBegin() {
    RunCore core = core("{restart: exporter-1, at: exporter.requested, down: 1s}");
    NodeReport there = new NodeReport.AtPoint("exporter-1", "exporter.requested", 1);
    State s = core.reported(State.begin(), there, SECOND).state();
    s = core.exited(s, "exporter-1", 137, "log");
    s = core.tick(s, 2 * SECOND).state();
    NodeReport ready = new NodeReport.Ready("exporter-1");
    assertThat(told(core, s, ready).effects()).contains(new Effect.Begin("exporter-1", false));
    assertThat(told(core, s.begun(3 * SECOND), ready).effects())
        .contains(new Effect.Begin("exporter-1", true));
  }

  @Test
  void whoRefusesAControlFileOfAnotherVersionIsStartedAgainWhenItIsRight() {
    RunCore core =
        core("{restart: m-1, after: 1s, down: 1s}, {other-version: true, after: 1s, for: 5s}");
    Step struck = core.tick(State.begin().begun(0), SECOND);
    assertThat(struck.effects()).contains(new Effect.Kill("m-1"), new Effect.OtherVersion(true));
    State s = core.exited(struck.state(), "m-1", 137, "log");
    Step again = core.tick(s, 2 * SECOND);
    assertThat(again.effects()).contains(new Effect.Restart("m-1"));

    s = core.exited(again.state(), "m-1", 2, "log");
    assertThat(s.troubles()).as("it is what it should do").isEmpty();
    assertThat(s.restarts("m-1")).as("processes that have a history").isZero();
    assertThat(core.tick(s, 6 * SECOND - 1).effects()).isEmpty();
    assertThat(core.faultsOver(s)).isFalse();
    Step right = core.tick(s, 6 * SECOND);
    assertThat(right.effects()).contains(new Effect.OtherVersion(false));
    assertThat(core.faultsOver(right.state())).as("it is not there again").isFalse();
    assertThat(core.untilDue(right.state(), 6 * SECOND)).hasValue(0);
    Step third = core.tick(right.state(), 6 * SECOND);
    assertThat(third.effects()).containsExactly(new Effect.Restart("m-1"));
    assertThat(told(core, third.state(), new NodeReport.Ready("m-1")).effects())
        .contains(new Effect.Begin("m-1", true));

    assertThat(core.exited(third.state(), "m-1", 2, "log").troubles())
        .as("now it has another reason, and is not started for ever")
        .isNotEmpty();
    Step end = core.finish(s);
    assertThat(end.state().troubles()).as("it was not right in time").hasSize(1);
    assertThat(core.tick(end.state(), 60 * SECOND).effects()).isEmpty();
  }

  @Test
  void nobodyElseIsRestartedWhileOneWaitsForTheFileToBeRight() {
    RunCore core =
        core(
            "{restart: m-1, after: 1s, down: 1s}, {restart: m-2, after: 4s, down: 1s},"
                + " {other-version: true, after: 1500ms, for: 9s}");
    State s = core.tick(State.begin().begun(0), SECOND).state();
    s = core.exited(s, "m-1", 137, "log");
    s = core.tick(s, 3 * SECOND).state();
    s = core.exited(s, "m-1", 2, "log");
    assertThat(s.troubles()).isEmpty();
    assertThat(core.tick(s, 5 * SECOND).effects()).doesNotContain(new Effect.Kill("m-2"));
  }

  @Test
  void whoIsPausedTwiceGoesOnWhenBothAreOver() {
    RunCore core = core("{pause: m-1, after: 1s, for: 3s}, {stall: m-1, after: 2s, for: 1s}");
    State s = core.tick(State.begin().begun(0), 2 * SECOND).state();
    Step one = core.tick(s, 3 * SECOND);
    assertThat(one.effects()).doesNotContain(new Effect.Resume("m-1"));
    // It struck late, and lasts as long as it should.
    assertThat(core.tick(one.state(), 5 * SECOND).effects()).contains(new Effect.Resume("m-1"));
  }

  @Test
  void whoIsToBeStartedAgainIsSoWhenItHasEndedAndIsToldToBeginWhenItIsReady() {
    RunCore core = core("{restart: m-1, after: 1s, down: 1s}");
    State s = told(core, State.begin(), new NodeReport.Ready("m-1")).state().begun(0);
    s = told(core, s, new NodeReport.Settled("m-1", 1, 0)).state();
    Step kill = core.tick(s, SECOND);
    assertThat(kill.effects()).contains(new Effect.Kill("m-1"));
    assertThat(core.tick(kill.state(), 9 * SECOND).effects()).as("it lives").isEmpty();
    State dead = core.exited(kill.state(), "m-1", 137, "log");
    assertThat(dead.troubles()).isEmpty();
    Step again = core.tick(dead, 9 * SECOND);
    assertThat(again.effects()).contains(new Effect.Restart("m-1"));
    assertThat(again.effects()).as("not over yet").noneMatch(e -> e instanceof Effect.Over);
    assertThat(again.state().running("m-1")).isTrue();
    assertThat(core.missingAgain(again.state())).containsExactly("m-1");
    assertThat(core.faultsOver(again.state())).isFalse();
    Step ready = told(core, again.state(), new NodeReport.Ready("m-1"));
    assertThat(ready.effects()).contains(new Effect.Begin("m-1", true));
    assertThat(ready.effects()).filteredOn(e -> e instanceof Effect.Over).hasSize(1);
    assertThat(told(core, ready.state(), new NodeReport.Ready("m-1")).effects()).isEmpty();
    assertThat(core.missingAgain(ready.state())).as("it is to attach").containsExactly("m-1");
    State roundsOver =
        told(core, ready.state(), new NodeReport.RoundsDone("exporter-1", 5)).state();
    assertThat(core.roundsOver(roundsOver)).isTrue();
    assertThat(core.missingAgain(roundsOver))
        .as("there may be nothing left to attach to")
        .isEmpty();
    State settled = told(core, ready.state(), new NodeReport.Settled("m-1", 1, 0)).state();
    assertThat(core.faultsOver(settled)).isTrue();
    assertThat(core.exited(settled, "m-1", 137, "log").troubles())
        .as("killed a second time, and not on purpose")
        .hasSize(1);
  }

  @Test
  void whoIsStartedAgainAndEndsBeforeItIsThereIsATrouble() {
    RunCore core = core("{restart: m-1, after: 1s, down: 1s}, {kill: m-1, after: 3s}");
    State s = core.tick(State.begin().begun(0), SECOND).state();
    s = core.tick(core.exited(s, "m-1", 137, "log"), 2 * SECOND).state();
    Step kill = core.tick(s, 3 * SECOND);
    assertThat(kill.effects()).contains(new Effect.Kill("m-1"));
    State dead = core.exited(kill.state(), "m-1", 137, "log");
    assertThat(dead.troubles())
        .containsExactly("m-1 was started again, and ended before it was there");
    assertThat(core.faultsOver(dead)).isTrue();
  }

  @Test
  void whoIsCutOffFromTheClusterMayEndItselfAndWhoIsNotHeardAtDoorsMayNot() {
    Scenario scenario = FaultPlanTest.scenario("{partition: [[m-1], [m-2]], after: 1s, for: 9s}");
    for (boolean real : new boolean[] {true, false}) {
      RunCore core = new RunCore(scenario, FaultPlan.of(scenario, 1), real);
      State s = core.tick(State.begin().begun(0), SECOND).state();
      assertThat(core.exited(s, "m-1", 71, "log").troubles()).hasSize(real ? 0 : 1);
      assertThat(core.network(s).cuts()).hasSize(real ? 2 : 0);
      assertThat(core.network(s).atDoors()).hasSize(real ? 0 : 2);
    }
  }

  @Test
  void aRestartByTimeWaitsUntilTheOneBeforeIsThereAgain() {
    RunCore core = core("{restart: m-1, after: 1s, down: 1s}, {restart: m-2, after: 4s, down: 1s}");
    State s = core.tick(State.begin().begun(0), SECOND).state();
    assertThat(core.tick(s, 9 * SECOND).effects()).as("it has not ended yet").isEmpty();
    s = core.exited(s, "m-1", 137, "log");
    s = core.tick(s, 2 * SECOND).state();
    assertThat(core.tick(s, 9 * SECOND).effects()).isEmpty();
    assertThat(core.untilDue(s, 9 * SECOND)).as("a report is waited for").isEmpty();
    assertThat(core.faultsOver(s)).isFalse();
    s = told(core, s, new NodeReport.Ready("m-1")).state();
    s = told(core, s, new NodeReport.Settled("m-1", 1, 0)).state();
    assertThat(core.tick(s, 9 * SECOND).effects()).contains(new Effect.Kill("m-2"));
  }

  @Test
  void theRoundsOfAllProcessesOfANodeCount() {
    RunCore core = core("{restart: exporter-1, after: 1s, down: 1s}");
    State s =
        told(core, State.begin().begun(0), new NodeReport.RoundDone("exporter-1", 4, 1)).state();
    s = core.exited(core.tick(s, SECOND).state(), "exporter-1", 137, "log");
    s = core.tick(s, 2 * SECOND).state();
    s = told(core, s, new NodeReport.RoundDone("exporter-1", 2, 1)).state();
    assertThat(core.roundsPlayed(s)).isEqualTo(6);
    assertThat(s.rounds("exporter-1")).isEqualTo(6);
  }

  @Test
  void nothingIsDoneToAProcessThatIsNotThere() {
    RunCore core = core("{kill: m-1, after: 1s}, {pause: m-1, after: 2s, for: 1s}");
    State s = core.tick(State.begin().begun(0), SECOND).state();
    s = core.exited(s, "m-1", 137, "log");
    assertThat(core.tick(s, 3 * SECOND).effects()).isEmpty();
    assertThat(core.faultsOver(s)).isTrue();
    assertThat(core.judgeFaults(s).troubles())
        .containsExactly("the fault {pause: \"m-1\", after: 2s, for: 1s} did not fire");
  }

  @Test
  void whoWasGivenUpWhileFrozenMayEndItself() {
    RunCore core = core("{pause: m-1, after: 1s, for: 20s}");
    State s = core.tick(State.begin().begun(0), SECOND).state();
    assertThat(core.exited(s, "m-1", 71, "log").troubles()).isEmpty();
    assertThat(core.exited(s, "m-2", 71, "log").troubles()).hasSize(1);
  }

  @Test
  void faultsOfTheNetworkAddUp() {
    RunCore core =
        core(
            "{drop: 10%, links: m-1->m-2, after: 1s, for: 2s}, {delay: 1ms, links: m-2->m-1, after:"
                + " 2s, for: 2s}");
    State s = State.begin().begun(0);
    State both = core.tick(core.tick(s, SECOND).state(), 2 * SECOND).state();
    assertThat(core.network(both).atDoors()).hasSize(2);
    Step one = core.tick(both, 3 * SECOND);
    assertThat(one.effects()).contains(core.network(one.state()));
    assertThat(core.network(one.state()).atDoors()).hasSize(1);
    assertThat(core.tick(one.state(), 4 * SECOND).effects())
        .contains(new Effect.Network(List.of(), List.of()));
  }

  @Test
  void whateverComesWhenEachFaultStrikesOnceAndNothingLasts() {
    Scenario scenario =
        FaultPlanTest.scenario(
            "{pause: random, after: 1s, for: 3s}, {stall: random, after: 2s, for: 3s}, {pause: m-1,"
                + " at: importer.copying, for: 2s}, {restart: random, after: 2s, down: 1s},"
                + " {restart: m-2, at: importer.stopped, down: 1s}, {kill: m-3, after: 4s},"
                + " {partition: halves, after: 1s, for: 4s}, {drop: 5%, after: 3s, for: 4s},"
                + " {full-shm: true, after: 1s, for: 1s}, {full-shm: true, after: 1s, for: 5s},"
                + " {truncate-segment: random, after: 2s}, {damage-slot: random, after: 2s},"
                + " {other-version: true, after: 1s, for: 3s}");
    int struck = 0;
    for (long seed = 0; seed < 2000; seed++) {
      struck += new Play(scenario, seed).play();
    }
    assertThat(struck).as("faults that struck").isGreaterThan(2000 * 8);
  }

  /** Nodes that do as they are told, at times that a seed has chosen. */
  private static final class Play {
    private final FaultPlan plan;
    private final RunCore core;
    private final List<String> names;
    private final Random random;
    private final long seed;
    private final Set<Integer> struck = new HashSet<>();
    private final Set<Integer> over = new HashSet<>();
    private final Set<String> frozen = new HashSet<>();
    private final Set<String> dying = new HashSet<>();
    private final Set<String> dead = new HashSet<>();
    private final Map<String, Integer> starts = new HashMap<>();
    private boolean refused;
    private boolean other;
    private int rules;
    private State state = State.begin().begun(0);

    Play(Scenario scenario, long seed) {
      this.plan = FaultPlan.of(scenario, seed);
      this.core = new RunCore(scenario, plan, false);
      this.names = scenario.nodes().stream().map(n -> n.name()).toList();
      this.random = new Random(seed);
      this.seed = seed;
    }

    int play() {
      long now = 0;
      for (int i = 0; i < 60; i++) {
        now += random.nextInt((int) SECOND);
        List<String> ending = new ArrayList<>(dying);
        if (!ending.isEmpty() && random.nextBoolean()) {
          String node = ending.get(random.nextInt(ending.size()));
          dying.remove(node);
          dead.add(node);
          state = core.exited(state, node, 137, "log");
        }
        String node = names.get(random.nextInt(names.size()));
        if (!dead.contains(node) && !dying.contains(node) && !frozen.contains(node)) {
          report(node, now);
        }
        take(core.tick(state, now));
        take(core.check(state, false));
        assertThat(refused).as("memory is refused, seed %d", seed).isEqualTo(memoryIsFull());
      }
      take(core.finish(state));
      assertThat(frozen).as("frozen at the end, seed %d", seed).isEmpty();
      assertThat(refused).as("memory is refused, seed %d", seed).isFalse();
      assertThat(other).as("version, seed %d", seed).isFalse();
      assertThat(rules).as("rules, seed %d", seed).isZero();
      // Another fault may end who was started again before it is there.
      assertThat(state.troubles())
          .as("seed %d", seed)
          .allMatch(t -> t.endsWith(" was started again, and ended before it was there"));
      return struck.size();
    }

    private boolean memoryIsFull() {
      return plan.faults().stream()
          .filter(f -> f.spec().deed() instanceof FaultSpec.FullShm)
          .anyMatch(f -> struck.contains(f.index()) && !over.contains(f.index()));
    }

    private void report(String node, long now) {
      switch (random.nextInt(4)) {
        case 0 -> take(core.reported(state, new NodeReport.Ready(node), now));
        case 1 -> take(core.reported(state, new NodeReport.Settled(node, 1, 0), now));
        case 2 -> at(node, "importer.copying", now);
        default -> at(node, "importer.stopped", now);
      }
    }

    /** The process strikes itself when there is a fault for it. */
    private void at(String node, String point, long now) {
      int before = struck.size();
      take(core.reported(state, new NodeReport.AtPoint(node, point, 1), now));
      if (struck.size() > before) {
        if (point.equals("importer.copying")) {
          frozen.add(node);
        } else {
          dying.add(node);
        }
      }
    }

    private void take(Step step) {
      state = step.state();
      for (Effect effect : step.effects()) {
        switch (effect) {
          case Effect.Say e -> {}
          case Effect.Ask e ->
              assertThat(frozen).as("seed %d: asks when none is frozen", seed).isEmpty();
          case Effect.Struck e ->
              assertThat(struck.add(e.fault().index()))
                  .as("seed %d: %s strikes once", seed, e.fault().spec())
                  .isTrue();
          case Effect.Over e -> {
            assertThat(over.add(e.fault().index())).as("seed %d: over once", seed).isTrue();
            assertThat(struck).as("seed %d", seed).contains(e.fault().index());
            assertThat(e.fault().spec().length()).as("seed %d", seed).isPositive();
          }
          case Effect.Kill e -> {
            assertThat(dead).as("seed %d: kills who lives", seed).doesNotContain(e.node());
            frozen.remove(e.node());
            dying.add(e.node());
          }
          case Effect.Stop e -> {
            assertThat(dead).as("seed %d: stops who lives", seed).doesNotContain(e.node());
            if (!dying.contains(e.node())) {
              frozen.add(e.node());
            }
          }
          case Effect.Resume e -> frozen.remove(e.node());
          case Effect.Restart e -> {
            assertThat(dead.remove(e.node())).as("seed %d: starts who is dead", seed).isTrue();
            starts.merge(e.node(), 1, Integer::sum);
          }
          case Effect.Begin e -> assertThat(starts).as("seed %d", seed).containsKey(e.node());
          case Effect.Network e -> rules = e.atDoors().size() + e.cuts().size();
          case Effect.RefuseMemory e -> refused = e.refused();
          case Effect.Truncate e -> {}
          case Effect.DamageSlot e -> {}
          case Effect.OtherVersion e -> other = e.other();
        }
      }
    }
  }

  private static Step told(RunCore core, State s, NodeReport report) {
    return core.reported(s, report, 0);
  }

  private static RunCore core(String faults) {
    Scenario scenario = FaultPlanTest.scenario(faults);
    assertThat(scenario.faults()).extracting(FaultSpec::kind).isNotEmpty();
    return new RunCore(scenario, FaultPlan.of(scenario, 1), false);
  }
}
