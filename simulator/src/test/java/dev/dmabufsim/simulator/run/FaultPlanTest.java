package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.simulator.run.FaultPlan.Planned;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Whom faults befall, as the seed has it. */
class FaultPlanTest {
  private static final Set<String> ALL = Set.of("iommu-1", "exporter-1", "m-1", "m-2", "m-3");

  @Test
  void theSameSeedChoosesTheSameAndOthersChooseOthers() {
    Scenario scenario =
        scenario("{pause: random, after: 1s, for: 1s}, {partition: halves, after: 1s, for: 1s}");
    Set<List<String>> nodes = new HashSet<>();
    Set<List<LinkRule>> rules = new HashSet<>();
    for (long seed = 0; seed < 100; seed++) {
      FaultPlan plan = FaultPlan.of(scenario, seed);
      assertThat(FaultPlan.of(scenario, seed)).isEqualTo(plan);
      nodes.add(plan.faults().get(0).nodes());
      rules.add(plan.faults().get(1).rules());
    }
    assertThat(nodes).hasSize(5).allSatisfy(n -> assertThat(n).hasSize(1));
    assertThat(rules).hasSizeGreaterThan(5);
  }

  @Test
  void aTargetIsOneOfThoseThatItNamesAndThatPassThePoint() {
    for (long seed = 0; seed < 50; seed++) {
      assertThat(one("{kill: 'role:importer', after: 1s}", seed).nodes().getFirst())
          .startsWith("m-");
      assertThat(one("{kill: random, at: importer.copying}", seed).nodes().getFirst())
          .startsWith("m-");
      assertThat(one("{kill: 'device:nic-2', after: 1s}", seed).nodes()).containsExactly("m-2");
      // A GPU that exports on one node and imports on another: the point says which.
      assertThat(one("{kill: 'device:gpu', at: exporter.sever}", seed).nodes())
          .containsExactly("exporter-1");
      assertThat(one("{kill: 'device:gpu', at: importer.copying}", seed).nodes())
          .containsExactly("m-3");
      assertThat(one("{truncate-segment: random, after: 1s}", seed).nodes())
          .containsExactly("exporter-1");
    }
  }

  @Test
  void whoIsKilledForGoodIsNotChosenAgainWhileOthersLive() {
    Scenario scenario =
        scenario(
            "{kill: 'role:importer', after: 1s}, {kill: 'role:importer', after: 2s}, {kill:"
                + " 'role:importer', after: 3s}");
    for (long seed = 0; seed < 50; seed++) {
      assertThat(FaultPlan.of(scenario, seed).befallen())
          .containsExactlyInAnyOrder("m-1", "m-2", "m-3");
    }
  }

  @Test
  void aNodeIsArmedWithItsFaultsAtPointsThatHaveNotStruckYet() {
    FaultPlan plan =
        FaultPlan.of(
            scenario(
                "{restart: m-1, at: importer.copying, revoke: 2, down: 1s}, {pause: m-1, at:"
                    + " importer.stopped, for: 1s}, {kill: m-2, after: 1s}"),
            1);
    FaultTrap.Trap restart =
        new FaultTrap.Trap(FaultPoint.IMPORTER_COPYING, 2, FaultTrap.Action.KILL);
    FaultTrap.Trap pause =
        new FaultTrap.Trap(FaultPoint.IMPORTER_STOPPED, 1, FaultTrap.Action.STOP);
    assertThat(plan.traps("m-1", Set.of())).containsExactly(restart, pause);
    assertThat(plan.traps("m-1", Set.of(0))).containsExactly(pause);
    assertThat(plan.traps("m-2", Set.of())).isEmpty();
  }

  @Test
  void halvesAndOneNodeAreCutOffBothWays() {
    for (long seed = 0; seed < 50; seed++) {
      List<LinkRule> halves = one("{partition: halves, after: 1s, for: 1s}", seed).rules();
      assertThat(halves).hasSize(2 * 2 * 3).allMatch(r -> halves.contains(back(r)));
      List<LinkRule> one = one("{partition: one-node, after: 1s, for: 1s}", seed).rules();
      assertThat(one).hasSize(2 * 4).allMatch(r -> one.contains(back(r)));
    }
  }

  @Test
  void oneWayIsHeardAndDoesNotHear() {
    List<LinkRule> rules = one("{partition: one-way, after: 1s, for: 1s}", 1).rules();
    assertThat(rules).hasSize(2 * 3).noneMatch(r -> rules.contains(back(r)));
  }

  @Test
  void inARingEachHearsTwo() {
    Planned ring = one("{partition: ring, after: 1s, for: 1s}", 1);
    for (String node : ALL) {
      assertThat(ring.rules()).filteredOn(r -> r.to().equals(node)).hasSize(2);
      assertThat(ring.rules()).filteredOn(r -> r.from().equals(node)).hasSize(2);
    }
    assertThat(ring.nodes()).containsExactlyInAnyOrderElementsOf(ALL);
  }

  @Test
  void whoIsInNoGroupHearsEverybody() {
    Planned groups = one("{partition: [[iommu-1], [m-1, m-2]], after: 1s, for: 1s}", 1);
    assertThat(groups.rules()).hasSize(4);
    assertThat(groups.nodes()).containsExactly("iommu-1", "m-1", "m-2");
  }

  @Test
  void aLinkIsAllNodesOrTwoBothWaysOrOneWay() {
    assertThat(one("{drop: 10%, after: 1s, for: 1s}", 1).rules()).hasSize(5 * 4);
    assertThat(one("{delay: 1ms..2ms, links: [m-1, m-2], after: 1s, for: 1s}", 1).rules())
        .containsExactly(
            new LinkRule("m-1", "m-2", LinkRule.Kind.DELAY, 1, 1_000_000, 2_000_000, 0),
            new LinkRule("m-2", "m-1", LinkRule.Kind.DELAY, 1, 1_000_000, 2_000_000, 0));
    assertThat(one("{slow-link: 1MiB/s, links: m-1->m-2, after: 1s, for: 1s}", 1).rules())
        .containsExactly(new LinkRule("m-1", "m-2", LinkRule.Kind.SLOW, 1, 0, 0, 1 << 20));
  }

  @Test
  void faultsOfProcessesAndMessagesBefallNodesAndThoseOfMemoryDoNot() {
    Scenario scenario =
        scenario(
            "{pause: m-1, after: 1s, for: 1s}, {drop: 1%, links: m-2->iommu-1, after: 1s, for: 1s},"
                + " {truncate-segment: exporter-1, after: 1s}, {full-shm: true, after: 1s, for: 1s}");
    assertThat(FaultPlan.of(scenario, 1).befallen())
        .containsExactlyInAnyOrder("m-1", "m-2", "iommu-1");
  }

  private static LinkRule back(LinkRule r) {
    return new LinkRule(
        r.to(), r.from(), r.kind(), r.share(), r.minNanos(), r.maxNanos(), r.bytesPerSecond());
  }

  private static Planned one(String fault, long seed) {
    return FaultPlan.of(scenario(fault), seed).faults().getFirst();
  }

  static Scenario scenario(String faults) {
    try {
      return ScenarioLoader.parse(
          """
          nodes:
            exporter-1: {role: exporter, devices: {gpu: {kind: vfio-pci}}}
            m-1: {role: importer, devices: {nic-1: {kind: gpu-dynamic}}}
            m-2: {role: importer, devices: {nic-2: {kind: gpu-dynamic}}}
            m-3: {role: importer, devices: {gpu: {kind: gpu-dynamic}}}
            iommu-1: {role: iommu}
          faults: [%s]
          """
              .formatted(faults),
          "s.yaml",
          Path.of("."),
          List.of(),
          1 << 30);
    } catch (ScenarioException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
