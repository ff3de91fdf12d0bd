package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.exporter.HubCore.Effect;
import dev.dmabufsim.exporter.HubCore.Event;
import java.util.List;
import org.junit.jupiter.api.Test;

final class HubCoreTest {
  private static final List<RoundsCore.Device> DEVICES =
      List.of(
          new RoundsCore.Device(List.of(1), List.of(RevokeCause.RESET)),
          new RoundsCore.Device(List.of(2), List.of()),
          new RoundsCore.Device(List.of(3), List.of(RevokeCause.HOT_UNPLUG)));

  private HubCore core;
  private HubCore.State state;

  private void play(boolean independent, int count) {
    core = new HubCore(new ExporterPlan.Rounds(count, 100, 10, 1000, independent), DEVICES);
    state = core.idle();
  }

  private List<Effect> happens(Event event) {
    HubCore.Step step = core.step(state, event);
    state = step.state();
    return step.effects();
  }

  @Test
  void devicesThatAreIndependentRevokeAtTheSameTime() {
    play(true, 1);
    assertThat(happens(new Event.Began()))
        .containsExactly(new Effect.Wait(0, 100), new Effect.Wait(1, 100));
    assertThat(happens(new Event.WaitOver(0)))
        .containsExactly(new Effect.Revoke(RevokeCause.RESET, List.of(1)));
    assertThat(happens(new Event.WaitOver(1)))
        .containsExactly(new Effect.Revoke(RevokeCause.HOT_UNPLUG, List.of(3)));
  }

  @Test
  void roundsAreCountedOverAllDevicesAndDoneWhenTheLastDeviceIs() {
    play(true, 1);
    happens(new Event.Began());
    happens(new Event.WaitOver(0));
    happens(new Event.WaitOver(1));
    assertThat(happens(new Event.Revoked(3))).containsExactly(new Effect.RoundDone(1, 1));
    assertThat(happens(new Event.Revoked(1))).containsExactly(new Effect.Wait(0, 10));
    happens(new Event.WaitOver(0));

    assertThat(happens(new Event.Restored(1)))
        .containsExactly(new Effect.RoundDone(2, 1), new Effect.RoundsDone(2));
  }

  @Test
  void devicesThatTakeTurnsAreOneGroup() {
    play(false, 2);
    assertThat(happens(new Event.Began())).containsExactly(new Effect.Wait(0, 100));
    assertThat(happens(new Event.WaitOver(0)))
        .containsExactly(new Effect.Revoke(RevokeCause.RESET, List.of(1)));
    assertThat(happens(new Event.Revoked(2))).as("it never revokes").isEmpty();
  }

  @Test
  void theEndOfAllIsSaidOnceForEachTimeThatItIsAskedFor() {
    play(true, 0);
    happens(new Event.Began());
    assertThat(happens(new Event.Ending())).containsExactly(new Effect.RoundsDone(0));
    assertThat(happens(new Event.Ending())).containsExactly(new Effect.RoundsDone(0));
  }

  @Test
  void aDeadProcessIsBuriedOnceAndNotHeardAnyMore() {
    play(false, 1);
    assertThat(state.hears(7)).isTrue();
    assertThat(happens(new Event.ProcessDied(7))).containsExactly(new Effect.Bury(7));
    assertThat(state.hears(7)).isFalse();
    assertThat(state.hears(8)).isTrue();
    assertThat(happens(new Event.ProcessDied(7))).isEmpty();
  }
}
