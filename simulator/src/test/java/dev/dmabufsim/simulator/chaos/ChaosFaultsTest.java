package dev.dmabufsim.simulator.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.simulator.run.FaultPlan;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ChaosFaultsTest {
  private static final int MANY = 2000;

  private static Scenario world(List<String> faults) throws ScenarioException {
    return ScenarioLoader.load(
        "chaos-world",
        Path.of("").toAbsolutePath(),
        faults.stream().map(f -> "faults[+]={" + f + "}").toList(),
        Long.MAX_VALUE);
  }

  @Test
  void whatIsChosenIsWhatAUserCouldWriteAndOfEveryKind() throws ScenarioException {
    Scenario base = world(List.of());
    Set<String> kinds = new TreeSet<>();
    Set<Integer> counts = new HashSet<>();
    for (long seed = 0; seed < MANY; seed++) {
      List<String> texts = ChaosFaults.of(base, seed);
      List<FaultSpec> faults = world(texts).faults();
      assertThat(faults).hasSameSizeAs(texts);
      faults.forEach(f -> kinds.add(f.kind()));
      counts.add(faults.size());
    }
    assertThat(kinds)
        .containsExactlyInAnyOrder(
            "kill",
            "restart",
            "pause",
            "partition",
            "drop",
            "duplicate",
            "reorder",
            "delay",
            "slow-link",
            "full-shm",
            "truncate-segment",
            "damage-slot",
            "other-version");
    assertThat(counts).containsExactlyInAnyOrder(1, 2, 3, 4);
  }

  /** Such faults made rounds `unknown`, since they struck nobody. */
  @Test
  void whoMovesIsNotStruckWhereOneRestoresNorTheOtherWayRound() throws ScenarioException {
    Scenario base = world(List.of());
    Set<String> points = new TreeSet<>();
    for (long seed = 0; seed < MANY; seed++) {
      for (FaultSpec fault : world(ChaosFaults.of(base, seed)).faults()) {
        if (fault.when() instanceof FaultSpec.When.At at
            && at.point().label().matches("exporter\\.(move-.*|restor.*)")) {
          points.add(at.point().label() + " " + fault.text().replaceAll(".*(exporter-.).*", "$1"));
        }
      }
    }
    assertThat(points)
        .containsExactly(
            "exporter.move-copied exporter-2",
            "exporter.move-copying exporter-2",
            "exporter.restored exporter-1",
            "exporter.restoring exporter-1");
  }

  @Test
  void noProcessIsStruckTwiceAndOneImporterNodeNever() throws ScenarioException {
    Scenario base = world(List.of());
    List<String> importers =
        base.nodes().stream().filter(n -> n.role() == Role.IMPORTER).map(NodeSpec::name).toList();
    for (long seed = 0; seed < MANY; seed++) {
      List<String> struck = new ArrayList<>();
      for (FaultPlan.Planned fault :
          FaultPlan.of(world(ChaosFaults.of(base, seed)), seed).faults()) {
        if (fault.spec().deed() instanceof FaultSpec.ProcessFault) {
          struck.addAll(fault.nodes());
        }
      }
      assertThat(struck).as("seed %d", seed).doesNotHaveDuplicates();
      assertThat(struck).as("seed %d", seed).isNotEqualTo(importers);
      assertThat(importers).as("seed %d", seed).anyMatch(i -> !struck.contains(i));
    }
  }

  @Test
  void whomTheScenarioItselfStrikesIsNotStruckAgain() throws ScenarioException {
    Scenario base = world(List.of("kill: importer-2, after: 9s"));
    for (long seed = 0; seed < MANY; seed++) {
      assertThat(ChaosFaults.of(base, seed))
          .as("seed %d", seed)
          .noneMatch(f -> f.matches("(kill|restart|pause): importer-.*"));
    }
  }

  @Test
  void aSeedGivesTheSameFaultsAgainAndAnotherOthers() throws ScenarioException {
    Scenario base = world(List.of());
    assertThat(ChaosFaults.of(base, 42)).isEqualTo(ChaosFaults.of(base, 42));
    assertThat(LongStream.range(0, 100).mapToObj(s -> ChaosFaults.of(base, s)).distinct().count())
        .isGreaterThan(90);
  }

  @Test
  void mostFaultsOfProcessesStrikeAtAPoint() throws ScenarioException {
    Scenario base = world(List.of());
    long at = 0;
    long all = 0;
    for (long seed = 0; seed < MANY; seed++) {
      for (String fault : ChaosFaults.of(base, seed)) {
        boolean process = fault.matches("(kill|restart|pause): .*");
        all += process ? 1 : 0;
        at += process && fault.contains(", at: ") ? 1 : 0;
      }
    }
    assertThat(at).isGreaterThan(all / 2);
  }
}
