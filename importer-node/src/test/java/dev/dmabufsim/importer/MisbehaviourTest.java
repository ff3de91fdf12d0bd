package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Deviations;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class MisbehaviourTest {
  private static final Duration OVERRUN = Duration.ofMillis(300);
  private static final PlannedFence BOOKKEEP =
      PlannedFence.afterStop(FenceUsage.BOOKKEEP, Duration.ZERO);

  private static final Reaction IN_CALLBACK =
      Reaction.inCallback(Duration.ofNanos(50_000), Afterwards.REGISTER_ANEW);

  private static final Reaction PIPELINED =
      new Reaction(
          Duration.ofNanos(20_000),
          Duration.ofMillis(3),
          false,
          List.of(
              PlannedFence.afterStop(FenceUsage.WRITE, Duration.ofMillis(1)),
              new PlannedFence(FenceUsage.READ, Trigger.INVALIDATED, Duration.ofMillis(2), true)),
          Unmap.AFTER_FENCES,
          Duration.ofMillis(2),
          Afterwards.MAP_AGAIN,
          Deviations.NONE);

  private static Reaction apply(Behaviour behaviour, Reaction reaction) {
    return Misbehaviour.apply(behaviour, OVERRUN, reaction);
  }

  @Test
  void anHonestImporterDoesWhatItsDriverSays() {
    assertThat(apply(Behaviour.HONEST, PIPELINED)).isEqualTo(PIPELINED);
    assertThat(apply(Behaviour.HONEST, IN_CALLBACK)).isEqualTo(IN_CALLBACK);
  }

  @ParameterizedTest
  @EnumSource(Behaviour.class)
  void whatComesAfterwardsIsTheDriversOwn(Behaviour behaviour) {
    assertThat(apply(behaviour, IN_CALLBACK).afterwards()).isEqualTo(Afterwards.REGISTER_ANEW);
    assertThat(apply(behaviour, PIPELINED).afterwards()).isEqualTo(Afterwards.MAP_AGAIN);
  }

  @Test
  void aSlowOneIsLateWithEverythingAndWithTheUnmapLaterStill() {
    Reaction slow = apply(Behaviour.SLOW, PIPELINED);

    assertThat(slow.callback()).isEqualTo(PIPELINED.callback());
    assertThat(slow.engineStops()).isEqualTo(Duration.ofMillis(303));
    assertThat(slow.fences())
        .containsExactly(
            PlannedFence.afterStop(FenceUsage.WRITE, Duration.ofMillis(1)),
            new PlannedFence(FenceUsage.READ, Trigger.INVALIDATED, Duration.ofMillis(302), true));
    assertThat(slow.unmapDelay()).isEqualTo(Duration.ofMillis(302));
    assertThat(slow.discardedReads()).isTrue();
  }

  @Test
  void aSlowOneDoesNothingInItsCallbackAnyMore() {
    Reaction slow = apply(Behaviour.SLOW, IN_CALLBACK);

    assertThat(slow.unmap()).isEqualTo(Unmap.AFTER_FENCES);
    assertThat(slow.fences()).containsExactly(BOOKKEEP);
    assertThat(slow.engineStops()).isEqualTo(OVERRUN.plusNanos(50_000));
    assertThat(slow.unmapDelay()).isEqualTo(OVERRUN);
  }

  @Test
  void ofASilentOneNothingIsHeardButThatItsCallbackReturned() {
    for (Reaction reaction : List.of(PIPELINED, IN_CALLBACK)) {
      Reaction silent = apply(Behaviour.SILENT, reaction);
      assertThat(silent.callback()).isZero();
      assertThat(silent.engineStops()).isEqualTo(Misbehaviour.FOR_EVER);
      assertThat(silent.unmap()).isEqualTo(Unmap.NEVER);
      assertThat(silent.fences()).isNotEmpty().allMatch(f -> f.trigger() == Trigger.NEVER);
    }
  }

  @Test
  void aLyingOnesFencesSignalAndItUnmapsWhileItsEngineGoesOn() {
    Reaction lying = apply(Behaviour.LYING, PIPELINED);

    assertThat(lying.fences())
        .containsExactly(
            new PlannedFence(FenceUsage.WRITE, Trigger.INVALIDATED, Duration.ZERO, false),
            new PlannedFence(FenceUsage.READ, Trigger.INVALIDATED, Duration.ZERO, true));
    assertThat(lying.unmap()).isEqualTo(Unmap.AFTER_FENCES);
    assertThat(lying.unmapDelay()).isZero();
    assertThat(lying.deviations()).isEqualTo(new Deviations(true, Duration.ZERO, OVERRUN, false));
    assertThat(apply(Behaviour.LYING, IN_CALLBACK).unmap()).isEqualTo(Unmap.IN_CALLBACK);
  }

  @Test
  void theFencesOfOneThatNeverUnmapsAreHonest() {
    Reaction pipelined = apply(Behaviour.NEVER_UNMAPS, PIPELINED);
    assertThat(pipelined.unmap()).isEqualTo(Unmap.NEVER);
    assertThat(pipelined.fences()).isEqualTo(PIPELINED.fences());
    assertThat(pipelined.engineStops()).isEqualTo(PIPELINED.engineStops());

    Reaction inCallback = apply(Behaviour.NEVER_UNMAPS, IN_CALLBACK);
    assertThat(inCallback.unmap()).isEqualTo(Unmap.NEVER);
    assertThat(inCallback.fences()).containsExactly(BOOKKEEP);
  }

  @Test
  void oneThatWritesAfterItsFencesTakesTheTimeForIt() {
    Reaction pipelined = apply(Behaviour.WRITES_AFTER_FENCE, PIPELINED);
    assertThat(pipelined.unmapDelay()).isEqualTo(Duration.ofMillis(30));
    assertThat(pipelined.discardedReads()).isTrue();
    assertThat(pipelined.deviations().writesWhenFenced()).isTrue();

    Reaction inCallback = apply(Behaviour.WRITES_AFTER_FENCE, IN_CALLBACK);
    assertThat(inCallback.unmap()).isEqualTo(Unmap.AFTER_FENCES);
    assertThat(inCallback.fences()).containsExactly(BOOKKEEP);
    assertThat(inCallback.unmapDelay()).isEqualTo(Duration.ofMillis(30));
  }

  @ParameterizedTest
  @EnumSource(
      value = Behaviour.class,
      names = {"MAPS_AGAIN", "KEEPS_ADDRESS", "SKIPS_IOTLB_FLUSH"})
  void theseReactInTimeAndMisbehaveAfterwards(Behaviour behaviour) {
    Reaction r = apply(behaviour, PIPELINED);

    assertThat(r.deviations())
        .isEqualTo(
            switch (behaviour) {
              case MAPS_AGAIN -> new Deviations(false, Duration.ZERO, Duration.ZERO, true);
              case KEEPS_ADDRESS -> new Deviations(false, OVERRUN, Duration.ZERO, false);
              default -> new Deviations(false, Duration.ZERO, OVERRUN, false);
            });
    assertThat(apply(behaviour, IN_CALLBACK).unmap()).isEqualTo(Unmap.IN_CALLBACK);
    assertThat(r.fences()).isEqualTo(PIPELINED.fences());
    assertThat(r.engineStops()).isEqualTo(PIPELINED.engineStops());
    assertThat(r.unmapDelay()).isEqualTo(PIPELINED.unmapDelay());
  }

  @Test
  void whoNeverUnmapsByItsDriverDoesNotLearnItByMisbehaving() {
    Reaction never =
        new Reaction(
            Duration.ZERO,
            Duration.ZERO,
            true,
            List.of(),
            Unmap.NEVER,
            Duration.ZERO,
            Afterwards.STAY_AWAY,
            Deviations.NONE);
    for (Behaviour behaviour : Behaviour.values()) {
      assertThat(apply(behaviour, never).unmap()).as("%s", behaviour).isEqualTo(Unmap.NEVER);
    }
  }
}
