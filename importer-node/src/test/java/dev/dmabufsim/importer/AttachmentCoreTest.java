package dev.dmabufsim.importer;

import static dev.dmabufsim.importer.AttachmentDriver.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.importer.AttachmentCore.Effect;
import dev.dmabufsim.importer.AttachmentCore.Event;
import dev.dmabufsim.importer.AttachmentCore.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

final class AttachmentCoreTest {
  private static AttachmentDriver attachment(ImporterKind kind) {
    return new AttachmentDriver(kind);
  }

  @ParameterizedTest
  @EnumSource(ImporterKind.class)
  void attachesPinsIfItsKindDoesMapsAndThenDoesDma(ImporterKind kind) {
    AttachmentDriver a = attachment(kind).due();
    assertThat(a.effects()).containsExactly(new Effect.Attach(a.state.cookie()));

    a.attachAnswered(Errno.OK, 50);
    if (kind.pins()) {
      assertThat(a.asked().operation()).isEqualTo(Operation.PIN);
      a.answered(Operation.PIN, Errno.OK);
    }
    assertThat(a.asked().operation()).isEqualTo(Operation.MAP);
    a.answered(Operation.MAP, Errno.OK, table(1));

    assertThat(a.effects()).containsExactly(new Effect.StartEngine(table(1)));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
    assertThat(a.state.pinned()).isEqualTo(kind.pins());
  }

  @ParameterizedTest
  @EnumSource(
      value = ImporterKind.class,
      names = {"GPU_DYNAMIC", "RDMA_PINNED_REVOCABLE"})
  void saysThatItsCallbackReturnedBeforeItsEngineStops(ImporterKind kind) {
    AttachmentDriver a = attachment(kind).to(Phase.LIVE).invalidated(4);

    assertThat(a.effects())
        .containsExactly(new Effect.StopEngine(), new Effect.Progress(4, true, false, false));
    assertThat(a.engineStopped().effects()).contains(new Effect.Progress(4, true, true, true));
  }

  @Test
  void iommufdReturnsFromItsCallbackOnlyWhenItHasUnmapped() {
    AttachmentDriver a = attachment(ImporterKind.IOMMUFD).to(Phase.LIVE).invalidated(4);
    assertThat(a.effects()).containsExactly(new Effect.StopEngine());

    assertThat(a.engineStopped().effects())
        .containsExactly(new Effect.Progress(4, true, true, true));
  }

  @ParameterizedTest
  @EnumSource(
      value = ImporterKind.class,
      names = {"GPU_DYNAMIC", "IOMMUFD"})
  void mapsAgainAtItsNextUseUnderTheSameAttachment(ImporterKind kind) {
    AttachmentDriver a = attachment(kind).to(Phase.LIVE);
    int id = a.state.id();
    a.invalidated(1).engineStopped();
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);

    assertThat(a.due().asked().operation()).isEqualTo(Operation.MAP);
    a.answered(Operation.MAP, Errno.OK, table(2));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
    assertThat(a.state.id()).isEqualTo(id);
    assertThat(a.state.pinned()).isEqualTo(kind.pins());
  }

  @Test
  void aPermanentInvalidationUnpinsDetachesAndAttachesAnewUnderANewCookie() {
    AttachmentDriver a = attachment(ImporterKind.RDMA_PINNED_REVOCABLE).to(Phase.LIVE);
    int cookie = a.state.cookie();

    a.invalidated(1).engineStopped();
    assertThat(a.asked().operation()).isEqualTo(Operation.UNPIN);
    assertThat(a.answered(Operation.UNPIN, Errno.OK).asked().operation())
        .isEqualTo(Operation.DETACH);
    a.answered(Operation.DETACH, Errno.OK).due();

    assertThat(a.effects()).containsExactly(new Effect.Attach(a.state.cookie()));
    assertThat(a.state.cookie()).isNotEqualTo(cookie);
    assertThat(a.to(Phase.LIVE).state.id()).isNotEqualTo(50);
  }

  @Test
  void triesAMapThatWasRefusedLessAndLessOftenAndProbesItsOldAddressEachTime() {
    AttachmentDriver a = attachment(ImporterKind.GPU_DYNAMIC).to(Phase.LIVE);
    a.invalidated(1).engineStopped();
    List<Long> waits = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      a.due().answered(Operation.MAP, Errno.ENODEV);
      assertThat(a.effects()).containsExactly(new Effect.Probe(table(1)));
      waits.add(a.state.dueNanos() - a.now);
    }

    assertThat(waits).isSorted();
    assertThat(waits.getFirst()).isPositive().isLessThan(waits.getLast());
    assertThat(waits.get(7)).as("but not ever less often").isEqualTo(waits.get(6));
    a.due().answered(Operation.MAP, Errno.OK, table(2));
    a.invalidated(2).engineStopped().due().answered(Operation.MAP, Errno.ENODEV);
    assertThat(a.effects()).containsExactly(new Effect.Probe(table(2)));
    assertThat(a.state.dueNanos() - a.now).isEqualTo(waits.getFirst());
  }

  /** An attachment in that phase. */
  private static AttachmentDriver in(Phase phase) {
    return switch (phase) {
      case WAITING -> attachment(ImporterKind.GPU_DYNAMIC).to(phase);
      case UNMAPPING ->
          attachment(ImporterKind.GPU_DYNAMIC).to(Phase.LIVE).ending().engineStopped();
      case REFUSED ->
          attachment(ImporterKind.GPU_DYNAMIC).due().attachAnswered(Errno.EOPNOTSUPP, 0);
      case DONE -> attachment(ImporterKind.GPU_DYNAMIC).due().happens(new Event.ExporterGone());
      case IDLE, ATTACHING, PINNING, MAPPING, LIVE, STOPPING, UNPINNING, DETACHING ->
          attachment(ImporterKind.RDMA_PINNED_REVOCABLE).to(phase);
    };
  }

  @ParameterizedTest
  @EnumSource(Phase.class)
  void anInvalidationIsAnsweredInEveryPhaseAndAgainWhenItComesAgain(Phase phase) {
    AttachmentDriver a = in(phase);
    assertThat(a.state.phase()).isEqualTo(phase);
    a.invalidated(7);
    List<Effect> first = a.effects();
    if (phase == Phase.LIVE || phase == Phase.STOPPING) {
      assertThat(a.invalidated(7).effects()).as("it is at it already").isEmpty();
      first = a.engineStopped().effects();
    } else {
      assertThat(a.invalidated(7).effects()).isEqualTo(first);
    }

    assertThat(first).contains(new Effect.Progress(7, true, true, true));
    assertThat(a.invalidated(6).effects()).as("of an epoch that is past").isEmpty();
  }

  @Test
  void anEngineThatSaysTwiceThatItStoppedIsBelievedOnce() {
    AttachmentDriver a = attachment(ImporterKind.GPU_DYNAMIC).to(Phase.LIVE);
    a.invalidated(1).engineStopped();

    assertThat(a.engineStopped().effects()).isEmpty();
  }

  @Test
  void whatIsNotAnsweredIsAskedAgainUnderTheSameNumber() {
    AttachmentDriver a = attachment(ImporterKind.RDMA_PINNED_REVOCABLE).due();
    Effect attach = a.effects().getFirst();
    assertThat(a.due().effects()).containsExactly(attach);
    for (Phase phase : List.of(Phase.PINNING, Phase.MAPPING, Phase.UNPINNING, Phase.DETACHING)) {
      a.to(phase);
      Effect.Ask asked = a.asked();
      long call = a.state.call();
      assertThat(a.due().effects()).containsExactly(new Effect.Ask(asked.operation(), call));
      assertThat(a.due().effects()).containsExactly(new Effect.Ask(asked.operation(), call));
    }
  }

  static Stream<Arguments> refusals() {
    return Stream.of(Errno.EOPNOTSUPP, Errno.EBUSY, Errno.EINVAL, Errno.ENOMEM).map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void anAttachRefusedForGoodIsNotTriedAgain(Errno errno) {
    AttachmentDriver a = attachment(ImporterKind.GPU_DYNAMIC).due().attachAnswered(errno, 0);

    assertThat(a.state.phase()).isEqualTo(Phase.REFUSED);
    assertThat(a.state.settled()).isTrue();
    assertThat(a.due().effects()).isEmpty();
  }

  @Test
  void anAttachRefusedBecauseOfARevokeIsTriedAgainLaterUnderANewCookie() {
    AttachmentDriver a = attachment(ImporterKind.GPU_DYNAMIC).due();
    int cookie = a.state.cookie();
    a.attachAnswered(Errno.ENODEV, 0);
    assertThat(a.state.dueNanos()).isGreaterThan(a.now);

    a.due();
    assertThat(a.effects()).containsExactly(new Effect.Attach(a.state.cookie()));
    assertThat(a.state.cookie()).isNotEqualTo(cookie);
  }

  @ParameterizedTest
  @EnumSource(ImporterKind.class)
  void aMapThatWillNeverSucceedIsGivenUpAndEverythingGivenBack(ImporterKind kind) {
    AttachmentDriver a = attachment(kind).to(Phase.MAPPING).answered(Operation.MAP, Errno.EINVAL);
    if (kind.pins()) {
      assertThat(a.asked().operation()).isEqualTo(Operation.UNPIN);
      a.answered(Operation.UNPIN, Errno.OK);
    }
    assertThat(a.asked().operation()).isEqualTo(Operation.DETACH);

    assertThat(a.answered(Operation.DETACH, Errno.OK).state.phase()).isEqualTo(Phase.REFUSED);
  }

  @Test
  void aDetachThatIsNotLegalYetIsAskedLaterAsANewCall() {
    AttachmentDriver a = attachment(ImporterKind.RDMA_PINNED_REVOCABLE).to(Phase.DETACHING);
    long call = a.state.call();
    a.answered(Operation.DETACH, Errno.EINVAL);
    assertThat(a.effects()).isEmpty();
    assertThat(a.state.dueNanos()).isGreaterThan(a.now);

    a.due();
    assertThat(a.asked().operation()).isEqualTo(Operation.DETACH);
    assertThat(a.asked().call()).isNotEqualTo(call);
  }

  static Stream<Arguments> kindsAndPhases() {
    List<Arguments> all = new ArrayList<>();
    for (ImporterKind kind : ImporterKind.values()) {
      for (Phase phase :
          List.of(Phase.IDLE, Phase.ATTACHING, Phase.MAPPING, Phase.LIVE, Phase.STOPPING)) {
        all.add(Arguments.of(kind, phase));
      }
      if (kind.pins()) {
        all.add(Arguments.of(kind, Phase.PINNING));
      }
      all.addAll(
          kind.invalidationIsPermanent()
              ? List.of(Arguments.of(kind, Phase.UNPINNING), Arguments.of(kind, Phase.DETACHING))
              : List.of(Arguments.of(kind, Phase.WAITING)));
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("kindsAndPhases")
  void endingFromAnyPhaseGivesEverythingBack(ImporterKind kind, Phase phase) {
    AttachmentDriver a = attachment(kind).to(phase);
    boolean mapped = phase == Phase.LIVE || phase == Phase.STOPPING;
    boolean pinned = a.state.pinned() && phase != Phase.UNPINNING;
    // What the exporter may still say yes to, it does.
    boolean willBeMapped = mapped || phase == Phase.MAPPING;
    boolean willBePinned = pinned || phase == Phase.PINNING;
    List<Operation> asked = new ArrayList<>();

    a.ending();
    for (int i = 0; a.state.phase() != Phase.DONE; i++) {
      assertThat(i).as("steps to the end, now %s", a.state).isLessThan(10);
      a.effects().stream()
          .filter(Effect.Ask.class::isInstance)
          .forEach(e -> asked.add(((Effect.Ask) e).operation()));
      switch (a.state.phase()) {
        case ATTACHING -> a.attachAnswered(Errno.OK, 50);
        case PINNING -> a.answered(Operation.PIN, Errno.OK);
        case MAPPING -> a.answered(Operation.MAP, Errno.OK, table(1));
        case STOPPING -> a.engineStopped();
        case UNMAPPING -> a.answered(Operation.UNMAP, Errno.OK);
        case UNPINNING -> a.answered(Operation.UNPIN, Errno.OK);
        case DETACHING -> a.answered(Operation.DETACH, Errno.OK);
        case IDLE, LIVE, WAITING, REFUSED, DONE ->
            throw new AssertionError("at its end it is " + a.state);
      }
    }

    List<Operation> expected = new ArrayList<>();
    if (willBeMapped) {
      expected.add(Operation.UNMAP);
    }
    if (willBePinned) {
      expected.add(Operation.UNPIN);
    }
    if (phase != Phase.IDLE && phase != Phase.DETACHING) {
      expected.add(Operation.DETACH);
    }
    assertThat(asked).isEqualTo(expected);
    assertThat(a.due().effects()).as("nothing more").isEmpty();
  }

  @Test
  void endingWhenTheMapIsRefusedGivesBackThePinAndTheAttachment() {
    AttachmentDriver a = attachment(ImporterKind.IOMMUFD).to(Phase.MAPPING).ending();

    assertThat(a.answered(Operation.MAP, Errno.ENODEV).asked().operation())
        .isEqualTo(Operation.UNPIN);
  }

  @Test
  void endingDuringARevokeStillSaysThatItsFenceSignalled() {
    AttachmentDriver a = attachment(ImporterKind.GPU_DYNAMIC).to(Phase.LIVE).invalidated(3);
    a.ending().engineStopped();

    assertThat(a.effects()).contains(new Effect.Progress(3, true, true, false));
    assertThat(a.asked().operation()).isEqualTo(Operation.UNMAP);
  }

  @ParameterizedTest
  @EnumSource(ImporterKind.class)
  void anExporterThatIsGoneEndsEverythingAtOnce(ImporterKind kind) {
    AttachmentDriver a = attachment(kind).to(Phase.LIVE).happens(new Event.ExporterGone());

    assertThat(a.effects()).containsExactly(new Effect.StopEngine());
    assertThat(a.state.phase()).isEqualTo(Phase.DONE);
    assertThat(a.due().effects()).isEmpty();
  }
}
