package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.judge.Invariant;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Explores about a minute: each world with a seed that never changes, and with a fresh one, so that
 * every build looks somewhere new. What it finds there is a fault in what ships; the message says
 * how to see it again.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EverywhereTest {
  private static final long FIXED = 20_261_129;
  private static final long SCHEDULES = 7_000;

  private final long fresh = System.nanoTime() & Integer.MAX_VALUE;

  static Stream<List<String>> worlds() {
    return Stream.of(
        List.of("vfio-pci", "reset", "gpu-dynamic", "rdma-odp"),
        List.of("vfio-pci", "reset", "iommufd:silent", "rdma-pinned-revocable:maps-again"),
        List.of("vfio-pci", "last-close", "rdma-odp:skips-iotlb-flush", "gpu-dynamic:slow"),
        List.of("gpu-vram", "eviction", "gpu-dynamic:lying", "virtio-gpu"),
        List.of("rdma-mmio", "driver-removed", "gpu-dynamic:keeps-address", "rdma-odp"));
  }

  @ParameterizedTest
  @MethodSource("worlds")
  void withASeedThatNeverChanges(List<String> world) {
    explore(world, FIXED);
  }

  @ParameterizedTest
  @MethodSource("worlds")
  void withAFreshSeed(List<String> world) {
    explore(world, fresh);
  }

  private static void explore(List<String> world, long seed) {
    String importers = String.join(",", world.subList(2, world.size()));
    String again =
        "./dmabuf-sim explore --exporter %s --cause %s --importers %s --seed %d --schedules %d"
            .formatted(world.get(0), world.get(1), importers, seed, SCHEDULES);
    System.out.println(again);
    WorldPlan plan =
        Plans.of(
            "enforced",
            world.get(0),
            world.get(1),
            world.subList(2, world.size()),
            List.of("all"),
            false);
    Explorer.Result result =
        Explorer.explore(
            plan,
            seed,
            new Explorer.Limits(SCHEDULES, Long.MAX_VALUE, 2, EnumSet.allOf(Invariant.class)));
    assertThat(result.found().map(f -> f.violation().toString())).as(again).isEmpty();
  }
}
