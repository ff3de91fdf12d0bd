package dev.dmabufsim.common.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.FenceUsage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class DescribedImporterTest {
  private static final Invalidation CALL = new Invalidation("dev", 1, 2, 3, 4);

  private static Distribution micros(long micros) {
    return Distribution.constant(Duration.ofNanos(1_000 * micros));
  }

  private static DescribedImporter importer(
      Distribution callback, List<DescribedImporter.Fence> fences) {
    return new DescribedImporter(
        "mine",
        "one of my own",
        ImporterOffer.DYNAMIC.pins(true),
        false,
        callback,
        micros(200),
        true,
        fences,
        Reaction.Unmap.AFTER_FENCES,
        micros(300),
        Reaction.Afterwards.REGISTER_ANEW);
  }

  @Test
  void reactsAsItIsDescribed() {
    DescribedImporter importer =
        importer(
            micros(100),
            List.of(
                new DescribedImporter.Fence(
                    FenceUsage.WRITE, Reaction.Trigger.ENGINE_STOPPED, micros(10), false),
                new DescribedImporter.Fence(
                    FenceUsage.BOOKKEEP, Reaction.Trigger.NEVER, micros(20), true)));

    assertThat(importer.onInvalidate(CALL, new Random(1)))
        .isEqualTo(
            new Reaction(
                Duration.ofNanos(100_000),
                Duration.ofNanos(200_000),
                true,
                List.of(
                    Reaction.PlannedFence.afterStop(FenceUsage.WRITE, Duration.ofNanos(10_000)),
                    new Reaction.PlannedFence(
                        FenceUsage.BOOKKEEP,
                        Reaction.Trigger.NEVER,
                        Duration.ofNanos(20_000),
                        true)),
                Reaction.Unmap.AFTER_FENCES,
                Duration.ofNanos(300_000),
                Reaction.Afterwards.REGISTER_ANEW,
                Reaction.Deviations.NONE));
    assertThat(importer.writes()).isFalse();
    assertThat(importer.offer().pins()).isTrue();
    assertThat(importer.kind()).isEqualTo("mine");
    assertThat(importer.description()).isEqualTo("one of my own");
  }

  @Test
  void drawsItsTimesAnewForEachInvalidationAndTheSameFromTheSameSeed() {
    DescribedImporter importer =
        importer(new Distribution.Uniform(Duration.ZERO, Duration.ofSeconds(1)), List.of());
    Random random = new Random(5);
    Reaction first = importer.onInvalidate(CALL, random);
    Reaction second = importer.onInvalidate(CALL, random);

    assertThat(first).isNotEqualTo(second);
    Random again = new Random(5);
    assertThat(importer.onInvalidate(CALL, again)).isEqualTo(first);
    assertThat(importer.onInvalidate(CALL, again)).isEqualTo(second);
  }

  @Test
  void keepsItsFencesThoughTheListThatItWasGivenChanges() {
    List<DescribedImporter.Fence> fences = new ArrayList<>();
    DescribedImporter importer = importer(micros(1), fences);
    fences.add(
        new DescribedImporter.Fence(
            FenceUsage.READ, Reaction.Trigger.INVALIDATED, micros(1), false));

    assertThat(importer.fences()).isEmpty();
  }

  @Test
  void aReactionWithinTheCallbackStopsTheEngineNoLaterThanItReturns() {
    Reaction reaction = Reaction.inCallback(Duration.ofNanos(5), Reaction.Afterwards.MAP_AGAIN);

    assertThat(reaction.unmap()).isEqualTo(Reaction.Unmap.IN_CALLBACK);
    assertThat(reaction.callback()).isEqualTo(Duration.ofNanos(5));
    assertThat(reaction.engineStops()).isEqualTo(Duration.ofNanos(5));
    assertThat(reaction.fences()).isEmpty();
    assertThat(reaction.deviations()).isEqualTo(Reaction.Deviations.NONE);
  }
}
