package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.exporter.AttachCore.Effect;
import dev.dmabufsim.exporter.AttachCore.Event;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class AttachCoreTest {
  private static final int BUFFER = 7;
  private static final BufferState.Importer IMPORTER =
      BufferDriver.importer(3, ImporterOffer.DYNAMIC);

  private final AttachCore core =
      new AttachCore(
          new ExporterPlan.Device(
              "vfio", ExporterKind.VFIO_PCI, 1, 4096, List.of(RevokeCause.RESET), Map.of()),
          Set.of(BUFFER),
          10);
  private AttachCore.State state = AttachCore.fresh(100);

  private List<Effect> happens(Event event) {
    AttachCore.Step step = core.step(state, event);
    state = step.state();
    return step.effects();
  }

  private List<Effect> asks(BufferState.Importer importer, Long... cookies) {
    return happens(new Event.Asked(BUFFER, true, "nic", importer, List.of(cookies)));
  }

  private static Effect.Reply reply(List<Effect> effects) {
    return (Effect.Reply) effects.getLast();
  }

  @Test
  void idsAreApartByTheStrideSoThatOtherDevicesFitBetween() {
    assertThat(reply(asks(IMPORTER, 1L, 2L)).ids()).containsExactly(100, 110);
    assertThat(reply(asks(IMPORTER, 3L)).ids()).containsExactly(120);
  }

  @Test
  void whatWouldBeAnotherProcesssIdIsRefusedInstead() {
    int last = AttachCore.firstId(5, 0) | ((1 << AttachCore.ID_BITS) - 1);
    state = AttachCore.fresh(last - 15);

    List<Effect> effects = asks(IMPORTER, 1L, 2L, 3L);

    assertThat(effects)
        .contains(
            new Effect.Reply(Errno.OK, List.of(1L, 2L), List.of(last - 15, last - 5)),
            new Effect.Reply(Errno.ENOMEM, List.of(3L), List.of()))
        .contains(
            new Effect.Note(
                new HistoryEvent.AttachRefused(BUFFER, "nic", IMPORTER.kind(), Errno.ENOMEM, 1)));
    assertThat(reply(asks(IMPORTER, 4L)).errno()).as("for good").isEqualTo(Errno.ENOMEM);
    assertThat(AttachCore.fresh(AttachCore.firstId(255, 0)).next()).as("of the last").isNegative();
  }

  @Test
  void aRepeatedRequestIsAnsweredAsBeforeAndPutsNothingOnTheList() {
    List<Effect> first = asks(IMPORTER, 1L, 2L);

    assertThat(asks(IMPORTER, 1L, 2L)).containsExactly(reply(first));
    assertThat(reply(asks(BufferDriver.importer(4, ImporterOffer.DYNAMIC), 1L)).ids())
        .as("another process's own number")
        .containsExactly(120);
  }

  @Test
  void aRefusalIsAnsweredAgainThoughItWouldNotBeRefusedNow() {
    happens(new Event.FlagChanged(BUFFER, true));
    assertThat(reply(asks(IMPORTER, 1L)).errno()).isEqualTo(Errno.ENODEV);
    happens(new Event.FlagChanged(BUFFER, false));

    assertThat(asks(IMPORTER, 1L))
        .containsExactly(new Effect.Reply(Errno.ENODEV, List.of(1L), List.of()));
    assertThat(reply(asks(IMPORTER, 2L)).errno()).isEqualTo(Errno.OK);
  }

  @Test
  void anAttachmentThatThereIsStaysWhenItsRequestIsRepeatedDuringARevoke() {
    List<Integer> ids = reply(asks(IMPORTER, 1L)).ids();
    happens(new Event.FlagChanged(BUFFER, true));

    assertThat(asks(IMPORTER, 1L)).containsExactly(new Effect.Reply(Errno.OK, List.of(1L), ids));
  }

  @Test
  void whatIsSentTogetherIsAnsweredEachForItself() {
    List<Integer> ids = reply(asks(IMPORTER, 1L)).ids();
    happens(new Event.FlagChanged(BUFFER, true));
    asks(IMPORTER, 2L);

    List<Effect> during = asks(IMPORTER, 1L, 2L, 3L);
    assertThat(during)
        .as("who is attached does not bring others in")
        .contains(
            new Effect.Reply(Errno.OK, List.of(1L), ids),
            new Effect.Reply(Errno.ENODEV, List.of(2L, 3L), List.of()))
        .noneMatch(Effect.Attach.class::isInstance);

    happens(new Event.FlagChanged(BUFFER, false));
    List<Effect> after = asks(IMPORTER, 3L, 4L);
    assertThat(after)
        .as("who was refused does not keep others out")
        .contains(
            new Effect.Reply(Errno.OK, List.of(4L), List.of(110)),
            new Effect.Reply(Errno.ENODEV, List.of(3L), List.of()));
  }

  @Test
  void whatWasAnsweredVeryLongAgoIsForgotten() {
    AttachCore.Memory<Integer> memory = AttachCore.Memory.empty();
    for (int i = 0; i <= AttachCore.MOST; i++) {
      memory = memory.plus(new AttachCore.Cookie(1, 1, i), i);
    }

    assertThat(memory.get(new AttachCore.Cookie(1, 1, 0))).isNull();
    assertThat(memory.get(new AttachCore.Cookie(1, 1, 1))).isEqualTo(1);
    assertThat(memory.answers()).hasSize(AttachCore.MOST);
  }
}
