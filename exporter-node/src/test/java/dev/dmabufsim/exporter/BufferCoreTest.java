package dev.dmabufsim.exporter;

import static dev.dmabufsim.common.contract.Errno.EINVAL;
import static dev.dmabufsim.common.contract.Errno.ENODEV;
import static dev.dmabufsim.common.contract.Errno.ENOMEM;
import static dev.dmabufsim.common.contract.Errno.OK;
import static dev.dmabufsim.common.message.Operation.DETACH;
import static dev.dmabufsim.common.message.Operation.MAP;
import static dev.dmabufsim.common.message.Operation.PIN;
import static dev.dmabufsim.common.message.Operation.UNMAP;
import static dev.dmabufsim.common.message.Operation.UNPIN;
import static dev.dmabufsim.exporter.BufferDriver.ASK;
import static dev.dmabufsim.exporter.BufferDriver.BLOCK;
import static dev.dmabufsim.exporter.BufferDriver.PROCESS;
import static dev.dmabufsim.exporter.BufferDriver.RETRY;
import static dev.dmabufsim.exporter.BufferDriver.SEGMENT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferEffect.CloseBuffer;
import dev.dmabufsim.exporter.BufferEffect.Complete;
import dev.dmabufsim.exporter.BufferEffect.Invalidate;
import dev.dmabufsim.exporter.BufferEffect.MapSlots;
import dev.dmabufsim.exporter.BufferEffect.Note;
import dev.dmabufsim.exporter.BufferEffect.Reply;
import dev.dmabufsim.exporter.BufferEffect.Report;
import dev.dmabufsim.exporter.BufferEffect.Sever;
import dev.dmabufsim.exporter.BufferEffect.UnmapSlots;
import dev.dmabufsim.exporter.BufferEffect.WakeAt;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a dma-buf answers and when its revoke is complete: sections 1 and 3 of the contract. */
final class BufferCoreTest {
  private static BufferDriver buffer(Contract contract) {
    return new BufferDriver(contract);
  }

  /** A buffer under a contract for which the test makes no difference. */
  private static BufferDriver buffer() {
    return buffer(Contract.V7);
  }

  @Nested
  final class Operations {
    @ParameterizedTest
    @EnumSource(Contract.class)
    void mapIsAnsweredWithATableWhenTheIommuHasOpenedASlotAndNotBefore(Contract contract) {
      BufferDriver b = buffer(contract).attach(PROCESS, 1, 2).call(MAP, 1, 2);
      assertThat(b.silent()).isTrue();
      int key = PROCESS << 16;
      assertThat(b.effects(MapSlots.class))
          .containsExactly(
              new MapSlots(
                  0,
                  contract.enforced(),
                  List.of(
                      new SlotRequest(1, key, PROCESS, SlotUse.DMA, Span.WHOLE),
                      new SlotRequest(2, key, PROCESS, SlotUse.DMA, Span.WHOLE))));

      b.slotsMapped(1, 2);

      assertThat(b.effects(Reply.class))
          .containsExactly(
              new Reply(
                  PROCESS,
                  b.lastCall(),
                  MAP,
                  List.of(1, 2),
                  List.of(),
                  List.of(b.table(1), b.table(2))));
      assertThat(b.state.mapped()).isEqualTo(2);
    }

    @Test
    void mapIsAnsweredEnomemWhenTheIommuHasNoSlotAndMayBeTriedAgain() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(MAP, 1);
      b.happens(new BufferEvent.SlotsMapped(0, SlotUse.DMA, List.of(), List.of(1)));
      assertThat(b.answer(1)).isEqualTo(ENOMEM);

      assertThat(b.call(MAP, 1).slotsMapped(1).answer(1)).isEqualTo(OK);
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void mapAfterARevokeIsEnodev(Contract contract) {
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).attach(PROCESS, 2).revoke();

      assertThat(b.call(MAP, 1).answer(1)).isEqualTo(ENODEV);
      assertThat(b.call(MAP, 2).answer(2)).isEqualTo(ENODEV);
      assertThat(b.effects(MapSlots.class)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void mapThatARevokeOvertakesIsEnodevAndItsSlotIsGivenBack(Contract contract) {
      BufferDriver b = buffer(contract).attach(PROCESS, 1).call(MAP, 1).revoke();

      assertThat(b.answer(1)).isEqualTo(ENODEV);
      assertThat(b.effects(UnmapSlots.class))
          .containsExactly(new UnmapSlots(List.of(b.mapping(1))));
      // The IOMMU had not heard of the revoke when it answered.
      b.happens(new BufferEvent.SlotsMapped(0, SlotUse.DMA, List.of(b.table(1)), List.of()));
      assertThat(b.effects()).isEmpty();
      assertThat(b.state.mapped()).isZero();
    }

    @Test
    void mapOfWhatIsMappedIsEinvalAndChangesNothing() {
      BufferDriver b = buffer().mapped(PROCESS, 1);

      assertThat(b.call(MAP, 1).answer(1)).isEqualTo(EINVAL);
      assertThat(b.state.mapped()).isEqualTo(1);
      assertThat(b.effects(MapSlots.class)).isEmpty();
    }

    @Test
    void unmapIsAnsweredWhenTheSlotIsClosedAndNotBefore() {
      BufferDriver b = buffer().mapped(PROCESS, 1).call(UNMAP, 1);
      assertThat(b.silent()).isTrue();
      assertThat(b.effects(UnmapSlots.class))
          .containsExactly(new UnmapSlots(List.of(b.mapping(1))));

      assertThat(b.slotsUnmapped(1).answer(1)).isEqualTo(OK);
    }

    @Test
    void unmapOfWhatIsNotMappedIsEinval() {
      BufferDriver b = buffer().attach(PROCESS, 1);
      assertThat(b.call(UNMAP, 1).answer(1)).as("never mapped").isEqualTo(EINVAL);

      b.call(MAP, 1);
      assertThat(b.call(UNMAP, 1).answer(1)).as("not mapped yet").isEqualTo(EINVAL);

      b.slotsMapped(1).call(UNMAP, 1).slotsUnmapped(1);
      assertThat(b.call(UNMAP, 1).answer(1)).as("unmapped already").isEqualTo(EINVAL);
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void unmapAfterARevokeIsLegal(Contract contract) {
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).revoke().call(UNMAP, 1);

      assertThat(b.slotsUnmapped(1).answer(1)).isEqualTo(OK);
    }

    @Test
    void detachOfWhatIsMappedIsEinvalAndChangesNothing() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(MAP, 1);
      assertThat(b.call(DETACH, 1).answer(1)).as("while a map is under way").isEqualTo(EINVAL);

      assertThat(b.slotsMapped(1).call(DETACH, 1).answer(1)).as("mapped").isEqualTo(EINVAL);
      assertThat(b.state.mapped()).isEqualTo(1);
    }

    @Test
    void detachAfterUnmapTakesTheAttachmentOffTheList() {
      BufferDriver b = buffer().mapped(PROCESS, 1).call(UNMAP, 1).slotsUnmapped(1);

      assertThat(b.call(DETACH, 1).answer(1)).isEqualTo(OK);
      assertThat(b.state.attachments()).isEmpty();
      assertThat(b.call(MAP, 1).answer(1)).isEqualTo(EINVAL);
    }

    @Test
    void anUnmapWhoseAnswerWasLostIsAnsweredAgainAndIsNotIllegal() {
      BufferDriver b = buffer().mapped(PROCESS, 1).call(UNMAP, 1);
      long call = b.lastCall();
      assertThat(b.call(PROCESS, call, UNMAP, 1).silent()).as("under way").isTrue();
      assertThat(b.slotsUnmapped(1).answer(1)).isEqualTo(OK);

      for (int i = 0; i < 2; i++) {
        assertThat(b.call(PROCESS, call, UNMAP, 1).answer(1)).isEqualTo(OK);
        assertThat(b.noted(HistoryEvent.IllegalCall.class)).isEmpty();
        assertThat(b.noted(HistoryEvent.Operated.class)).as("once").isEmpty();
      }
    }

    @Test
    void aCallIsAnsweredAgainAlsoWhenOthersHaveFollowed() {
      BufferDriver b = buffer().mapped(PROCESS, 1).call(PROCESS, 500, UNMAP, 1).slotsUnmapped(1);
      b.call(PROCESS, 501, PIN, 1).call(PROCESS, 502, UNPIN, 1);

      assertThat(b.call(PROCESS, 500, UNMAP, 1).answer(1)).isEqualTo(OK);
      assertThat(b.noted(HistoryEvent.IllegalCall.class)).isEmpty();
      assertThat(b.call(PROCESS, 501, PIN, 1).answer(1)).isEqualTo(OK);
      assertThat(b.state.pins()).as("pinned once and unpinned").isZero();
      assertThat(b.call(PROCESS, 503, UNMAP, 1).answer(1)).as("a second unmap").isEqualTo(EINVAL);
      assertThat(b.noted(HistoryEvent.IllegalCall.class)).hasSize(1);
    }

    @Test
    void detachAskedAgainIsAnsweredAgainThoughTheAttachmentIsGone() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(DETACH, 1);

      assertThat(b.call(PROCESS, b.lastCall(), DETACH, 1).answer(1)).isEqualTo(OK);
    }

    @Test
    void aSlotThatIsStillClosingWhenItsAttachmentDetachesIsAskedForUntilItIsClosed() {
      BufferDriver b = buffer().mapped(PROCESS, 1).call(UNMAP, 1).call(DETACH, 1);
      assertThat(b.state.attachments()).isEmpty();

      b.after(RETRY);
      assertThat(b.effects(UnmapSlots.class))
          .containsExactly(new UnmapSlots(List.of(b.mapping(1))));
      b.slotsUnmapped(1);
      assertThat(b.silent()).isTrue();
      assertThat(b.after(RETRY).effects()).isEmpty();
    }

    @Test
    void unpinWithoutPinIsEinval() {
      BufferDriver b = buffer().attach(PROCESS, 1);
      assertThat(b.call(UNPIN, 1).answer(1)).isEqualTo(EINVAL);

      b.call(PIN, 1).call(PIN, 1);
      assertThat(b.state.pins()).isEqualTo(2);
      assertThat(b.call(UNPIN, 1).answer(1)).isEqualTo(OK);
      assertThat(b.call(UNPIN, 1).answer(1)).isEqualTo(OK);
      assertThat(b.call(UNPIN, 1).answer(1)).isEqualTo(EINVAL);
      assertThat(b.state.pins()).isZero();
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void pinAndUnpinSucceedAfterARevokeToo(Contract contract) {
      BufferDriver b = buffer(contract).attach(PROCESS, 1).revoke();

      assertThat(b.call(PIN, 1).answer(1)).isEqualTo(OK);
      assertThat(b.call(UNPIN, 1).answer(1)).isEqualTo(OK);
    }

    @ParameterizedTest
    @EnumSource(dev.dmabufsim.common.message.Operation.class)
    void aCallForAnothersAttachmentIsEinval(dev.dmabufsim.common.message.Operation operation) {
      BufferDriver b = buffer().mapped(PROCESS, 1);
      BufferState before = b.state;

      assertThat(b.call(PROCESS + 1, 5, operation, 1).answer(1)).isEqualTo(EINVAL);
      assertThat(b.state).isEqualTo(before);
    }

    @Test
    void oneCallForManyIsAnsweredForEachByItself() {
      BufferDriver b = buffer().mapped(PROCESS, 1).attach(PROCESS, 2).call(MAP, 1, 2, 99);

      assertThat(b.answer(1)).isEqualTo(EINVAL);
      assertThat(b.answer(99)).isEqualTo(EINVAL);
      assertThat(b.effects(Note.class))
          .extracting(Note::event)
          .contains(new HistoryEvent.IllegalCall(MAP, BufferDriver.BUFFER, List.of(1, 99)));
      assertThat(b.slotsMapped(2).answer(2)).isEqualTo(OK);
    }
  }

  @Nested
  final class RepeatedCalls {
    @Test
    void pinRepeatedUnderItsNumberPinsOnce() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(PIN, 1);

      assertThat(b.call(PROCESS, b.lastCall(), PIN, 1).answer(1)).isEqualTo(OK);
      assertThat(b.state.pins()).isEqualTo(1);
    }

    @Test
    void unpinRepeatedUnderItsNumberUnpinsOnce() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(PIN, 1).call(PIN, 1).call(UNPIN, 1);

      assertThat(b.call(PROCESS, b.lastCall(), UNPIN, 1).answer(1)).isEqualTo(OK);
      assertThat(b.state.pins()).isEqualTo(1);
    }

    @Test
    void mapRepeatedUnderItsNumberIsAnsweredWithTheSameTable() {
      BufferDriver b = buffer().mapped(PROCESS, 1);
      b.call(PROCESS, b.lastCall(), MAP, 1);

      assertThat(b.effects())
          .containsExactly(
              new Reply(PROCESS, b.lastCall(), MAP, List.of(1), List.of(), List.of(b.table(1))));
    }

    @Test
    void mapRepeatedWhileTheIommuIsAskedIsAnsweredOnce() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(MAP, 1);
      assertThat(b.call(PROCESS, b.lastCall(), MAP, 1).silent()).isTrue();

      assertThat(b.slotsMapped(1).answer(1)).isEqualTo(OK);
      assertThat(b.slotsMapped(1).silent()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void mapRepeatedAfterARevokeIsEnodevThoughItHadSucceeded(Contract contract) {
      // Its answer was lost, or the importer would not ask; it must not begin DMA now.
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).revoke();

      assertThat(b.call(PROCESS, b.lastCall(), MAP, 1).answer(1)).isEqualTo(ENODEV);
    }

    @Test
    void aCallThatFailedFailsAlikeWhenItIsRepeated() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(UNPIN, 1);
      long illegal = b.lastCall();
      assertThat(b.call(PROCESS, illegal, UNPIN, 1).answer(1)).isEqualTo(EINVAL);

      BufferDriver full = buffer().attach(PROCESS, 1).call(MAP, 1);
      full.happens(new BufferEvent.SlotsMapped(0, SlotUse.DMA, List.of(), List.of(1)));
      assertThat(full.call(PROCESS, full.lastCall(), MAP, 1).answer(1)).isEqualTo(ENOMEM);
    }

    @Test
    void unmapRepeatedUnderItsNumberIsAnsweredAgain() {
      BufferDriver b = buffer().mapped(PROCESS, 1).call(UNMAP, 1).slotsUnmapped(1);

      assertThat(b.call(PROCESS, b.lastCall(), UNMAP, 1).answer(1)).isEqualTo(OK);
    }
  }

  @Nested
  final class Invalidation {
    @ParameterizedTest
    @EnumSource(Contract.class)
    void isAskedOfEveryAttachmentOneMessageForEachProcess(Contract contract) {
      BufferDriver b = buffer(contract).mapped(4, 1, 3).attach(5, 2).revoke();

      assertThat(b.effects(Invalidate.class))
          .containsExactly(new Invalidate(4, 1, List.of(1, 3)), new Invalidate(5, 1, List.of(2)));
    }

    @ParameterizedTest
    @EnumSource(value = Contract.class, names = "V2", mode = EnumSource.Mode.EXCLUDE)
    void isAskedAgainOfThoseWhoStillOweSomething(Contract contract) {
      BufferDriver b = buffer(contract).mapped(4, 1, 2).mapped(5, 3).revoke();
      b.answered(3).slotsUnmapped(3).returnedWith(FenceUsage.KERNEL, 1);

      assertThat(b.after(RETRY).effects(Invalidate.class))
          .containsExactly(new Invalidate(4, 1, List.of(1, 2)));
    }

    @Test
    void attachmentsThatCameAfterTheRevokeAreNotToldAndTheirMapProtects() {
      // Attach races revoke: negotiated before, on the list after.
      BufferDriver b = buffer().mapped(PROCESS, 1).revoke().attach(PROCESS, 2);

      assertThat(b.after(RETRY).effects(Invalidate.class))
          .containsExactly(new Invalidate(PROCESS, 1, List.of(1)));
      assertThat(b.call(MAP, 2).answer(2)).isEqualTo(ENODEV);
      assertThat(b.answered(1).slotsUnmapped(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void aRevokeOfWhatIsRevokedChangesNothingAndWhoAskedIsTold() {
      BufferDriver b = buffer().mapped(PROCESS, 1).revoke();
      BufferState revoking = b.state;
      assertThat(b.revoke().effects()).isEmpty();
      assertThat(b.state).isEqualTo(revoking);

      b.answered(1).slotsUnmapped(1);
      assertThat(b.effects(Report.class)).containsExactly(new Report(true));
      assertThat(b.revoke().effects()).containsExactly(new Report(true));
      assertThat(b.state.epoch()).isEqualTo(1);
    }

    @Test
    void answersToAnotherEpochCountForNothing() {
      BufferDriver b = buffer().mapped(PROCESS, 1).revoke();
      List<Integer> one = List.of(1);

      for (long epoch : new long[] {0, 2, -1, Long.MAX_VALUE}) {
        assertThat(b.progress(epoch, one, one).effects()).isEmpty();
        assertThat(b.noted(HistoryEvent.Dropped.class)).hasSize(1);
      }
      assertThat(b.answered(1).slotsUnmapped(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void aBufferWithoutAttachmentsIsRevokedAtOnce() {
      assertThat(buffer(Contract.V2).revoke().completed()).isEqualTo(RevokeOutcome.ASSUMED);
      assertThat(buffer(Contract.V7).revoke().completed()).isEqualTo(RevokeOutcome.ACKED);
      assertThat(buffer(Contract.ENFORCED).revoke().effects(CloseBuffer.class)).hasSize(1);
    }
  }

  @Nested
  final class Waits {
    @Test
    void v2WaitsForCallbacksToReturnAndForNothingElse() {
      BufferDriver b = buffer(Contract.V2).mapped(4, 1).mapped(5, 2).revoke();
      assertThat(b.returnedWith(FenceUsage.KERNEL, 1).effects(Complete.class)).isEmpty();

      assertThat(b.returned(2).completed()).isEqualTo(RevokeOutcome.ASSUMED);
    }

    @Test
    void v3WaitsForKernelFencesAndMissesAllOthers() {
      BufferDriver b = buffer(Contract.V3).mapped(PROCESS, 1, 2, 3, 4).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1).returnedWith(FenceUsage.READ, 2);
      b.returnedWith(FenceUsage.WRITE, 3);
      assertThat(b.returnedWith(FenceUsage.KERNEL, 4).effects(Complete.class)).isEmpty();

      assertThat(b.signalled(4).completed()).isEqualTo(RevokeOutcome.ASSUMED);
      assertThat(b.state.mapped()).isEqualTo(4);
    }

    @ParameterizedTest
    @EnumSource(FenceUsage.class)
    void v4WaitsForFencesOfEveryUsageAndForNoUnmap(FenceUsage usage) {
      BufferDriver b = buffer(Contract.V4).mapped(PROCESS, 1).revoke();
      assertThat(b.returnedWith(usage, 1).effects(Complete.class)).isEmpty();

      assertThat(b.signalled(1).completed()).isEqualTo(RevokeOutcome.ASSUMED);
      assertThat(b.state.mapped()).isEqualTo(1);
    }

    @Test
    void v5GrantsUnmapsOneSecondFromWhenFencesAreDoneAndThenGoesOn() {
      BufferDriver b = buffer(Contract.V5).mapped(PROCESS, 1).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1);
      b.after(5 * Contract.ONE_SECOND_NANOS);
      assertThat(b.effects(Complete.class)).as("no bound for fences").isEmpty();

      b.signalled(1);
      assertThat(b.after(Contract.ONE_SECOND_NANOS - 1).effects(Complete.class)).isEmpty();
      assertThat(b.after(1).completed()).isEqualTo(RevokeOutcome.ASSUMED);
      assertThat(b.state.mapped()).isEqualTo(1);
    }

    @Test
    void v5IsAckedWhenEveryUnmapComesWithinTheSecond() {
      BufferDriver b = buffer(Contract.V5).mapped(PROCESS, 1).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1).signalled(1).after(Contract.ONE_SECOND_NANOS / 2);

      assertThat(b.unmapped(1).slotsUnmapped(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void v7WaitsForEveryFenceAndThenForEveryUnmap() {
      BufferDriver b = buffer(Contract.V7).mapped(PROCESS, 1, 2).attach(PROCESS, 3).revoke();
      assertThat(b.returnedWith(FenceUsage.READ, 2).effects(Complete.class)).isEmpty();
      assertThat(b.answered(1, 3).effects(Complete.class)).isEmpty();
      assertThat(b.slotsUnmapped(1).effects(Complete.class)).isEmpty();
      assertThat(b.signalled(2).effects(Complete.class)).isEmpty();
      assertThat(b.unmapped(2).effects(Complete.class)).as("slot 2 is not closed").isEmpty();

      assertThat(b.slotsUnmapped(2).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void v7IsCompleteWithTheLastFenceIfTheUnmapCameBefore() {
      // May an importer unmap while its own fences are outstanding? Here it may.
      BufferDriver b = buffer(Contract.V7).mapped(PROCESS, 1).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1).unmapped(1);
      assertThat(b.slotsUnmapped(1).effects(Complete.class)).isEmpty();

      assertThat(b.signalled(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void v7CountsAnUnmapThatIsCalledAndNotReported() {
      BufferDriver b = buffer(Contract.V7).mapped(PROCESS, 1).revoke().returned(1);

      assertThat(b.call(UNMAP, 1).effects(Complete.class)).isEmpty();
      assertThat(b.slotsUnmapped(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @ParameterizedTest
    @EnumSource(
        value = Contract.class,
        names = {"V4", "V5", "V7"})
    void aDeadImporterThatWasMappedIsWaitedForForEver(Contract contract) {
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).revoke().died(PROCESS);
      assertThat(b.effects(Complete.class)).isEmpty();

      for (int i = 0; i < 1000; i++) {
        assertThat(b.after(ASK).effects(Complete.class)).isEmpty();
      }
    }

    @ParameterizedTest
    @EnumSource(
        value = Contract.class,
        names = {"V2", "V3"})
    void aDeadImportersCallbackReturnsAndItsBookkeepFenceIsMissed(Contract contract) {
      BufferDriver b = buffer(contract).mapped(4, 1).mapped(5, 2).revoke().returned(1);

      assertThat(b.died(5).completed()).isEqualTo(RevokeOutcome.ASSUMED);
    }

    @Test
    void v7DoesNotWaitForADeadImporterThatWasNotMapped() {
      BufferDriver b = buffer(Contract.V7).attach(PROCESS, 1).revoke();

      assertThat(b.died(PROCESS).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void v7HangsInTheRoundAfterTooWhenAnImporterDiesBetweenTwoRevokes() {
      BufferDriver b = buffer(Contract.V7).mapped(PROCESS, 1).died(PROCESS).revoke();

      assertThat(b.after(100 * ASK).effects(Complete.class)).isEmpty();
    }

    @Test
    void aDetachedAttachmentIsWaitedForNoMoreOnceItsFencesHaveSignalled() {
      BufferDriver b = buffer(Contract.V7).mapped(PROCESS, 1).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1).call(UNMAP, 1).slotsUnmapped(1).call(DETACH, 1);
      assertThat(b.effects(Complete.class)).as("a fence is the buffer's").isEmpty();

      assertThat(b.signalled(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void theFencesOfWhoHasDetachedAreHisToSignalAndNobodyElses() {
      BufferDriver b = buffer().mapped(PROCESS, 1).attach(PROCESS + 1, 2).revoke().returned(2);
      b.returnedWith(FenceUsage.BOOKKEEP, 1).call(UNMAP, 1).slotsUnmapped(1).call(DETACH, 1);
      List<Signal> signal = List.of(new Signal(1, 0, OK));
      b.happens(
          new BufferEvent.Progressed(
              PROCESS + 1, 1, List.of(), List.of(), signal, List.of(), b.now));
      assertThat(b.state.fenced()).as("somebody else has said so").containsExactly(1);
      assertThat(b.noted(HistoryEvent.Dropped.class)).hasSize(1);

      b.happens(
          new BufferEvent.Progressed(PROCESS, 1, List.of(), List.of(), signal, List.of(), b.now));
      assertThat(b.state.fenced()).isEmpty();
      assertThat(b.noted(HistoryEvent.Dropped.class)).isEmpty();
      assertThat(b.state.detached().owners()).as("nothing to remember").isEmpty();
    }

    @Test
    void ofWhoDetachesWithoutFencesNothingIsRemembered() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(DETACH, 1);
      assertThat(b.state.detached()).isEqualTo(BufferState.Detached.NOTHING);
    }

    @Test
    void aDetachStandsForAReturn() {
      BufferDriver b = buffer(Contract.V7).attach(PROCESS, 1).revoke();

      assertThat(b.call(DETACH, 1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @ParameterizedTest
    @EnumSource(value = Contract.class, names = "ENFORCED", mode = EnumSource.Mode.EXCLUDE)
    void noDeadlineStandsBehindAContractThatNothingEnforces(Contract contract) {
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).revoke();

      b.after(ASK + BLOCK + RETRY).after(ASK + BLOCK + RETRY);

      assertThat(b.effects(Invalidate.class)).hasSize(1);
      assertThat(b.state.revoke()).isNotNull();
    }
  }

  @Nested
  final class WhoCannotBeTold {
    private static final ImporterOffer PINNED =
        ImporterOffer.DYNAMIC.invalidateMappings(false).pins(true);

    @ParameterizedTest
    @EnumSource(Contract.class)
    void isSkippedByTheInvalidation(Contract contract) {
      BufferDriver b =
          buffer(contract)
              .attach(PROCESS, PINNED, 1)
              .call(MAP, 1)
              .slotsMapped(1)
              .mapped(PROCESS, 2);

      assertThat(b.revoke().effects(Invalidate.class))
          .containsExactly(new Invalidate(PROCESS, 1, List.of(2)));
    }

    @Test
    void keepsItsMappingAndOwesItsUnmapForEverUnderV7() {
      BufferDriver b = buffer(Contract.V7).attach(PROCESS, PINNED, 1).call(MAP, 1).slotsMapped(1);

      assertThat(b.revoke().after(100 * ASK).effects(Complete.class)).isEmpty();
      assertThat(b.effects(Invalidate.class)).isEmpty();
      assertThat(b.call(UNMAP, 1).slotsUnmapped(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void isBlockedAtTheDeadlineUnderEnforced() {
      BufferDriver b =
          buffer(Contract.ENFORCED).attach(PROCESS, PINNED, 1).call(MAP, 1).slotsMapped(1);

      b.revoke().after(ASK);

      assertThat(b.closed(List.of(1), List.of()).completed()).isEqualTo(RevokeOutcome.BLOCKED);
      assertThat(b.state.mapped()).isZero();
    }
  }

  @Nested
  final class Enforced {
    private BufferDriver revoking(Integer... ids) {
      return buffer(Contract.ENFORCED).mapped(PROCESS, ids).revoke();
    }

    @Test
    void believesNoAnswerBeforeTheIommuHasClosedEverySlot() {
      BufferDriver b = revoking(1, 2).answered(1, 2);
      assertThat(b.effects(Complete.class)).isEmpty();
      assertThat(b.effects(CloseBuffer.class)).hasSize(1);

      assertThat(b.closed(List.of(), List.of()).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void saysBlockedWhenAnImporterHadAnsweredAndItsSlotWasOpenAllTheSame() {
      BufferDriver b = revoking(1, 2).answered(1, 2);

      assertThat(b.closed(List.of(2), List.of()).completed()).isEqualTo(RevokeOutcome.BLOCKED);
      assertThat(blocked(b)).containsExactly(2);
    }

    @Test
    void closesTheBufferAtTheDeadlineAndNotBefore() {
      BufferDriver b = revoking(1, 2).answered(1);
      assertThat(b.after(ASK - 1).effects(CloseBuffer.class)).isEmpty();

      assertThat(b.after(1).effects(CloseBuffer.class)).hasSize(1);
      assertThat(b.closed(List.of(2), List.of()).completed()).isEqualTo(RevokeOutcome.BLOCKED);
      assertThat(blocked(b)).containsExactly(2);
    }

    @Test
    void givesTheIommuLessTimeToDrainThanItWaitsForTheAnswer() {
      CloseBuffer close = revoking(1).answered(1).effects(CloseBuffer.class).getFirst();

      assertThat(close.drainNanos()).isPositive().isLessThan(BLOCK);
    }

    @Test
    void closesTheBufferAsSoonAsAllWhoLiveHaveAnsweredAndTheRestIsDead() {
      BufferDriver b = buffer(Contract.ENFORCED).mapped(4, 1).mapped(5, 2).revoke();
      assertThat(b.died(5).effects(CloseBuffer.class)).isEmpty();
      assertThat(b.answered(1).effects(CloseBuffer.class)).hasSize(1);

      assertThat(b.closed(List.of(), List.of()).completed()).isEqualTo(RevokeOutcome.BLOCKED);
      assertThat(blocked(b)).containsExactly(2);
    }

    @Test
    void doesNotWaitForWhoWasDeadBefore() {
      // Its attachment came on the list after the news of its death had been there: not at all.
      BufferDriver b = buffer(Contract.ENFORCED).died(5).attach(5, 2).mapped(4, 1);
      assertThat(b.state.attachments()).containsOnlyKeys(1);

      b.revoke().answered(1);
      assertThat(b.closed(List.of(), List.of()).completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void asksTheIommuAgainUntilItAnswers() {
      BufferDriver b = revoking(1).answered(1);
      CloseBuffer close = b.effects(CloseBuffer.class).getFirst();

      assertThat(b.after(RETRY).effects(CloseBuffer.class)).containsExactly(close);
      assertThat(b.after(RETRY).effects(CloseBuffer.class)).containsExactly(close);
    }

    @Test
    void seversWhatWillNotDrain() {
      BufferDriver b = revoking(1).answered(1).closed(List.of(), List.of(1));
      assertThat(b.effects(Complete.class)).isEmpty();
      assertThat(b.effects(Sever.class)).containsExactly(new Sever(1, SEGMENT));

      assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
    }

    @Test
    void seversWhenTheIommuIsSilentAtItsDeadlineAndNotBefore() {
      BufferDriver b = revoking(1).after(ASK);
      assertThat(b.after(BLOCK - 1).effects(Sever.class)).isEmpty();
      assertThat(b.after(1).effects(Sever.class)).containsExactly(new Sever(1, SEGMENT));

      assertThat(b.closed(List.of(), List.of()).effects(Complete.class))
          .as("the IOMMU's answer comes too late")
          .isEmpty();
      assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
      assertThat(blocked(b)).containsExactly(1);
    }

    /** What the explorer had found: a slot that stayed open for ever. */
    @Test
    void whatWasSeveredIsClosedInTheEndThoughNobodyWaitsForIt() {
      BufferDriver b = revoking(1);
      MappingId mapping = b.mapping(1);
      b.after(ASK).after(BLOCK).severed();
      assertThat(b.effects(WakeAt.class)).isNotEmpty();
      assertThat(b.after(RETRY).effects(UnmapSlots.class))
          .containsExactly(new UnmapSlots(List.of(mapping)));

      b.happens(new BufferEvent.SlotsUnmapped(List.of(mapping), b.now));
      assertThat(b.after(RETRY).effects(UnmapSlots.class)).isEmpty();
      assertThat(b.state.waiting()).isFalse();
    }

    @Test
    void triesAgainToSeverWhatCouldNotBeSevered() {
      BufferDriver b = revoking(1).answered(1).closed(List.of(), List.of(1));

      for (int i = 0; i < 3; i++) {
        b.after(RETRY);
        assertThat(b.effects(Sever.class)).containsExactly(new Sever(1, SEGMENT));
        assertThat(b.effects(WakeAt.class))
            .as("not at once: it would try as fast as it can")
            .allMatch(w -> w.nanos() > b.now);
      }
      assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
    }

    @Test
    void takesNoAnswerOfAnotherEpochOrStageForCompletion() {
      BufferDriver b = revoking(1);
      assertThat(b.severed().effects()).isEmpty();
      assertThat(b.closed(List.of(), List.of()).effects()).isEmpty();
      b.answered(1);
      for (long epoch : new long[] {0, 2}) {
        b.happens(new BufferEvent.BufferClosed(epoch, List.of(), List.of(), b.now));
        assertThat(b.effects()).isEmpty();
        b.happens(new BufferEvent.Severed(epoch, b.now));
        assertThat(b.effects()).isEmpty();
      }
      assertThat(b.closed(List.of(), List.of()).completed()).isEqualTo(RevokeOutcome.ACKED);
      assertThat(b.closed(List.of(), List.of()).effects()).isEmpty();
      assertThat(b.severed().effects()).isEmpty();
    }

    @Test
    void leavesNobodyMappedWhenItIsComplete() {
      BufferDriver b = revoking(1, 2).after(ASK).closed(List.of(1, 2), List.of());

      assertThat(b.state.mapped()).isZero();
      assertThat(b.state.attachments()).containsOnlyKeys(1, 2);
    }

    @Test
    void takesTheAttachmentsOfADeadProcessOffTheListWithTheirPins() {
      BufferDriver b = buffer(Contract.ENFORCED).mapped(4, 1, 2).mapped(5, 3);
      b.call(4, 900, PIN, 1);

      b.died(4);

      assertThat(b.state.attachments()).containsOnlyKeys(3);
      assertThat(b.effects(Note.class))
          .extracting(Note::event)
          .containsExactly(new HistoryEvent.Reaped(BufferDriver.BUFFER, 4, List.of(1, 2), 1, 2));
    }

    @Test
    void reapsADeadProcessOnlyWhenTheRevokeInProgressIsComplete() {
      BufferDriver b = revoking(1).died(PROCESS);
      assertThat(b.state.attachments()).containsOnlyKeys(1);

      b.closed(List.of(), List.of());
      assertThat(b.state.attachments()).isEmpty();
    }

    @Test
    void hearsNothingFromADeadProcessAnyMore() {
      BufferDriver b = buffer(Contract.ENFORCED).mapped(PROCESS, 1).died(PROCESS);

      assertThat(b.call(PIN, 1).effects()).isEmpty();
      assertThat(b.attach(PROCESS, 2).state.attachments()).isEmpty();
    }

    private List<Integer> blocked(BufferDriver b) {
      return b.effects(Note.class).stream()
          .map(Note::event)
          .filter(HistoryEvent.RevokeCompleted.class::isInstance)
          .map(e -> ((HistoryEvent.RevokeCompleted) e).blocked())
          .findFirst()
          .orElseThrow();
    }
  }

  @Nested
  final class Restore {
    @ParameterizedTest
    @EnumSource(Contract.class)
    void letsMapsSucceedAgainInTheMemoryThatWasGiven(Contract contract) {
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).revoke().answered(1);
      if (contract.enforced()) {
        b.closed(List.of(), List.of());
      }
      b.slotsUnmapped(1).restored();

      assertThat(b.state.segment()).isEqualTo(SEGMENT + 1);
      assertThat(b.state.generation()).isEqualTo(2);
      assertThat(b.call(MAP, 1).slotsMapped(1).answer(1)).isEqualTo(OK);
    }

    /** One was mapped, one never was; its revoke is over, and there is memory. */
    private BufferDriver restoring(Contract contract) {
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).attach(PROCESS + 1, 2).revoke();
      b.answered(1).returned(2).slotsUnmapped(1);
      if (contract.enforced()) {
        b.closed(List.of(), List.of());
      }
      return b.restoring();
    }

    @ParameterizedTest
    @EnumSource(value = Contract.class, mode = EnumSource.Mode.EXCLUDE, names = "ENFORCED")
    void tellsAllAgainAndWaitsUntilTheirCallbacksHaveReturned(Contract contract) {
      BufferDriver b = restoring(contract);
      assertThat(b.effects(Invalidate.class))
          .containsExactly(
              new Invalidate(PROCESS, 1, List.of(1)), new Invalidate(PROCESS + 1, 1, List.of(2)));
      assertThat(b.effects(BufferEffect.Lifted.class)).isEmpty();

      b.returned(1);
      assertThat(b.call(MAP, 1).answer(1)).isEqualTo(ENODEV);
      // The other's answer was lost, or the question.
      for (long wait = RETRY; wait < 100 * RETRY; wait *= 2) {
        b.after(wait);
        assertThat(b.effects(Invalidate.class))
            .containsExactly(new Invalidate(PROCESS + 1, 1, List.of(2)));
      }
      assertThat(b.effects(WakeAt.class).getLast().nanos() - b.now)
          .as("it is asked ever more seldom")
          .isEqualTo(16 * RETRY);

      assertThat(b.returned(2).effects(BufferEffect.Lifted.class)).hasSize(1);
      assertThat(b.state.revoked()).isFalse();
      assertThat(b.state.segment()).isEqualTo(SEGMENT + 1);
      assertThat(b.after(RETRY).effects(Invalidate.class)).isEmpty();
    }

    @Test
    void ofAnEnforcedSequenceTellsNobody() {
      BufferDriver b = restoring(Contract.ENFORCED);

      assertThat(b.effects(Invalidate.class)).isEmpty();
      assertThat(b.effects(BufferEffect.Lifted.class)).hasSize(1);
      assertThat(b.state.revoked()).isFalse();
    }

    @Test
    void waitsNeitherForTheDeadNorForWhoHasDetached() {
      BufferDriver b = restoring(Contract.V7).died(PROCESS);
      assertThat(b.state.revoked()).isTrue();

      b.call(PROCESS + 1, 7, DETACH, 2);
      assertThat(b.state.revoked()).isFalse();
      assertThat(b.effects(BufferEffect.Lifted.class)).hasSize(1);
    }

    @Test
    void thatIsOvertakenByARevokeIsGivenUp() {
      BufferDriver b = restoring(Contract.V7).revoke(RevokeCause.LAST_CLOSE);

      assertThat(b.effects(BufferEffect.GiveBack.class))
          .containsExactly(new BufferEffect.GiveBack(SEGMENT + 1));
      assertThat(b.effects(BufferEffect.Lifted.class)).hasSize(1);
      assertThat(b.returned(1).returned(2).state.revoked()).isTrue();
      assertThat(b.restored().state.dead()).isTrue();
    }

    @Test
    void thatComesAgainIsNotNeeded() {
      BufferDriver b = restoring(Contract.V7);
      b.happens(new BufferEvent.Restored(SEGMENT + 5, 9, b.now));

      assertThat(b.effects(BufferEffect.GiveBack.class))
          .containsExactly(new BufferEffect.GiveBack(SEGMENT + 5));
      assertThat(b.effects(Invalidate.class)).isEmpty();
    }

    @Test
    void isNotPossibleBeforeTheRevokeIsComplete() {
      BufferDriver b = buffer().mapped(PROCESS, 1).revoke().restored();

      assertThat(b.state.revoked()).isTrue();
      assertThat(b.state.segment()).isEqualTo(SEGMENT);
    }

    @Test
    void changesNothingWhereNothingIsRevoked() {
      BufferDriver b = buffer().mapped(PROCESS, 1).restored();

      assertThat(b.state.segment()).isEqualTo(SEGMENT);
    }

    @Test
    void isFollowedByARevokeOfAHigherEpoch() {
      BufferDriver b = buffer().mapped(PROCESS, 1).revoke().answered(1).slotsUnmapped(1).restored();
      b.call(MAP, 1).slotsMapped(1).revoke();

      assertThat(b.effects(Invalidate.class))
          .containsExactly(new Invalidate(PROCESS, 2, List.of(1)));
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void isNotUndoneForAMappingByAnAnswerToTheRevokeBefore(Contract contract) {
      // An importer that was told twice answers twice; it has mapped anew in between.
      BufferDriver b = buffer(contract).mapped(PROCESS, 1).revoke().answered(1).slotsUnmapped(1);
      if (contract.enforced()) {
        b.closed(List.of(), List.of());
      }
      b.restored().call(MAP, 1).slotsMapped(1);

      b.answered(1);

      assertThat(b.effects(UnmapSlots.class)).isEmpty();
      assertThat(b.state.mapped()).isEqualTo(1);
    }

    @Test
    void findsMappingsOfARevokeThatWaitedForNothingAndTheirUnmapCountsStill() {
      BufferDriver b = buffer(Contract.V2).mapped(PROCESS, 1).revoke().returned(1).restored();
      assertThat(b.state.mapped()).isEqualTo(1);

      MappingId old = new MappingId(1, b.state.generation() - 1, SlotUse.DMA);
      b.answered(1);

      assertThat(b.effects(UnmapSlots.class)).containsExactly(new UnmapSlots(List.of(old)));
      assertThat(b.state.mapped()).isZero();
    }
  }

  @Nested
  final class LostMessages {
    @Test
    void slotsAreAskedForAgainUntilTheIommuAnswers() {
      BufferDriver b = buffer().attach(PROCESS, 1).call(MAP, 1);
      MapSlots asked = b.effects(MapSlots.class).getFirst();

      assertThat(b.after(RETRY).effects(MapSlots.class)).containsExactly(asked);
      assertThat(b.after(RETRY).effects(MapSlots.class)).containsExactly(asked);
      b.slotsMapped(1);
      assertThat(b.after(RETRY).effects()).isEmpty();
    }

    @Test
    void aRevokeAsksAgainEverMoreSeldomButNeverStopsToAsk() {
      BufferDriver b = buffer(Contract.V7).mapped(PROCESS, 1).revoke();
      List<Long> waits = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        long wait = b.effects(WakeAt.class).getLast().nanos() - b.now;
        waits.add(wait / RETRY);
        b.after(wait);
        assertThat(b.effects(BufferEffect.Invalidate.class)).hasSize(1);
      }
      assertThat(waits).containsExactly(1L, 1L, 2L, 4L, 8L, 16L, 16L, 16L);
    }

    @Test
    void anUnmapThatOnlyTheAnswerToAnInvalidationTellsOfIsAskedForUntilTheIommuAnswers() {
      // Nothing else is being waited for, so this has to set a wake-up of its own.
      BufferDriver b = buffer(Contract.V2).mapped(PROCESS, 1).revoke().returned(1);
      b.after(RETRY).answered(1);
      assertThat(b.effects(WakeAt.class)).hasSize(1);

      b.after(RETRY);
      assertThat(b.effects(UnmapSlots.class))
          .containsExactly(new UnmapSlots(List.of(b.mapping(1))));
    }
  }
}
