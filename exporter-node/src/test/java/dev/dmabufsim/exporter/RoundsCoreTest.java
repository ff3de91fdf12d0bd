package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.exporter.RoundsCore.Effect;
import dev.dmabufsim.exporter.RoundsCore.Event;
import dev.dmabufsim.exporter.RoundsCore.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class RoundsCoreTest {
  private static final long EVERY = 100;
  private static final long HOLD = 10;
  private static final long SETTLE = 1000;

  /** Two devices, of two buffers and of one. */
  private static final List<RoundsCore.Device> DEVICES = devices(RevokeCause.RESET);

  private static List<RoundsCore.Device> devices(RevokeCause... causes) {
    return List.of(
        new RoundsCore.Device(List.of(1, 2), List.of(causes)),
        new RoundsCore.Device(List.of(3), List.of(causes)));
  }

  private RoundsCore core = core(0);
  private RoundsCore.State state = RoundsCore.State.idle();

  private static RoundsCore core(int count) {
    return core(count, DEVICES);
  }

  private static RoundsCore core(int count, List<RoundsCore.Device> devices) {
    return new RoundsCore(new ExporterPlan.Rounds(count, EVERY, HOLD, SETTLE, false), devices);
  }

  private List<Effect> happens(Event event) {
    RoundsCore.Step step = core.step(state, event);
    state = step.state();
    return step.effects();
  }

  private static Effect reset(int round, Integer... buffers) {
    return new Effect.Revoke(round, RevokeCause.RESET, List.of(buffers));
  }

  /** Plays on, as if everything went well, until a phase is reached. */
  private List<Effect> playTo(Phase phase) {
    List<Effect> all = new ArrayList<>();
    if (state.phase() == Phase.IDLE) {
      for (int buffer = 1; buffer <= 3; buffer++) {
        happens(new Event.Mapped(buffer, 5));
      }
    }
    while (state.phase() != phase) {
      all.addAll(playOn());
    }
    return all;
  }

  private List<Effect> playOn() {
    return switch (state.phase()) {
      case IDLE -> happens(new Event.Began());
      case PAUSING, HOLDING, SETTLING -> happens(new Event.WaitOver());
      case REVOKING -> {
        int buffer = state.pending().iterator().next();
        happens(new Event.Mapped(buffer, 0));
        yield happens(new Event.Revoked(buffer));
      }
      case RESTORING -> happens(new Event.Restored(state.pending().iterator().next()));
      case ENDED -> throw new AssertionError("no round follows the last");
    };
  }

  @Test
  void aRoundRevokesHoldsAndRestoresTheBuffersOfOneDevice() {
    happens(new Event.Mapped(2, 4));
    assertThat(happens(new Event.Began())).containsExactly(new Effect.Wait(EVERY));
    assertThat(happens(new Event.WaitOver())).containsExactly(reset(1, 1, 2));
    happens(new Event.Mapped(2, 0));
    assertThat(happens(new Event.Revoked(1))).isEmpty();
    assertThat(happens(new Event.Revoked(2))).containsExactly(new Effect.Wait(HOLD));
    assertThat(happens(new Event.WaitOver())).containsExactly(new Effect.Restore(List.of(1, 2)));
    assertThat(happens(new Event.Restored(2))).isEmpty();
    assertThat(happens(new Event.Restored(1))).containsExactly(new Effect.Wait(SETTLE));
    assertThat(happens(new Event.Mapped(2, 3))).isEmpty();
    assertThat(happens(new Event.Mapped(3, 9))).as("another device's").isEmpty();
    assertThat(happens(new Event.Mapped(1, 1)))
        .containsExactly(new Effect.RoundDone(1, 2), new Effect.Wait(EVERY));
  }

  @Test
  void devicesTakeTurns() {
    List<Effect> all = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      all.addAll(playTo(Phase.REVOKING));
      all.addAll(playTo(Phase.PAUSING));
    }

    assertThat(all.stream().filter(Effect.Revoke.class::isInstance))
        .containsExactly(reset(1, 1, 2), reset(2, 3), reset(3, 1, 2), reset(4, 3));
    assertThat(all).contains(new Effect.RoundDone(3, 2), new Effect.RoundDone(4, 1));
  }

  @Test
  void aBufferRevokedTwiceOrOfAnotherDeviceDoesNotStandForOneThatIsNot() {
    playTo(Phase.REVOKING);
    happens(new Event.Revoked(1));
    happens(new Event.Revoked(1));
    happens(new Event.Revoked(3));
    assertThat(happens(new Event.WaitOver())).isEmpty();
    assertThat(state.phase()).isEqualTo(Phase.REVOKING);

    happens(new Event.Revoked(2));
    assertThat(state.phase()).isEqualTo(Phase.HOLDING);
  }

  @Test
  void aRoundIsOverWhenTheWaitIsThoughNotEverybodyHasMappedAgain() {
    playTo(Phase.SETTLING);

    assertThat(happens(new Event.WaitOver())).contains(new Effect.RoundDone(1, 2));
  }

  @Test
  void asManyRoundsArePlayedAsArePlanned() {
    core = core(3);

    List<Effect> all = playTo(Phase.ENDED);

    assertThat(all.stream().filter(Effect.Revoke.class::isInstance)).hasSize(3);
    assertThat(all).endsWith(new Effect.RoundDone(3, 2), new Effect.Done(3));
    for (Event event : anyEvent()) {
      if (!(event instanceof Event.Ending)) {
        assertThat(happens(event)).as("after the last round: %s", event).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Phase.class)
  void endingIsPossibleInEveryPhaseAndLeavesNoBufferRevoked(Phase phase) {
    if (phase == Phase.ENDED) {
      core = core(1);
    }
    List<Effect> before = playTo(phase);
    List<Effect> after = happens(new Event.Ending());
    if (state.phase() != Phase.ENDED) {
      after = new ArrayList<>(after);
      after.addAll(playTo(Phase.ENDED));
    }

    assertThat(after.getLast()).isEqualTo(new Effect.Done(state.round()));
    assertThat(after.stream().filter(Effect.Done.class::isInstance)).hasSize(1);
    assertThat(after).noneMatch(Effect.Revoke.class::isInstance);
    List<Effect> all = new ArrayList<>(before);
    all.addAll(after);
    assertThat(all.stream().filter(Effect.Revoke.class::isInstance).count())
        .isEqualTo(all.stream().filter(Effect.Restore.class::isInstance).count());
  }

  @Test
  void aRoundWhoseRevokeNeverEndsIsNotEndedEither() {
    playTo(Phase.REVOKING);
    happens(new Event.Ending());
    happens(new Event.Revoked(1));

    for (int i = 0; i < 10; i++) {
      assertThat(happens(new Event.WaitOver())).isEmpty();
      assertThat(happens(new Event.Ending())).isEmpty();
    }
  }

  private static List<Event> anyEvent() {
    List<Event> events =
        new ArrayList<>(List.of(new Event.Began(), new Event.WaitOver(), new Event.Ending()));
    for (int buffer = 0; buffer <= 4; buffer++) {
      events.add(new Event.Revoked(buffer));
      events.add(new Event.Refused(buffer));
      events.add(new Event.Restored(buffer));
      events.add(new Event.Mapped(buffer, buffer));
    }
    return events;
  }

  @Test
  void noSequenceOfEventsRestoresABufferBeforeAllOfItsDeviceAreRevoked() {
    int restores = 0;
    for (int seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      core = core(random.nextInt(6));
      state = RoundsCore.State.idle();
      List<Event> events = anyEvent();
      Set<Integer> revoking = new TreeSet<>();
      Set<Integer> owed = new TreeSet<>();
      int rounds = 0;
      for (int i = 0; i < 200; i++) {
        Event event = events.get(random.nextInt(events.size()));
        if (event instanceof Event.Ending && random.nextInt(20) > 0) {
          continue;
        }
        if (event instanceof Event.Revoked revoked) {
          owed.remove(revoked.buffer());
        } else if (event instanceof Event.Refused refused) {
          owed.remove(refused.buffer());
        }
        for (Effect effect : happens(event)) {
          if (effect instanceof Effect.Revoke revoke) {
            assertThat(revoking).as("seed %d: still with their tenants", seed).isEmpty();
            assertThat(revoke.round()).as("seed %d", seed).isEqualTo(++rounds);
            assertThat(revoke.buffers()).isEqualTo(DEVICES.get((rounds - 1) % 2).buffers());
            revoking.addAll(revoke.buffers());
            owed.addAll(revoke.buffers());
          } else if (effect instanceof Effect.Restore restore) {
            assertThat(owed).as("seed %d: not revoked yet", seed).isEmpty();
            assertThat(revoking).as("seed %d", seed).containsExactlyElementsOf(restore.buffers());
            revoking.clear();
            restores++;
          }
        }
      }
    }
    assertThat(restores).isGreaterThan(2_000);
  }

  /** What is played from a phase on until the next round begins. */
  private List<Effect> round() {
    List<Effect> all = new ArrayList<>(playTo(Phase.REVOKING));
    while (state.phase() == Phase.REVOKING) {
      all.addAll(playOn());
    }
    while (state.phase() != Phase.PAUSING && state.phase() != Phase.ENDED) {
      all.addAll(playOn());
    }
    return all;
  }

  @Test
  void aDevicesCausesFollowOneAnotherAndBeginAnew() {
    core =
        core(
            0,
            List.of(
                new RoundsCore.Device(
                    List.of(1), List.of(RevokeCause.RESET, RevokeCause.MEMORY_DISABLED)),
                new RoundsCore.Device(List.of(3), List.of(RevokeCause.RESET))));
    List<RevokeCause> causes = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      round().stream()
          .filter(Effect.Revoke.class::isInstance)
          .forEach(e -> causes.add(((Effect.Revoke) e).cause()));
    }

    assertThat(causes)
        .containsExactly(
            RevokeCause.RESET,
            RevokeCause.RESET,
            RevokeCause.MEMORY_DISABLED,
            RevokeCause.RESET,
            RevokeCause.RESET,
            RevokeCause.RESET);
  }

  @Test
  void aMoveIsNeitherHeldNorRestoredAndSettlesAtOnce() {
    core = core(1, devices(RevokeCause.EVICTION));
    playTo(Phase.REVOKING);
    happens(new Event.Mapped(1, 0));
    happens(new Event.Revoked(1));

    assertThat(happens(new Event.Revoked(2))).containsExactly(new Effect.Wait(SETTLE));
    assertThat(state.phase()).isEqualTo(Phase.SETTLING);
    assertThat(happens(new Event.Mapped(1, 5)))
        .containsExactly(new Effect.RoundDone(1, 2), new Effect.Done(1));
  }

  @Test
  void aBufferThatCouldNotBeMovedIsNotCountedAndHoldsNothingUp() {
    core = core(1, devices(RevokeCause.EVICTION));
    playTo(Phase.REVOKING);
    happens(new Event.Revoked(1));

    assertThat(happens(new Event.Refused(2)))
        .containsExactly(new Effect.RoundDone(1, 1), new Effect.Done(1));
  }

  @Test
  void aDeviceThatIsGonePlaysNoMoreRoundsAndIsNotRestored() {
    core =
        core(
            0,
            List.of(
                new RoundsCore.Device(List.of(1), List.of(RevokeCause.HOT_UNPLUG)),
                new RoundsCore.Device(List.of(3), List.of(RevokeCause.RESET))));
    List<Effect> all = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      all.addAll(round());
    }

    assertThat(all.stream().filter(Effect.Revoke.class::isInstance))
        .containsExactly(
            new Effect.Revoke(1, RevokeCause.HOT_UNPLUG, List.of(1)), reset(2, 3), reset(3, 3));
    assertThat(all.stream().filter(Effect.Restore.class::isInstance))
        .containsOnly(new Effect.Restore(List.of(3)));
  }

  @Test
  void roundsAreOverWhenEveryDeviceIsGone() {
    core = core(0, devices(RevokeCause.DRIVER_REMOVED));

    round();

    assertThat(round()).endsWith(new Effect.RoundDone(2, 1), new Effect.Done(2));
    assertThat(state.phase()).isEqualTo(Phase.ENDED);
  }

  @Test
  void withoutADeviceThatRevokesThereIsNothingToPlay() {
    core = core(0, List.of());

    assertThat(happens(new Event.Began())).containsExactly(new Effect.Done(0));
  }
}
