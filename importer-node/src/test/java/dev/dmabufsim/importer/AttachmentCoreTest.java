package dev.dmabufsim.importer;

import static dev.dmabufsim.importer.AttachmentDriver.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Deviations;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.importer.AttachmentEffect.Fence;
import dev.dmabufsim.importer.AttachmentEffect.Progress;
import dev.dmabufsim.importer.AttachmentEffect.ReleaseEngine;
import dev.dmabufsim.importer.AttachmentEffect.Signal;
import dev.dmabufsim.importer.AttachmentEffect.StopEngine;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AttachmentCoreTest {
  private static final Duration MILLI = Duration.ofMillis(1);

  private static AttachmentDriver attachment(String kind) {
    return AttachmentDriver.of(kind);
  }

  static Stream<String> kinds() {
    return AttachmentDriver.kinds();
  }

  private static boolean pins(String kind) {
    return AttachmentDriver.driver(kind).offer().pins();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void attachesPinsIfItsKindDoesMapsAndThenDoesDma(String kind) {
    AttachmentDriver a = attachment(kind).due();
    assertThat(a.effects()).containsExactly(new AttachmentEffect.Attach(a.state.cookie()));

    a.attachAnswered(Errno.OK, 50);
    if (pins(kind)) {
      assertThat(a.asked().operation()).isEqualTo(Operation.PIN);
      a.answered(Operation.PIN, Errno.OK);
    }
    assertThat(a.asked().operation())
        .isEqualTo(kind.equals("iommufd") ? Operation.IOMMUFD_MAP : Operation.MAP);
    a.mapAnswered(Errno.OK, table(1));

    assertThat(a.effects()).containsExactly(new AttachmentEffect.StartEngine(table(1)));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
    assertThat(a.state.pinned()).isEqualTo(pins(kind));
  }

  private static Reaction plan(
      int callback, int engineStops, List<PlannedFence> fences, Unmap unmap, int delay) {
    return new Reaction(
        MILLI.multipliedBy(callback),
        MILLI.multipliedBy(engineStops),
        true,
        fences,
        unmap,
        MILLI.multipliedBy(delay),
        Afterwards.MAP_AGAIN,
        Deviations.NONE);
  }

  private static PlannedFence fence(FenceUsage usage, Trigger trigger, int delay) {
    return new PlannedFence(usage, trigger, MILLI.multipliedBy(delay), false);
  }

  private static AttachmentDriver invalidated(Reaction reaction) {
    return AttachmentDriver.reacting(reaction).to(Phase.LIVE).invalidated(4);
  }

  /** What is told when nothing but time goes by. */
  private static Progress at(AttachmentDriver a, long nanos) {
    a.now = nanos;
    return a.happens(new AttachmentEvent.Due(a.newCall(), nanos)).progress();
  }

  @Test
  void aReactionIsPlayedFromTheCallToTheUnmap() {
    AttachmentDriver a =
        invalidated(
            plan(
                1,
                3,
                List.of(
                    fence(FenceUsage.WRITE, Trigger.ENGINE_STOPPED, 0),
                    fence(FenceUsage.BOOKKEEP, Trigger.ENGINE_STOPPED, 2)),
                Unmap.AFTER_FENCES,
                5));
    long called = a.now;
    assertThat(a.effects()).as("the callback goes on").isEmpty();
    assertThat(a.state.dueNanos()).isEqualTo(called + 1_000_000);

    assertThat(a.due().progress())
        .isEqualTo(
            new Progress(
                4,
                true,
                List.of(new Fence(0, FenceUsage.WRITE), new Fence(1, FenceUsage.BOOKKEEP)),
                List.of(),
                false,
                false));
    assertThat(a.state.dueNanos()).isEqualTo(called + 3_000_000);
    assertThat(a.due().effects()).containsExactly(new StopEngine(true, false));
    assertThat(a.state.dueNanos()).as("the engine must say so").isEqualTo(Long.MAX_VALUE);

    a.now = called + 4_000_000;
    assertThat(a.engineStopped().progress())
        .isEqualTo(
            new Progress(4, false, List.of(), List.of(new Signal(0, Errno.OK)), false, false));
    assertThat(a.state.dueNanos()).isEqualTo(called + 6_000_000);
    assertThat(a.due().progress())
        .isEqualTo(
            new Progress(4, false, List.of(), List.of(new Signal(1, Errno.OK)), true, false));
    assertThat(a.state.dueNanos()).isEqualTo(called + 11_000_000);
    assertThat(a.due().effects()).containsExactly(new ReleaseEngine(0, 0));
    assertThat(a.engineReleased().progress())
        .isEqualTo(new Progress(4, false, List.of(), List.of(), false, true));
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
  }

  @Test
  void aCallbackThatDoesEverythingReturnsWhenItHas() {
    AttachmentDriver a = invalidated(Reaction.inCallback(MILLI, Afterwards.MAP_AGAIN));

    assertThat(a.effects()).isEmpty();
    assertThat(a.due().effects()).containsExactly(new ReleaseEngine(0, 0));
    assertThat(a.engineReleased().effects())
        .containsExactly(new Progress(4, true, List.of(), List.of(), true, true));
  }

  @Test
  void aCallbackWaitsForAnEngineThatStopsLaterThanItself() {
    AttachmentDriver a = invalidated(plan(1, 5, List.of(), Unmap.IN_CALLBACK, 9));
    long called = a.now;

    assertThat(at(a, called + 4_999_999)).isNull();
    at(a, called + 5_000_000);
    assertThat(a.effects()).containsExactly(new ReleaseEngine(0, 0));
  }

  @Test
  void whatIsUnmappedInTheCallbackMayHaveFencesThatAreStillToSignal() {
    AttachmentDriver a =
        invalidated(
            plan(
                1,
                1,
                List.of(fence(FenceUsage.BOOKKEEP, Trigger.ENGINE_STOPPED, 3)),
                Unmap.IN_CALLBACK,
                0));

    assertThat(a.due().engineReleased().progress())
        .isEqualTo(
            new Progress(
                4, true, List.of(new Fence(0, FenceUsage.BOOKKEEP)), List.of(), false, true));
    assertThat(a.state.phase()).isEqualTo(Phase.STOPPING);
    assertThat(a.due().progress().signalled()).containsExactly(new Signal(0, Errno.OK));
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
  }

  @Test
  void aFenceThatLiesSignalsThoughTheEngineGoesOnAndSoDoesTheUnmap() {
    AttachmentDriver a =
        invalidated(
            plan(
                1,
                100,
                List.of(fence(FenceUsage.WRITE, Trigger.INVALIDATED, 0)),
                Unmap.AFTER_FENCES,
                0));

    assertThat(a.due().progress().signalled()).containsExactly(new Signal(0, Errno.OK));
    assertThat(a.effects())
        .as("what it still has in flight goes on through the old translation")
        .contains(new ReleaseEngine(99_000_000, 0));
  }

  @Test
  void aFenceSignalsWithItsErrorAndNoneSignalsBeforeItIsThere() {
    PlannedFence hung = new PlannedFence(FenceUsage.READ, Trigger.INVALIDATED, MILLI, true);
    AttachmentDriver a = invalidated(plan(3, 9, List.of(hung), Unmap.NEVER, 0));
    long called = a.now;

    assertThat(at(a, called + 2_000_000)).isNull();
    Progress returned = at(a, called + 3_000_000);
    assertThat(returned.fences()).containsExactly(new Fence(0, FenceUsage.READ));
    assertThat(returned.signalled()).containsExactly(new Signal(0, Errno.ENODEV));
    assertThat(returned.fenced()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"MAP_AGAIN, WAITING", "REGISTER_ANEW, DETACHING", "STAY_AWAY, AWAY"})
  void afterTheUnmapItDoesWhatItsDriverSays(Afterwards afterwards, Phase phase) {
    AttachmentDriver a = invalidated(Reaction.inCallback(MILLI, afterwards)).playOut();

    assertThat(a.state.phase()).isEqualTo(phase);
    assertThat(a.state.settled()).isEqualTo(afterwards == Afterwards.STAY_AWAY);
    assertThat(a.state.away()).isEqualTo(afterwards == Afterwards.STAY_AWAY);
    assertThat(a.state.never()).isEqualTo(afterwards == Afterwards.STAY_AWAY);
  }

  @Test
  void whoNeverUnmapsDoesNoDmaAnyMoreOnceItIsTold() {
    Reaction honest = Reaction.inCallback(MILLI, Afterwards.MAP_AGAIN);
    Reaction never = Misbehaviour.apply(Behaviour.NEVER_UNMAPS, Duration.ZERO, honest);
    AttachmentDriver a = AttachmentDriver.reacting(never).to(Phase.LIVE);
    assertThat(a.state.never()).isFalse();
    assertThat(a.invalidated(1).state.never()).isTrue();
  }

  @Test
  void whoStaysAwayAnswersTheNextRevokeAndDetachesAtTheEnd() {
    AttachmentDriver a = invalidated(Reaction.inCallback(MILLI, Afterwards.STAY_AWAY)).playOut();

    assertThat(a.due().effects()).isEmpty();
    assertThat(a.invalidated(5).effects()).containsExactly(Progress.nothingMapped(5));
    assertThat(a.ending().asked().operation()).isEqualTo(Operation.DETACH);
  }

  @Test
  void whoIsToldAgainSaysAgainHowFarItIs() {
    AttachmentDriver a =
        invalidated(
            plan(
                1,
                1,
                List.of(
                    fence(FenceUsage.WRITE, Trigger.ENGINE_STOPPED, 0),
                    fence(FenceUsage.BOOKKEEP, Trigger.NEVER, 0)),
                Unmap.AFTER_FENCES,
                0));
    assertThat(a.invalidated(4).effects()).as("its callback has not returned").isEmpty();
    a.due().engineStopped();

    assertThat(a.invalidated(4).effects())
        .containsExactly(
            new Progress(
                4,
                true,
                List.of(new Fence(0, FenceUsage.WRITE), new Fence(1, FenceUsage.BOOKKEEP)),
                List.of(new Signal(0, Errno.OK)),
                false,
                false));
    assertThat(a.invalidated(9).progress().epoch()).as("a newer revoke").isEqualTo(9);
    assertThat(a.invalidated(8).effects()).as("an older one").isEmpty();
  }

  @Test
  void whoIsToldAgainWhenAllIsOverSaysWhichFencesHaveSignalled() {
    AttachmentDriver a =
        invalidated(
                plan(
                    1,
                    1,
                    List.of(fence(FenceUsage.BOOKKEEP, Trigger.ENGINE_STOPPED, 0)),
                    Unmap.AFTER_FENCES,
                    0))
            .playOut();
    Progress all =
        new Progress(
            4,
            true,
            List.of(new Fence(0, FenceUsage.BOOKKEEP)),
            List.of(new Signal(0, Errno.OK)),
            false,
            true);

    assertThat(a.invalidated(4).effects()).as("its answers were lost").containsExactly(all);
    a.to(Phase.LIVE);
    assertThat(a.invalidated(4).effects()).as("a late repetition").containsExactly(all);
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
    a.invalidated(5);
    assertThat(a.state.phase()).as("a newer revoke").isEqualTo(Phase.STOPPING);
  }

  @Test
  void whatWillNeverBeUnmappedDoesNotKeepTheNodeFromEnding() {
    AttachmentDriver a = invalidated(plan(1, 1, List.of(), Unmap.NEVER, 0));
    assertThat(a.state.ended()).isFalse();

    a.ending();
    assertThat(a.state.ended()).isTrue();
    assertThat(a.state.mapped()).isTrue();
  }

  /** Asks without pause, and does that afterwards. */
  private static AttachmentDriver hammering(Afterwards afterwards) {
    Reaction plan = Reaction.inCallback(MILLI, afterwards);
    return invalidated(
            new Reaction(
                plan.callback(),
                plan.engineStops(),
                plan.discardedReads(),
                plan.fences(),
                plan.unmap(),
                plan.unmapDelay(),
                plan.afterwards(),
                new Deviations(false, Duration.ZERO, Duration.ZERO, true)))
        .playOut();
  }

  private static int probes(AttachmentDriver a) {
    return (int) a.effects().stream().filter(AttachmentEffect.Probe.class::isInstance).count();
  }

  @Test
  void aHammeringImporterAsksAgainInTheSameInstant() {
    AttachmentDriver a = hammering(Afterwards.MAP_AGAIN).due();
    int probes = 0;
    for (int i = 0; i < 100; i++) {
      long call = a.asked().call();
      a.mapAnswered(Errno.ENODEV, null);
      assertThat(a.asked().operation()).isEqualTo(Operation.MAP);
      assertThat(a.asked().call()).isNotEqualTo(call);
      probes += probes(a);
    }
    assertThat(probes).isEqualTo(1);

    a.mapAnswered(Errno.OK, table(2));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
  }

  /** More often than 16 bits can count: the invariants look that no cookie comes twice. */
  @Test
  void aHammeringImporterThatRegistersAnewAsksToAttachAgainInTheSameInstant() {
    AttachmentDriver a =
        hammering(Afterwards.REGISTER_ANEW).answered(Operation.DETACH, Errno.OK).due();
    int probes = 0;
    for (int i = 0; i < 70_000; i++) {
      a.attachAnswered(Errno.ENODEV, 0);
      assertThat(a.effects()).contains(new AttachmentEffect.Attach(a.state.cookie()));
      assertThat(AttachmentState.index(a.state.cookie())).isEqualTo(a.state.index());
      assertThat(a.state.dueNanos()).as("but only if it is answered").isGreaterThan(a.now);
      probes += probes(a);
    }
    assertThat(probes).isEqualTo(1);

    a.attachAnswered(Errno.OK, 51);
    for (int i = 0; i < 3; i++) {
      assertThat(a.asked().operation()).isEqualTo(Operation.MAP);
      a.mapAnswered(Errno.ENODEV, null);
    }
    a.mapAnswered(Errno.OK, table(2));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
    assertThat(a.state.hammers()).isFalse();
  }

  @Test
  void aHammeringImporterThatIsToEndAsksNoMoreToAttach() {
    AttachmentDriver a =
        hammering(Afterwards.REGISTER_ANEW).answered(Operation.DETACH, Errno.OK).due();
    a.attachAnswered(Errno.ENODEV, 0).ending().attachAnswered(Errno.ENODEV, 0);

    assertThat(a.effects()).isEmpty();
    assertThat(a.state.phase()).isEqualTo(Phase.DONE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"static", "rdma-pinned"})
  void whoHasNoCallbackIsNotMovedByAnInvalidation(String kind) {
    AttachmentDriver a = attachment(kind).to(Phase.LIVE).invalidated(1);

    assertThat(a.effects()).isEmpty();
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
  }

  @Test
  void aMapDuringAMoveIsTriedAgain() {
    AttachmentDriver a = attachment("gpu-dynamic").to(Phase.MAPPING);

    a.mapAnswered(Errno.EBUSY, null);
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
    assertThat(a.due().asked().operation()).isEqualTo(Operation.MAP);
  }

  @Test
  void anImporterThatMustPinAndMayNotGivesUp() {
    AttachmentDriver a = attachment("rdma-pinned-revocable").to(Phase.PINNING);

    assertThat(a.answered(Operation.PIN, Errno.EOPNOTSUPP).asked().operation())
        .isEqualTo(Operation.DETACH);
    assertThat(a.answered(Operation.DETACH, Errno.OK).state.phase()).isEqualTo(Phase.REFUSED);
  }

  @Test
  void aPinThatIsRefusedForNowIsTriedAgainBeforeTheMap() {
    AttachmentDriver a = attachment("scanout").to(Phase.PINNING);

    a.answered(Operation.PIN, Errno.EBUSY);
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
    assertThat(a.due().asked().operation()).isEqualTo(Operation.PIN);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpu-dynamic", "rdma-odp", "iommufd", "virtio-gpu", "scanout"})
  void mapsAgainAtItsNextUseUnderTheSameAttachment(String kind) {
    AttachmentDriver a = attachment(kind).to(Phase.LIVE);
    int id = a.state.id();
    a.invalidated(1).playOut();
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);

    assertThat(a.due().asked().operation()).isEqualTo(a.mapOperation());
    a.mapAnswered(Errno.OK, table(2));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
    assertThat(a.state.id()).isEqualTo(id);
    assertThat(a.state.pinned()).isEqualTo(pins(kind));
  }

  @Test
  void aPermanentInvalidationUnpinsDetachesAndAttachesAnewUnderANewCookie() {
    AttachmentDriver a = attachment("rdma-pinned-revocable").to(Phase.LIVE);
    long cookie = a.state.cookie();

    a.invalidated(1).playOut();
    assertThat(a.asked().operation()).isEqualTo(Operation.UNPIN);
    assertThat(a.answered(Operation.UNPIN, Errno.OK).asked().operation())
        .isEqualTo(Operation.DETACH);
    a.answered(Operation.DETACH, Errno.OK).due();

    assertThat(a.effects()).containsExactly(new AttachmentEffect.Attach(a.state.cookie()));
    assertThat(a.state.cookie()).isNotEqualTo(cookie);
    assertThat(a.to(Phase.LIVE).state.id()).isNotEqualTo(50);
  }

  @Test
  void triesAMapThatWasRefusedLessAndLessOftenAndProbesItsOldAddressEachTime() {
    AttachmentDriver a = attachment("gpu-dynamic").to(Phase.LIVE);
    a.invalidated(1).playOut();
    List<Long> waits = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      a.due().mapAnswered(Errno.ENODEV, null);
      assertThat(a.effects()).containsExactly(new AttachmentEffect.Probe(table(1)));
      waits.add(a.state.dueNanos() - a.now);
    }

    assertThat(waits).isSorted();
    assertThat(waits.getFirst()).isPositive().isLessThan(waits.getLast());
    assertThat(waits.get(7)).as("but not ever less often").isEqualTo(waits.get(6));
    a.due().answered(Operation.MAP, Errno.OK, table(2));
    a.invalidated(2).playOut().due().mapAnswered(Errno.ENODEV, null);
    assertThat(a.effects()).containsExactly(new AttachmentEffect.Probe(table(2)));
    assertThat(a.state.dueNanos() - a.now).isEqualTo(waits.getFirst());
  }

  /** An attachment in that phase. */
  private static AttachmentDriver in(Phase phase) {
    return switch (phase) {
      case AWAY ->
          AttachmentDriver.reacting(Reaction.inCallback(MILLI, Afterwards.STAY_AWAY))
              .to(Phase.LIVE)
              .invalidated(1)
              .playOut();
      case WAITING -> attachment("gpu-dynamic").to(phase);
      case UNMAPPING -> attachment("gpu-dynamic").to(Phase.LIVE).ending().engineReleased();
      case REFUSED -> attachment("gpu-dynamic").due().attachAnswered(Errno.EOPNOTSUPP, 0);
      case DONE -> attachment("gpu-dynamic").due().happens(new AttachmentEvent.ExporterGone());
      case IDLE, ATTACHING, PINNING, MAPPING, LIVE, FAULTED, STOPPING, UNPINNING, DETACHING ->
          attachment("rdma-pinned-revocable").to(phase);
    };
  }

  @ParameterizedTest
  @EnumSource(Phase.class)
  void anInvalidationIsAnsweredInEveryPhaseAndAgainWhenItComesAgain(Phase phase) {
    AttachmentDriver a = in(phase);
    assertThat(a.state.phase()).isEqualTo(phase);
    a.invalidated(7);
    if (phase == Phase.LIVE || phase == Phase.FAULTED || phase == Phase.STOPPING) {
      Progress last = null;
      while (a.state.phase() == Phase.STOPPING) {
        a.playOn();
        last = a.progress() == null ? last : a.progress();
      }
      assertThat(last.unmapped()).isTrue();
      assertThat(last.epoch()).isEqualTo(7);
    } else {
      assertThat(a.effects()).containsExactly(Progress.nothingMapped(7));
      assertThat(a.invalidated(7).effects()).containsExactly(Progress.nothingMapped(7));
    }
    assertThat(a.invalidated(6).effects()).as("of an epoch that is past").isEmpty();
  }

  /**
   * Whoever maps at an epoch was let to by its exporter: what is told of that one again is past.
   */
  @Test
  void anInvalidationThatIsHeardAgainWhenItHasMappedSinceStopsNothing() {
    AttachmentDriver a = in(Phase.WAITING).invalidated(7).due();
    a.answered(Operation.MAP, Errno.OK, table(1));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);

    assertThat(a.invalidated(7).effects())
        .as("its callback returns, and what is mapped now is not unmapped")
        .containsExactly(new Progress(7, true, List.of(), List.of(), false, false));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
  }

  /** What the explorer had found: the answer came behind the invalidation, and DMA began. */
  @Test
  void aMapThatAnInvalidationHasOvertakenIsGivenBackAndNotUsed() {
    AttachmentDriver a = in(Phase.MAPPING);
    assertThat(a.invalidated(7).effects()).containsExactly(Progress.nothingMapped(7));
    assertThat(a.state.phase()).isEqualTo(Phase.MAPPING);

    a.answered(Operation.MAP, Errno.OK, table(1));
    assertThat(a.effects())
        .containsExactly(new AttachmentEffect.Ask(Operation.UNMAP, a.state.call()));
    assertThat(a.state.phase()).isEqualTo(Phase.UNMAPPING);
  }

  @Test
  void aMapThatIsRefusedBecauseOfTheInvalidationIsAskedForAgainAsEver() {
    AttachmentDriver a = in(Phase.MAPPING).invalidated(7);
    a.answered(Operation.MAP, Errno.ENODEV, null);
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
    a.due().answered(Operation.MAP, Errno.OK, table(1));
    assertThat(a.state.phase()).isEqualTo(Phase.LIVE);
  }

  @Test
  void anEngineThatSaysTwiceThatItStoppedIsBelievedOnce() {
    AttachmentDriver a =
        invalidated(
            plan(
                0,
                0,
                List.of(fence(FenceUsage.WRITE, Trigger.ENGINE_STOPPED, 0)),
                Unmap.AFTER_FENCES,
                1));

    assertThat(a.engineStopped().progress().signalled()).hasSize(1);
    assertThat(a.engineStopped().effects()).isEmpty();
    assertThat(a.due().engineReleased().progress().unmapped()).isTrue();
    assertThat(a.engineReleased().effects()).isEmpty();
  }

  @Test
  void anEngineThatSaysUnaskedThatItStoppedIsNotBelieved() {
    AttachmentDriver a =
        invalidated(
            plan(
                0,
                5,
                List.of(fence(FenceUsage.WRITE, Trigger.ENGINE_STOPPED, 0)),
                Unmap.AFTER_FENCES,
                1));

    assertThat(a.engineStopped().effects()).isEmpty();
    assertThat(a.engineReleased().effects()).isEmpty();
  }

  @Test
  void whatIsNotAnsweredIsAskedAgainUnderTheSameNumber() {
    AttachmentDriver a = attachment("rdma-pinned-revocable").due();
    AttachmentEffect attach = a.effects().getFirst();
    assertThat(a.due().effects()).containsExactly(attach);
    for (Phase phase : List.of(Phase.PINNING, Phase.MAPPING, Phase.UNPINNING, Phase.DETACHING)) {
      a.to(phase);
      AttachmentEffect.Ask asked = a.asked();
      long call = a.state.call();
      assertThat(a.due().effects())
          .containsExactly(new AttachmentEffect.Ask(asked.operation(), call));
      assertThat(a.due().effects())
          .containsExactly(new AttachmentEffect.Ask(asked.operation(), call));
    }
  }

  static Stream<Arguments> refusals() {
    return Stream.of(Errno.EOPNOTSUPP, Errno.EBUSY, Errno.EINVAL, Errno.ENOMEM).map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void anAttachRefusedForGoodIsNotTriedAgain(Errno errno) {
    AttachmentDriver a = attachment("gpu-dynamic").due().attachAnswered(errno, 0);

    assertThat(a.state.phase()).isEqualTo(Phase.REFUSED);
    assertThat(a.state.settled()).isTrue();
    assertThat(a.due().effects()).isEmpty();
  }

  @Test
  void anAttachRefusedBecauseOfARevokeIsTriedAgainLaterUnderANewCookie() {
    AttachmentDriver a = attachment("gpu-dynamic").due();
    long cookie = a.state.cookie();
    a.attachAnswered(Errno.ENODEV, 0);
    assertThat(a.effects()).as("not at once").isEmpty();
    assertThat(a.state.dueNanos()).isGreaterThan(a.now);

    a.due();
    assertThat(a.effects()).containsExactly(new AttachmentEffect.Attach(a.state.cookie()));
    assertThat(a.state.cookie()).isNotEqualTo(cookie);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aMapThatWillNeverSucceedIsGivenUpAndEverythingGivenBack(String kind) {
    AttachmentDriver a = attachment(kind).to(Phase.MAPPING).mapAnswered(Errno.EINVAL, null);
    if (pins(kind)) {
      assertThat(a.asked().operation()).isEqualTo(Operation.UNPIN);
      a.answered(Operation.UNPIN, Errno.OK);
    }
    assertThat(a.asked().operation()).isEqualTo(Operation.DETACH);

    assertThat(a.answered(Operation.DETACH, Errno.OK).state.phase()).isEqualTo(Phase.REFUSED);
  }

  @Test
  void aDetachThatIsNotLegalYetIsAskedLaterAsANewCall() {
    AttachmentDriver a = attachment("rdma-pinned-revocable").to(Phase.DETACHING);
    long call = a.state.call();
    a.answered(Operation.DETACH, Errno.EINVAL);
    assertThat(a.effects()).as("nobody may ask for the unmap, and it may be lost").hasSize(1);
    assertThat(Objects.requireNonNull(a.progress()).unmapped()).isTrue();
    assertThat(a.state.dueNanos()).isGreaterThan(a.now);

    a.due();
    assertThat(a.asked().operation()).isEqualTo(Operation.DETACH);
    assertThat(a.asked().call()).isNotEqualTo(call);
  }

  @Test
  void aMapThatIsNotLegalSinceTheUnmapWasLostIsTriedAgainAndTheUnmapToldAgain() {
    AttachmentDriver a = attachment("virtio-gpu").to(Phase.LIVE).invalidated(3).playOut().due();
    assertThat(a.asked().operation()).isEqualTo(Operation.MAP);
    a.answered(Operation.MAP, Errno.EINVAL);
    assertThat(Objects.requireNonNull(a.progress()).unmapped()).isTrue();
    assertThat(a.progress().epoch()).isEqualTo(3);
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
    assertThat(a.to(Phase.LIVE).invalidated(4).playOut().state.phase()).isEqualTo(Phase.WAITING);
  }

  @Test
  void aMapThatWasNeverLegalIsNotTriedAgain() {
    AttachmentDriver a = attachment("virtio-gpu").to(Phase.MAPPING);
    a.answered(Operation.MAP, Errno.EINVAL);
    assertThat(a.progress()).isNull();
    assertThat(a.state.phase()).isEqualTo(Phase.DETACHING);
  }

  static Stream<Arguments> kindsAndPhases() {
    List<Arguments> all = new ArrayList<>();
    AttachmentDriver.kinds()
        .forEach(kind -> {
          List<Phase> phases =
              new ArrayList<>(List.of(Phase.IDLE, Phase.ATTACHING, Phase.MAPPING, Phase.LIVE));
          if (pins(kind)) {
            phases.add(Phase.PINNING);
          }
          if (AttachmentDriver.driver(kind).offer().revocable()) {
            phases.add(Phase.STOPPING);
            phases.addAll(
                kind.equals("rdma-pinned-revocable")
                    ? List.of(Phase.UNPINNING, Phase.DETACHING)
                    : List.of(Phase.WAITING));
          }
          phases.forEach(phase -> all.add(Arguments.of(kind, phase)));
        });
    return all.stream();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"gpu-dynamic", "rdma-odp", "rdma-pinned", "rdma-pinned-revocable", "iommufd"})
  void whoseDmaFailedAndWhoIsNotToldWhyUnmapsDetachesAndAttachesAnew(String kind) {
    AttachmentDriver a = attachment(kind).to(Phase.LIVE).engineFailed();
    assertThat(a.effects()).isEmpty();
    assertThat(a.state.phase()).isEqualTo(Phase.FAULTED);
    int attempt = a.state.attempt();

    assertThat(a.due().effects()).containsExactly(new ReleaseEngine(0, 0));
    a.engineReleased();
    assertThat(a.state.phase()).isEqualTo(Phase.UNMAPPING);
    // The exporter has taken the mapping away long ago.
    a.answered(Operation.UNMAP, Errno.EINVAL);
    if (a.state.phase() == Phase.UNPINNING) {
      a.answered(Operation.UNPIN, Errno.OK);
    }
    a.answered(Operation.DETACH, Errno.OK);
    a.to(Phase.LIVE);
    assertThat(a.state.attempt()).isEqualTo(attempt + 1);
  }

  @Test
  void whoseDmaFailedAndWhoIsToldWhyReactsAsEver() {
    AttachmentDriver a = attachment("gpu-dynamic").to(Phase.LIVE).engineFailed().invalidated(1);
    assertThat(a.state.phase()).isEqualTo(Phase.STOPPING);
    assertThat(a.state.timeline()).isNotNull();
  }

  @Test
  void aFailureOfWhatIsNotLiveAnyMoreIsNoNews() {
    AttachmentDriver a = attachment("gpu-dynamic").to(Phase.WAITING).engineFailed();
    assertThat(a.state.phase()).isEqualTo(Phase.WAITING);
  }

  @ParameterizedTest
  @MethodSource("kindsAndPhases")
  void endingFromAnyPhaseGivesEverythingBack(String kind, Phase phase) {
    AttachmentDriver a = attachment(kind).to(phase);
    boolean mapped = phase == Phase.LIVE;
    boolean pinned = a.state.pinned() && phase != Phase.UNPINNING;
    // What the exporter may still say yes to, it does.
    boolean willBeMapped = mapped || phase == Phase.MAPPING;
    boolean willBePinned = pinned || phase == Phase.PINNING;
    List<Operation> asked = new ArrayList<>();

    a.ending();
    for (int i = 0; a.state.phase() != Phase.DONE; i++) {
      assertThat(i).as("steps to the end, now %s", a.state).isLessThan(10);
      a.effects().stream()
          .filter(AttachmentEffect.Ask.class::isInstance)
          .forEach(e -> asked.add(((AttachmentEffect.Ask) e).operation()));
      switch (a.state.phase()) {
        case ATTACHING -> a.attachAnswered(Errno.OK, 50);
        case PINNING -> a.answered(Operation.PIN, Errno.OK);
        case MAPPING -> a.mapAnswered(Errno.OK, table(1));
        case STOPPING -> {
          if (phase == Phase.LIVE) {
            a.engineReleased();
          } else {
            a.playOn();
          }
        }
        case UNMAPPING -> a.answered(Operation.UNMAP, Errno.OK);
        case UNPINNING -> a.answered(Operation.UNPIN, Errno.OK);
        case DETACHING -> a.answered(Operation.DETACH, Errno.OK);
        case IDLE, LIVE, FAULTED, WAITING, AWAY, REFUSED, DONE ->
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
    AttachmentDriver a = attachment("iommufd").to(Phase.MAPPING).ending();

    assertThat(a.mapAnswered(Errno.ENODEV, null).asked().operation()).isEqualTo(Operation.UNPIN);
  }

  @Test
  void endingDuringARevokePlaysItOutAndThenGivesBack() {
    AttachmentDriver a = attachment("gpu-dynamic").to(Phase.LIVE).invalidated(3).ending();
    assertThat(a.effects()).isEmpty();

    assertThat(a.playOut().progress().unmapped()).isTrue();
    assertThat(a.asked().operation()).isEqualTo(Operation.DETACH);
  }

  @Test
  void aRevokeWhileItEndsIsAnsweredWhenTheEngineHasLetGo() {
    AttachmentDriver a = attachment("gpu-dynamic").to(Phase.LIVE).ending().invalidated(3);
    assertThat(a.effects()).isEmpty();

    assertThat(a.engineReleased().progress().returned()).isTrue();
    assertThat(a.asked().operation()).isEqualTo(Operation.UNMAP);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void anExporterThatIsGoneEndsEverythingAtOnce(String kind) {
    AttachmentDriver a =
        attachment(kind).to(Phase.LIVE).happens(new AttachmentEvent.ExporterGone());

    assertThat(a.effects()).containsExactly(new ReleaseEngine(0, 0));
    assertThat(a.state.phase()).isEqualTo(Phase.DONE);
    assertThat(a.due().effects()).isEmpty();
  }
}
