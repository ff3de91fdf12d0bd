package dev.dmabufsim.exporter;

import static dev.dmabufsim.common.contract.Errno.EBUSY;
import static dev.dmabufsim.common.contract.Errno.EINVAL;
import static dev.dmabufsim.common.contract.Errno.ENODEV;
import static dev.dmabufsim.common.contract.Errno.OK;
import static dev.dmabufsim.common.message.Operation.DETACH;
import static dev.dmabufsim.common.message.Operation.MAP;
import static dev.dmabufsim.common.message.Operation.PIN;
import static dev.dmabufsim.common.message.Operation.UNMAP;
import static dev.dmabufsim.common.message.Operation.UNPIN;
import static dev.dmabufsim.exporter.BufferDriver.ASK;
import static dev.dmabufsim.exporter.BufferDriver.BLOCK;
import static dev.dmabufsim.exporter.BufferDriver.BUFFER;
import static dev.dmabufsim.exporter.BufferDriver.BYTES;
import static dev.dmabufsim.exporter.BufferDriver.COPY;
import static dev.dmabufsim.exporter.BufferDriver.PROCESS;
import static dev.dmabufsim.exporter.BufferDriver.SEGMENT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.exporter.BufferEffect.Borrow;
import dev.dmabufsim.exporter.BufferEffect.Complete;
import dev.dmabufsim.exporter.BufferEffect.CopyOut;
import dev.dmabufsim.exporter.BufferEffect.GiveBack;
import dev.dmabufsim.exporter.BufferEffect.Invalidate;
import dev.dmabufsim.exporter.BufferEffect.Report;
import dev.dmabufsim.exporter.BufferEffect.Sever;
import dev.dmabufsim.exporter.BufferEffect.WakeAt;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A GPU's buffer that moves between VRAM and system memory: section 4 of the contract. */
final class BufferMoveTest {
  private static final ImporterOffer FAR = ImporterOffer.DYNAMIC.peer2peer(false);
  private static final ImporterOffer STATIC = ImporterOffer.DYNAMIC.asStatic();

  private static BufferDriver gpu(Contract contract) {
    return new BufferDriver(contract, ExporterKind.GPU_VRAM);
  }

  /** Everybody has answered, and the sequence goes on to the copy. */
  private static BufferDriver copying(Contract contract) {
    BufferDriver b = gpu(contract).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    b.answered(1).slotsUnmapped(1);
    return contract.enforced() ? b.closed(List.of(), List.of()) : b;
  }

  @ParameterizedTest
  @EnumSource(
      value = Contract.class,
      names = {"V7", "ENFORCED"})
  void theContentIsCopiedWhenNobodyReachesItAnyMoreAndNotBefore(Contract contract) {
    BufferDriver b = gpu(contract).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    assertThat(b.effects(Invalidate.class)).hasSize(1);
    assertThat(b.effects(CopyOut.class)).isEmpty();

    b = copying(contract);

    assertThat(b.effects(CopyOut.class))
        .containsExactly(new CopyOut(1, SEGMENT, contract.enforced()));
    assertThat(b.effects(Complete.class)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(Contract.class)
  void aMoveIsCompleteAndRestoredInOneStepWithTheSameContentInOtherMemory(Contract contract) {
    BufferDriver b = copying(contract).copied();

    assertThat(b.completed())
        .isEqualTo(
            contract.unmaps() == Contract.UnmapWait.NONE
                ? RevokeOutcome.ASSUMED
                : RevokeOutcome.ACKED);
    assertThat(b.state.memory()).isEqualTo(new BufferState.Memory(SEGMENT + 1, 2, 1, true, false));
    assertThat(b.state.revoked()).isFalse();
    assertThat(b.noted(HistoryEvent.Moved.class))
        .containsExactly(
            new HistoryEvent.Moved(BUFFER, 1, true, SEGMENT, SEGMENT + 1, BYTES, 77, 77));
    assertThat(b.noted(HistoryEvent.Restored.class))
        .containsExactly(new HistoryEvent.Restored(BUFFER, 1, SEGMENT + 1, 2));
    assertThat(b.effects(Report.class)).containsExactly(new Report(true));

    if (b.state.mapped() == 0) {
      b.call(MAP, 1).slotsMapped(1);
      assertThat(b.answeredTable(1).generation()).isEqualTo(2);
      assertThat(b.answeredTable(1).content()).as("of the content").isEqualTo(1);
    }
  }

  @Test
  void theOldMemoryIsNobodysBeforeTheMoveIsWrittenDownAsComplete() {
    List<BufferEffect> effects = copying(Contract.V7).copied().allEffects();
    List<String> order =
        effects.stream()
            .map(e ->
                e instanceof BufferEffect.Note n
                    ? n.event().getClass().getSimpleName()
                    : e.getClass().getSimpleName())
            .toList();

    assertThat(order)
        .containsExactly(
            "Moved",
            "Disown",
            "Journal",
            "RevokeCompleted",
            "Complete",
            "Journal",
            "Restored",
            "Report");
  }

  @Test
  void whatLosesItsContentOnTheWayToSystemMemoryGetsSystemMemory() {
    BufferDriver b = gpu(Contract.ENFORCED).attach(PROCESS, FAR, 1);
    b.answered(1).closed(List.of(), List.of()).moveFailed().severed();
    assertThat(b.call(PIN, 1).answer(1)).as("there is nothing to pin").isEqualTo(OK);
    b.restored();
    assertThat(b.state.memory().system()).isTrue();
    assertThat(b.call(MAP, 1).slotsMapped(1).answer(1)).isEqualTo(OK);
  }

  @Test
  void whoIsKeptOutOfVramIsSoByOthersAndNotByItself() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, 1).call(PIN, 1).attach(PROCESS, FAR, 2);
    assertThat(Placement.keptOut(b.state, 2, false)).isTrue();
    assertThat(Placement.keptOut(b.state, 2, true)).as("it does peer-to-peer").isFalse();
    assertThat(Placement.keptOut(b.state, 1, false)).as("its own pin").isFalse();
  }

  @Test
  void anIllegalPinMovesNothing() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, 1).call(PIN, 1).attach(PROCESS, FAR, 2);
    b.call(UNPIN, 1).call(PROCESS + 1, 99, PIN, 1);
    assertThat(b.state.revoked()).isFalse();
    assertThat(b.call(PIN, 1).state.moving()).isTrue();
  }

  /** amdgpu pins in VRAM only if every attachment does peer-to-peer. */
  @Test
  void nobodyPinsInVramWhileAnAttachmentDoesNoPeerToPeer() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, 1).call(PIN, 1).attach(PROCESS, FAR, 2);
    assertThat(b.call(PIN, 2).answer(2)).as("another holds it where it is").isEqualTo(EINVAL);
    assertThat(b.state.revoked()).isFalse();

    b.call(UNPIN, 1).call(PIN, 1);
    assertThat(b.answer(1)).as("it is to move first").isEqualTo(EBUSY);
    assertThat(b.state.moving()).isTrue();
    assertThat(b.call(PIN, 2).answer(2)).as("it moves").isEqualTo(EBUSY);

    b.returned(1, 2).copied();
    assertThat(b.state.memory().system()).isTrue();
    assertThat(b.call(PIN, 2).answer(2)).isEqualTo(OK);
    assertThat(b.call(PIN, 1).answer(1)).isEqualTo(OK);
    assertThat(b.call(MAP, 2).slotsMapped(2).answer(2)).isEqualTo(OK);
  }

  @ParameterizedTest
  @EnumSource(Contract.class)
  void aMapDuringAMoveIsBusyAndNotEnodev(Contract contract) {
    BufferDriver b = gpu(contract).mapped(PROCESS, 1).attach(PROCESS, 2).call(MAP, 2);
    b.revoke(RevokeCause.MIGRATION);

    assertThat(b.answer(2)).as("overtaken").isEqualTo(EBUSY);
    assertThat(b.call(MAP, 2).answer(2)).isEqualTo(EBUSY);
  }

  @Test
  void whatMustBeSeveredIsCopiedOutBefore() {
    BufferDriver b = gpu(Contract.ENFORCED).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    b.after(ASK).closed(List.of(1), List.of(1));
    assertThat(b.effects(CopyOut.class)).hasSize(1);
    assertThat(b.effects(Sever.class)).isEmpty();

    assertThat(b.copied().effects(Sever.class)).containsExactly(new Sever(1, SEGMENT));
    assertThat(b.effects(Complete.class)).isEmpty();
    assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
    assertThat(b.state.segment()).isEqualTo(SEGMENT + 1);
    assertThat(b.state.revoked()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(Contract.class)
  void aMoveOfWhatIsPinnedIsRefusedAndNobodyIsTold(Contract contract) {
    BufferDriver b = gpu(contract).mapped(PROCESS, 1).call(PIN, 1).call(PIN, 1);
    BufferState before = b.state;

    b.revoke(RevokeCause.EVICTION);

    assertThat(b.state).isEqualTo(before);
    assertThat(b.noted(HistoryEvent.MoveRefused.class))
        .containsExactly(new HistoryEvent.MoveRefused(BUFFER, RevokeCause.EVICTION, 2));
    assertThat(b.effects()).containsExactly(new Report(false));
    b.call(UNPIN, 1).call(UNPIN, 1).revoke(RevokeCause.EVICTION);
    assertThat(b.effects(Invalidate.class)).hasSize(1);
  }

  @Test
  void aStaticMappingHoldsTheBufferWhereItIsUntilItIsUnmapped() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, STATIC, 1).copied();
    assertThat(b.state.memory().system()).as("it does no peer-to-peer").isTrue();
    b.call(MAP, 1).slotsMapped(1).revoke(RevokeCause.EVICTION);
    assertThat(b.effects()).containsExactly(new Report(false));

    b.call(UNMAP, 1).slotsUnmapped(1).revoke(RevokeCause.EVICTION);
    assertThat(b.effects(CopyOut.class)).hasSize(1);
  }

  @Test
  void anAttachWithoutPeerToPeerMovesTheBufferToSystemMemoryFirst() {
    BufferDriver b = gpu(Contract.V7).mapped(PROCESS, 1).attach(PROCESS, FAR, 2);

    assertThat(b.noted(HistoryEvent.RevokeRequested.class))
        .extracting(HistoryEvent.RevokeRequested::cause)
        .containsExactly(RevokeCause.MIGRATION);
    assertThat(b.effects(Invalidate.class)).containsExactly(new Invalidate(PROCESS, 1, List.of(1)));
    assertThat(b.call(MAP, 2).answer(2)).isEqualTo(EBUSY);
    b.answered(1).slotsUnmapped(1).copied();
    assertThat(b.effects(Report.class)).as("nobody has asked").isEmpty();
    assertThat(b.state.memory().system()).isTrue();
    assertThat(b.call(MAP, 2).slotsMapped(2).answer(2)).isEqualTo(OK);
  }

  @Test
  void whatIsPinnedInVramIsBusyForWhoDoesNoPeerToPeerUntilItIsUnpinned() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, 1).call(PIN, 1).attach(PROCESS, FAR, 2);
    assertThat(b.noted(HistoryEvent.MoveRefused.class)).hasSize(1);
    assertThat(b.call(MAP, 2).answer(2)).isEqualTo(EBUSY);

    b.call(UNPIN, 1).call(MAP, 2);
    assertThat(b.answer(2)).as("it has to be moved first").isEqualTo(EBUSY);
    b.returned(1, 2).copied();
    assertThat(b.call(MAP, 2).slotsMapped(2).answer(2)).isEqualTo(OK);
  }

  @Test
  void aMapThatALaterCallHasOvertakenMovesNothing() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, 1).call(PIN, 1).attach(PROCESS, FAR, 2);
    b.call(PROCESS, 20, MAP, 2);
    assertThat(b.answer(2)).isEqualTo(EBUSY);
    b.call(UNPIN, 1);
    b.call(PROCESS, 19, MAP, 2);
    assertThat(b.state.moving()).isFalse();
    b.call(PROCESS, 21, MAP, 2);
    assertThat(b.state.moving()).isTrue();
  }

  @Test
  void aStaticMapIsAPinAndRefusedForGoodWhereOthersHoldWhatIsPinned() {
    BufferDriver b = gpu(Contract.V7).attach(PROCESS, 1).call(PIN, 1).attach(PROCESS, STATIC, 2);
    assertThat(b.call(MAP, 2).answer(2)).isEqualTo(EINVAL);
    assertThat(b.noted(HistoryEvent.MapRefused.class))
        .containsExactly(new HistoryEvent.MapRefused(BUFFER, EINVAL, List.of(2)));
    assertThat(b.call(DETACH, 2).answer(2)).isEqualTo(OK);
  }

  @Test
  void aMoveGoesBackToVramUnlessAnAttachmentNeedsSystemMemory() {
    BufferDriver b = gpu(Contract.V7);
    assertThat(b.revoke(RevokeCause.EVICTION).copied().state.memory().system()).isTrue();
    assertThat(b.revoke(RevokeCause.MIGRATION).copied().state.memory().system()).isFalse();

    b.attach(PROCESS, FAR, 1).copied();
    b.revoke(RevokeCause.MIGRATION).returned(1).copied();
    assertThat(b.state.memory().system()).isTrue();
  }

  @Test
  void aRevokeThatComesInTheMiddleOfAMoveWaitsForItsEnd() {
    BufferDriver b = copying(Contract.V7).revoke(RevokeCause.HOT_UNPLUG);
    assertThat(b.effects()).isEmpty();

    b.copied();

    assertThat(b.completed()).isEqualTo(RevokeOutcome.ACKED);
    assertThat(b.effects(Invalidate.class)).containsExactly(new Invalidate(PROCESS, 2, List.of(1)));
    assertThat(b.effects(Report.class)).isEmpty();
    b.returned(1);
    assertThat(b.completed()).isEqualTo(RevokeOutcome.ACKED);
    assertThat(b.effects(Report.class)).containsExactly(new Report(true));
    assertThat(b.call(MAP, 1).answer(1)).isEqualTo(ENODEV);
  }

  @Test
  void aSecondMoveInTheMiddleOfOneIsTheSameMove() {
    BufferDriver b = copying(Contract.V7).revoke(RevokeCause.MIGRATION);
    assertThat(b.effects()).isEmpty();

    assertThat(b.copied().effects(Report.class)).containsExactly(new Report(true));
    assertThat(b.state.epoch()).isEqualTo(1);
  }

  @Test
  void aCopyOfAnotherEpochOrStageIsIgnored() {
    BufferDriver b = gpu(Contract.V7).mapped(PROCESS, 1).copied();
    assertThat(b.effects()).containsExactly(new GiveBack(SEGMENT + 1));
    b.revoke(RevokeCause.EVICTION).copied();
    assertThat(b.effects()).containsExactly(new GiveBack(SEGMENT + 1));
    b.answered(1).slotsUnmapped(1);
    b.happens(new BufferEvent.CopiedOut(7, SEGMENT + 5, 9, 1, 1, b.now));
    assertThat(b.effects()).containsExactly(new GiveBack(SEGMENT + 5));
    assertThat(b.state.segment()).isEqualTo(SEGMENT);
    b.copied().happens(new BufferEvent.CopiedOut(1, SEGMENT + 1, 2, 1, 1, b.now));
    assertThat(b.effects()).as("what it has it keeps").isEmpty();
  }

  @Test
  void anEnforcedMoveThatGetsNoMemoryTakesTheContentWithTheMemoryAndEnds() {
    BufferDriver b = copying(Contract.ENFORCED).attach(PROCESS, 2).moveFailed();
    assertThat(b.effects(Sever.class)).containsExactly(new Sever(1, SEGMENT));
    assertThat(b.noted(HistoryEvent.MoveFailed.class))
        .containsExactly(new HistoryEvent.MoveFailed(BUFFER, 1, true, "there was no memory"));
    assertThat(b.effects(Complete.class)).isEmpty();
    assertThat(b.call(MAP, 2).answer(2)).as("it is still a move").isEqualTo(EBUSY);

    assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
    assertThat(b.effects(Complete.class).getFirst().next())
        .isEqualTo(BufferEffect.Next.REPLACEMENT);
    assertThat(b.effects(Report.class)).containsExactly(new Report(true));
    assertThat(b.effects(Borrow.class)).hasSize(1);
    assertThat(b.noted(HistoryEvent.Moved.class)).isEmpty();
    assertThat(b.state.memory()).isEqualTo(new BufferState.Memory(SEGMENT, 1, 1, false, true));
    assertThat(b.state.waiting()).isFalse();
    assertThat(b.call(MAP, 1).answer(1)).as("there is nothing to map").isEqualTo(ENODEV);
  }

  @Test
  void whatHasLostItsContentGetsFreshMemoryAndCanBeMappedAndMovedAgain() {
    BufferDriver b = copying(Contract.ENFORCED).moveFailed().severed().restored();
    assertThat(b.state.memory()).isEqualTo(new BufferState.Memory(SEGMENT + 1, 2, 2, false, false));
    assertThat(b.state.revoked()).isFalse();

    assertThat(b.call(MAP, 1).slotsMapped(1).answer(1)).isEqualTo(OK);
    assertThat(b.answeredTable(1).content()).as("of other content").isEqualTo(2);
    b.revoke(RevokeCause.EVICTION).answered(1).slotsUnmapped(1).closed(List.of(), List.of());
    assertThat(b.copied().completed()).isEqualTo(RevokeOutcome.ACKED);
    assertThat(b.state.memory().content()).isEqualTo(2);
  }

  @Test
  void whatHasLostItsContentAndGotNoMemoryAsksAgainWhenItIsToMoveAgain() {
    BufferDriver b = copying(Contract.ENFORCED).moveFailed().severed();

    b.revoke(RevokeCause.MIGRATION);

    assertThat(b.effects()).containsExactly(new Borrow(), new Report(false));
    assertThat(b.state.epoch()).isEqualTo(1);
    assertThat(b.restored().state.revoked()).isFalse();
    assertThat(b.restored().effects())
        .as("it has asked twice, and needs it once")
        .containsExactly(new GiveBack(SEGMENT + 2), new BufferEffect.Lifted());
  }

  @Test
  void whatHasLostItsContentCanBeUnpluggedAndThenGetsNoMemory() {
    BufferDriver b = copying(Contract.ENFORCED).moveFailed().severed();
    assertThat(b.revoke(RevokeCause.HOT_UNPLUG).effects()).containsExactly(new Report(true));
    assertThat(b.restored().effects())
        .containsExactly(new GiveBack(SEGMENT + 1), new BufferEffect.Lifted());
    assertThat(b.state.dead()).isTrue();
  }

  @Test
  void anUnplugThatWaitsForAMoveWhichLosesTheContentHasNothingMoreToTake() {
    BufferDriver b = copying(Contract.ENFORCED).revoke(RevokeCause.HOT_UNPLUG).moveFailed();

    assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);

    assertThat(b.effects(Report.class)).containsExactly(new Report(true));
    assertThat(b.effects(Borrow.class)).isEmpty();
    assertThat(b.state.dead()).isTrue();
    assertThat(b.state.revoke()).isNull();
  }

  @Test
  void anEnforcedCopyThatTakesTooLongIsGivenUpAndItsMemoryGivenBackWhenItComes() {
    BufferDriver b = copying(Contract.ENFORCED);
    assertThat(b.effects(WakeAt.class))
        .as("asked of nobody again, but looked at when its time is over")
        .anySatisfy(w -> assertThat(w.nanos()).isLessThanOrEqualTo(b.now + COPY));
    // Nobody was waited for, so it has that time, too: the pool may have much to do before.
    long deadline = b.now + ASK + BLOCK + COPY;
    while (deadline - b.now > COPY / 8) {
      assertThat(b.after(COPY / 8).effects(Sever.class)).isEmpty();
    }
    assertThat(b.after(deadline - b.now - 1).effects(Sever.class)).isEmpty();
    assertThat(b.after(1).effects(Sever.class)).containsExactly(new Sever(1, SEGMENT));
    assertThat(b.noted(HistoryEvent.MoveFailed.class))
        .containsExactly(new HistoryEvent.MoveFailed(BUFFER, 1, true, "it took too long"));

    assertThat(b.copied().effects()).containsExactly(new GiveBack(SEGMENT + 1));
    assertThat(b.moveFailed().effects()).isEmpty();
    assertThat(b.severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
    assertThat(b.state.memory().severed()).isTrue();
  }

  /** What the explorer had found: the content was lost because its exporter had been stopped. */
  @Test
  void anExporterThatWasFrozenWhileItCopiedHasNotTakenTooLong() {
    BufferDriver b = copying(Contract.ENFORCED);
    b.after(COPY / 8);
    assertThat(b.after(ASK + BLOCK + 20 * COPY).effects(Sever.class)).isEmpty();
    assertThat(b.effects(WakeAt.class)).anySatisfy(w -> assertThat(w.nanos()).isGreaterThan(b.now));

    for (int i = 0; i < 5; i++) {
      assertThat(b.after(COPY / 8).effects(Sever.class)).isEmpty();
    }
    // But it is not given another time when it is slow in the time that it has.
    assertThat(b.after(COPY / 8).noted(HistoryEvent.MoveFailed.class)).hasSize(1);
  }

  /** A busy process looks late every time, and was never frozen: what severing needs is left. */
  @Test
  void timeThatIsAddedForStallsDoesNotAddToTimeThatIsLeftOver() {
    BufferDriver b = copying(Contract.ENFORCED);
    long deadline = b.now + ASK + BLOCK + COPY;
    long late = 3 * (COPY / 8);
    long most = (ASK + BLOCK) / late;
    for (int i = 0; i < most; i++) {
      assertThat(b.after(late).effects(Sever.class)).isEmpty();
    }
    assertThat(b.now).isLessThan(deadline);
    while (deadline - b.now > COPY / 8) {
      assertThat(b.after(COPY / 8).effects(Sever.class)).isEmpty();
    }
    assertThat(b.after(deadline - b.now).effects(Sever.class)).hasSize(1);
  }

  @Test
  void aCopyHasWhatTheStagesBeforeHaveLeftAndItsOwnTimeInAnyCase() {
    BufferDriver asked = gpu(Contract.ENFORCED).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    long deadline = asked.now + ASK + BLOCK + COPY;
    asked.after(ASK).closed(List.of(1), List.of());
    assertThat(asked.effects(CopyOut.class)).hasSize(1);
    while (deadline - asked.now > COPY / 8) {
      assertThat(asked.after(COPY / 8).effects(Sever.class)).isEmpty();
    }
    assertThat(asked.after(deadline - asked.now).effects(Sever.class)).hasSize(1);

    BufferDriver late = gpu(Contract.ENFORCED).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    late.after(ASK + 5 * COPY).after(BLOCK + 5 * COPY);
    assertThat(late.effects(CopyOut.class)).hasSize(1);
    for (int i = 0; i < 7; i++) {
      assertThat(late.after(COPY / 8).effects(Sever.class)).isEmpty();
    }
    assertThat(late.after(COPY / 8).effects(Sever.class)).hasSize(1);
  }

  @Test
  void aMoveOfWhatMustBeSeveredThatGetsNoMemoryIsSeveredAllTheSame() {
    BufferDriver b = gpu(Contract.ENFORCED).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    b.after(ASK).closed(List.of(1), List.of(1));
    assertThat(b.effects(CopyOut.class)).containsExactly(new CopyOut(1, SEGMENT, false));

    assertThat(b.moveFailed().severed().completed()).isEqualTo(RevokeOutcome.SEVERED);
    assertThat(b.state.mapped()).isZero();
  }

  @Test
  void whatTheIommuHadToBlockIsDrainedAndItsCopyCanBeHeldAgainstIt() {
    BufferDriver b = gpu(Contract.ENFORCED).mapped(PROCESS, 1).revoke(RevokeCause.EVICTION);
    b.after(ASK).closed(List.of(1), List.of());
    assertThat(b.effects(CopyOut.class)).containsExactly(new CopyOut(1, SEGMENT, true));
  }

  @ParameterizedTest
  @EnumSource(
      value = Contract.class,
      names = {"V2", "V3", "V4", "V5", "V7"})
  void aMoveThatGetsNoMemoryMovesNothingWhereNobodyEnforcesIt(Contract contract) {
    BufferDriver b = copying(contract).moveFailed();

    assertThat(b.noted(HistoryEvent.MoveFailed.class))
        .containsExactly(new HistoryEvent.MoveFailed(BUFFER, 1, false, "there was no memory"));
    assertThat(b.effects())
        .containsExactly(
            new BufferEffect.Journal(1, BufferJournal.Phase.LIVE, SEGMENT, 1), new Report(false));
    assertThat(b.noted(HistoryEvent.RevokeCompleted.class)).isEmpty();
    assertThat(b.state.memory()).isEqualTo(new BufferState.Memory(SEGMENT, 1, 1, false, false));
    assertThat(b.state.revoked()).isFalse();
    if (b.state.mapped() == 0) {
      assertThat(b.call(MAP, 1).slotsMapped(1).answer(1)).isEqualTo(OK);
    }
    b.revoke(RevokeCause.EVICTION);
    assertThat(b.effects(Invalidate.class)).containsExactly(new Invalidate(PROCESS, 2, List.of(1)));
  }

  @Test
  void aCopyHasNoDeadlineWhereNobodyEnforcesIt() {
    BufferDriver b = copying(Contract.V7);
    assertThat(b.after(1_000 * COPY).effects(Sever.class)).isEmpty();
    assertThat(b.copied().completed()).isEqualTo(RevokeOutcome.ACKED);
  }

  @Test
  void anUnplugThatWaitsForAMoveWhichMovesNothingComesNext() {
    BufferDriver b = copying(Contract.V7).revoke(RevokeCause.HOT_UNPLUG).moveFailed();

    assertThat(b.effects(Report.class)).isEmpty();
    assertThat(b.effects(Invalidate.class)).containsExactly(new Invalidate(PROCESS, 2, List.of(1)));
    assertThat(b.returned(1).completed()).isEqualTo(RevokeOutcome.ACKED);
    assertThat(b.state.dead()).isTrue();
  }

  @Test
  void aFailureOfAnotherEpochOrStageIsIgnored() {
    BufferDriver b = gpu(Contract.ENFORCED).mapped(PROCESS, 1).moveFailed();
    assertThat(b.effects()).isEmpty();
    assertThat(b.revoke(RevokeCause.EVICTION).moveFailed().effects()).isEmpty();
    b.answered(1).slotsUnmapped(1).closed(List.of(), List.of());
    assertThat(b.happens(new BufferEvent.MoveFailed(7, b.now)).effects()).isEmpty();
    assertThat(b.copied().completed()).isEqualTo(RevokeOutcome.ACKED);
  }
}
