package dev.dmabufsim.importer.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Deviations;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class BuiltInDriversTest {
  private static final ImporterDrivers DRIVERS = ImporterDrivers.load();

  private static ImporterDriver driver(String kind) {
    return DRIVERS.find(kind).orElseThrow();
  }

  private static List<Reaction> reactions(String kind) {
    SplittableRandom random = new SplittableRandom(7);
    return IntStream.range(0, 300)
        .mapToObj(
            i -> driver(kind).onInvalidate(new Invalidation("nic", 1, 2, 3, i * 777_777L), random))
        .toList();
  }

  private static void assertBetween(Duration time, long lowNanos, long highNanos) {
    assertThat(time).isBetween(Duration.ofNanos(lowNanos), Duration.ofNanos(highNanos));
  }

  static Stream<String> revocable() {
    return DRIVERS.all().values().stream()
        .filter(d -> d.offer().revocable())
        .map(ImporterDriver::kind);
  }

  @Test
  void theServiceLoaderFindsAllEight() {
    assertThat(DRIVERS.all())
        .containsOnlyKeys(
            "gpu-dynamic",
            "rdma-odp",
            "rdma-pinned-revocable",
            "rdma-pinned",
            "iommufd",
            "virtio-gpu",
            "scanout",
            "static");
    assertThat(DRIVERS.all().values()).allSatisfy(d -> assertThat(d.description()).isNotBlank());
  }

  @ParameterizedTest
  @CsvSource({
    "gpu-dynamic,           true,  true,  true,  false, false, true",
    "rdma-odp,              true,  true,  true,  false, false, true",
    "rdma-pinned-revocable, true,  true,  true,  true,  false, true",
    "rdma-pinned,           true,  true,  false, true,  false, true",
    "iommufd,               true,  true,  true,  true,  true,  true",
    "virtio-gpu,            true,  false, true,  false, false, true",
    "scanout,               true,  false, true,  true,  false, false",
    "static,                false, false, false, false, false, true"
  })
  void eachOffersWhatItsDriverInTheKernelDoes(
      String kind,
      boolean dynamic,
      boolean peer2peer,
      boolean callback,
      boolean pins,
      boolean iommufdMap,
      boolean writes) {
    assertThat(driver(kind).offer())
        .isEqualTo(new ImporterOffer(dynamic, peer2peer, callback, pins, iommufdMap));
    assertThat(driver(kind).writes()).isEqualTo(writes);
  }

  @ParameterizedTest
  @MethodSource("revocable")
  void noneOfThemBreaksTheContract(String kind) {
    assertThat(reactions(kind))
        .allSatisfy(r -> {
          assertThat(r.deviations()).isEqualTo(Deviations.NONE);
          assertThat(r.unmap()).isNotEqualTo(Unmap.NEVER);
          assertThat(r.fences()).allMatch(f -> f.trigger() == Trigger.ENGINE_STOPPED);
          assertThat(r.unmap() == Unmap.IN_CALLBACK || !r.fences().isEmpty()).isTrue();
        });
  }

  @ParameterizedTest
  @MethodSource("revocable")
  void theSameSeedGivesTheSameTimes(String kind) {
    assertThat(reactions(kind)).isEqualTo(reactions(kind));
  }

  @Test
  void aGpuFinishesItsJobsThenUpdatesItsPageTablesThenUnmaps() {
    assertThat(reactions("gpu-dynamic"))
        .allSatisfy(r -> {
          assertThat(r.callback()).isEqualTo(Duration.ofNanos(20_000));
          assertBetween(r.engineStops(), 20_000_000, 60_000_000);
          assertThat(r.discardedReads()).isTrue();
          assertThat(r.fences())
              .extracting(PlannedFence::usage)
              .containsExactly(FenceUsage.WRITE, FenceUsage.BOOKKEEP);
          assertThat(r.fences().getFirst().delay()).isZero();
          assertBetween(r.fences().getLast().delay(), 1_000_000, 5_000_000);
          assertThat(r.unmap()).isEqualTo(Unmap.AFTER_FENCES);
          assertThat(r.unmapDelay()).isEqualTo(Duration.ofMillis(30));
          assertThat(r.afterwards()).isEqualTo(Afterwards.MAP_AGAIN);
        });
  }

  @ParameterizedTest
  @CsvSource({
    "rdma-odp,              10_000,  50_000, MAP_AGAIN",
    "rdma-pinned-revocable, 50_000, 200_000, REGISTER_ANEW",
    "iommufd,               20_000, 100_000, MAP_AGAIN"
  })
  void theseDoEverythingInTheCallback(
      String kind, String lowNanos, String highNanos, Afterwards afterwards) {
    assertThat(reactions(kind))
        .allSatisfy(r -> {
          assertThat(r).isEqualTo(Reaction.inCallback(r.callback(), afterwards));
          assertBetween(
              r.callback(),
              Long.parseLong(lowNanos.replace("_", "")),
              Long.parseLong(highNanos.replace("_", "")));
        });
  }

  @Test
  void aVirtualGpuUnmapsAsSoonAsItsHostHasDetachedTheBacking() {
    assertThat(reactions("virtio-gpu"))
        .allSatisfy(r -> {
          assertBetween(r.engineStops(), 10_000_000, 40_000_000);
          assertThat(r.discardedReads()).isFalse();
          assertThat(r.fences())
              .containsExactly(PlannedFence.afterStop(FenceUsage.BOOKKEEP, Duration.ZERO));
          assertThat(r.unmap()).isEqualTo(Unmap.AFTER_FENCES);
          assertThat(r.unmapDelay()).isZero();
        });
  }

  @ParameterizedTest
  @CsvSource({
    "0, 16666667",
    "1, 16666666",
    "16666666, 1",
    "16666667, 16666667",
    "-1, 1",
    "50000000, 1"
  })
  void aDisplayStopsAtTheNextVerticalBlankAndNotBefore(long nowNanos, long stopsAfterNanos) {
    Reaction r =
        driver("scanout")
            .onInvalidate(new Invalidation("tv", 1, 2, 3, nowNanos), new SplittableRandom(1));

    assertThat(r.engineStops()).isEqualTo(Duration.ofNanos(stopsAfterNanos));
    assertThat(r.fences()).containsExactly(PlannedFence.afterStop(FenceUsage.READ, Duration.ZERO));
    assertThat(r.unmap()).isEqualTo(Unmap.AFTER_FENCES);
  }

  @ParameterizedTest
  @CsvSource({"rdma-pinned", "static"})
  void whoHasNoCallbackCannotBeCalled(String kind) {
    assertThatThrownBy(() -> reactions(kind)).isInstanceOf(IllegalStateException.class);
  }
}
