package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Invariant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExplorerTest {
  private static final Set<Invariant> ALL = EnumSet.allOf(Invariant.class);

  private static Explorer.Limits limits(long schedules, Set<Invariant> invariants) {
    return new Explorer.Limits(schedules, Long.MAX_VALUE, 2, invariants);
  }

  private static Strategy strategy(boolean pct, long seed, WorldPlan plan) {
    int nodes = World.FIRST_IMPORTER + plan.importers().size();
    return pct ? Strategy.pct(seed, nodes, 3, 200) : Strategy.randomWalk(seed, nodes);
  }

  private static List<HistoryLine> history(WorldPlan plan, Strategy strategy) {
    List<HistoryLine> lines = new ArrayList<>();
    World world = new World(plan, lines::add);
    List<Action> enabled = new ArrayList<>();
    world.enabled(enabled);
    for (int i = 0; i < 2000 && !enabled.isEmpty(); i++) {
      world.apply(strategy.choose(enabled));
      enabled.clear();
      world.enabled(enabled);
    }
    return lines;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theSameSeedGivesTheSameEventsToTheLetter(boolean pct) {
    WorldPlan plan = Plans.of("enforced", List.of("gpu-dynamic", "rdma-odp"), List.of("all"));
    for (long seed = 1; seed <= 20; seed++) {
      List<HistoryLine> once = history(plan.seed(seed), strategy(pct, seed, plan));
      List<HistoryLine> again = history(plan.seed(seed), strategy(pct, seed, plan));
      assertThat(once).hasSizeGreaterThan(4);
      assertThat(again).isEqualTo(once);
    }
  }

  @Test
  void anotherSeedGivesOthers() {
    WorldPlan plan = Plans.of("enforced", List.of("gpu-dynamic", "rdma-odp"), List.of("all"));
    assertThat(history(plan.seed(2), strategy(false, 2, plan)))
        .isNotEqualTo(history(plan.seed(1), strategy(false, 1, plan)));
  }

  /** Each failing where the threads said it would, found without being told where. */
  @ParameterizedTest
  @CsvSource({
    "v2, gpu-dynamic, none, NO_LATE_DMA",
    "v3, gpu-dynamic, none, NO_LATE_DMA",
    "v4, gpu-dynamic, none, NO_LATE_DMA",
    "v5, gpu-dynamic:slow, none, NO_LATE_DMA",
    "v7, gpu-dynamic, kill, BOUNDED",
    "v7, rdma-odp:silent, none, BOUNDED",
    "v7, gpu-dynamic:lying, none, NO_LATE_DMA"
  })
  void findsWhatIsWrongWithASequence(
      String contract, String importer, String faults, Invariant invariant) {
    WorldPlan plan = Plans.of(contract, List.of(importer, "rdma-odp"), List.of(faults));
    Explorer.Result result = Explorer.explore(plan, 5, limits(5000, EnumSet.of(invariant)));
    assertThat(result.found()).isPresent();
    Explorer.Found found = result.found().get();
    Shrinker.Shrunk shrunk = Shrinker.shrink(found.plan(), found.actions(), invariant);
    assertThat(shrunk.actions()).hasSizeLessThan(found.actions().size());
    assertThat(shrunk.plan().importers()).hasSize(1);
    assertThat(Story.tell(shrunk.plan(), shrunk.actions(), EnumSet.of(invariant)))
        .hasValueSatisfying(told -> assertThat(told.violation().invariant()).isEqualTo(invariant));
  }

  @Test
  void whicheverThreadPlaysASchedule() {
    WorldPlan plan = Plans.of("v4", List.of("rdma-odp:lying", "gpu-dynamic"), List.of("all"));
    Explorer.Result two = Explorer.explore(plan, 9, limits(3000, ALL));
    Explorer.Result one =
        Explorer.explore(plan, 9, new Explorer.Limits(3000, Long.MAX_VALUE, 1, ALL));
    assertThat(two.number()).isEqualTo(one.number()).isPositive();
    assertThat(two.found().map(Explorer.Found::actions))
        .isEqualTo(one.found().map(Explorer.Found::actions));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "vfio-pci reset gpu-dynamic,iommufd",
        "vfio-pci last-close rdma-pinned-revocable:maps-again,gpu-dynamic:slow",
        "vfio-pci memory-disabled rdma-odp:lying,rdma-odp",
        "vfio-pci reset rdma-odp:skips-iotlb-flush,gpu-dynamic:keeps-address",
        "gpu-vram eviction gpu-dynamic,virtio-gpu",
        "gpu-vram migration rdma-odp:silent,rdma-odp",
        "rdma-mmio context-destroyed rdma-odp:never-unmaps,gpu-dynamic:writes-after-fence"
      })
  void enforcedHolds(String words) {
    List<String> word = List.of(words.split(" ", -1));
    WorldPlan plan =
        Plans.of(
            "enforced",
            word.get(0),
            word.get(1),
            List.of(word.get(2).split(",", -1)),
            List.of("all"),
            false);
    Explorer.Result result = Explorer.explore(plan, 77, limits(600, ALL));
    assertThat(result.found().map(f -> f.violation().detail())).isEmpty();
    assertThat(result.schedules()).isEqualTo(600);
    assertThat(result.struck()).isPositive();
  }

  /** A schedule is broken off only where somebody asks without a pause. */
  @Test
  void schedulesComeToAnEnd() {
    WorldPlan plan = Plans.of("enforced", List.of("gpu-dynamic", "rdma-odp"), List.of("all"));
    assertThat(Explorer.explore(plan, 3, limits(2000, ALL)).cut()).isZero();
  }
}
