package dev.dmabufsim.exporter;

import static dev.dmabufsim.common.contract.Errno.EBUSY;
import static dev.dmabufsim.common.contract.Errno.EINVAL;
import static dev.dmabufsim.common.contract.Errno.ENODEV;
import static dev.dmabufsim.common.contract.Errno.EOPNOTSUPP;
import static dev.dmabufsim.common.contract.Errno.OK;
import static dev.dmabufsim.common.message.Operation.IOMMUFD_MAP;
import static dev.dmabufsim.common.message.Operation.MAP;
import static dev.dmabufsim.common.message.Operation.PIN;
import static dev.dmabufsim.common.message.Operation.UNMAP;
import static dev.dmabufsim.exporter.BufferDriver.ASK;
import static dev.dmabufsim.exporter.BufferDriver.BUFFER;
import static dev.dmabufsim.exporter.BufferDriver.BYTES;
import static dev.dmabufsim.exporter.BufferDriver.PROCESS;
import static dev.dmabufsim.exporter.BufferDriver.SEGMENT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferEffect.Complete;
import dev.dmabufsim.exporter.BufferEffect.Disown;
import dev.dmabufsim.exporter.BufferEffect.HandOver;
import dev.dmabufsim.exporter.BufferEffect.Invalidate;
import dev.dmabufsim.exporter.BufferEffect.MapSlots;
import dev.dmabufsim.exporter.BufferEffect.Next;
import dev.dmabufsim.exporter.BufferEffect.Report;
import dev.dmabufsim.exporter.BufferEffect.UnmapSlots;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The lock rule, kinds of exporters and importers, causes, fences, and what may race. */
final class BufferRulesTest {
  private static BufferDriver buffer(ExporterKind kind) {
    return new BufferDriver(Contract.V7, kind);
  }

  @Nested
  final class Calls {
    @ParameterizedTest
    @EnumSource(Operation.class)
    void withTheLockWhereItMustNotBeOrWithoutItAreEinvalAndChangeNothing(Operation operation) {
      BufferDriver b = buffer(ExporterKind.GPU_VRAM).attach(PROCESS, 1);
      BufferState before = b.state;

      b.call(PROCESS, 9, operation, !operation.locked(), Span.WHOLE, 1);

      assertThat(b.answer(1)).isEqualTo(EINVAL);
      assertThat(b.noted(HistoryEvent.IllegalCall.class))
          .containsExactly(new HistoryEvent.IllegalCall(operation, BUFFER, List.of(1)));
      assertThat(b.state).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({
      "VFIO_PCI, OK",
      "RDMA_MMIO, EOPNOTSUPP",
      "GPU_VRAM, OK",
      "SYSTEM_HEAP, OK",
      "UDMABUF, OK"
    })
    void pinIsAnsweredAsTheExporterHasIt(ExporterKind kind, Errno answer) {
      BufferDriver b = buffer(kind).attach(PROCESS, 1);

      assertThat(b.call(PIN, 1).answer(1)).isEqualTo(answer);
      assertThat(b.state.pins()).isEqualTo(answer.ok() ? 1 : 0);
    }

    @Test
    void aMapOfADeviceWithAtsAsksForAnAtsSlot() {
      BufferState.Importer ats =
          new BufferState.Importer(PROCESS, 5, "gpu", ImporterOffer.DYNAMIC, true);
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(ats, 1).call(MAP, 1);

      assertThat(b.effects(MapSlots.class).getFirst().requests())
          .containsExactly(new SlotRequest(1, 5, PROCESS, SlotUse.ATS, Span.WHOLE));
    }

    @Test
    void aStaticMapWaitsForTheKernelsOwnFences() {
      BufferDriver b =
          new BufferDriver(Contract.V2, ExporterKind.GPU_VRAM)
              .attach(PROCESS, ImporterOffer.DYNAMIC.asStatic(), 2)
              .copied()
              .attach(PROCESS, 1)
              .revoke(RevokeCause.EVICTION)
              .returnedWith(FenceUsage.KERNEL, 1)
              .copied();

      b.call(MAP, 2);
      assertThat(b.effects(MapSlots.class)).isEmpty();
      assertThat(b.signalled(1).effects(MapSlots.class)).hasSize(1);
      assertThat(b.slotsMapped(2).answer(2)).isEqualTo(OK);
    }

    @Test
    void releaseSaysWhoIsAttachedStill() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, 1, 2);
      b.happens(new BufferEvent.Released(b.now));

      assertThat(b.noted(HistoryEvent.BufferReleased.class))
          .containsExactly(new HistoryEvent.BufferReleased(BUFFER, 2));
    }
  }

  @Nested
  final class Iommufd {
    private static final ImporterOffer IOMMUFD = ImporterOffer.DYNAMIC.pins(true).iommufdMap(true);

    @ParameterizedTest
    @CsvSource({
      "0, 0, EINVAL",
      "4096, 1, EINVAL",
      "4097, 1, EINVAL",
      "0, 4097, EINVAL",
      "-16, 16, EINVAL",
      "9223372036854775807, 16, EINVAL"
    })
    void aRangeThatIsEmptyOrNotWithinTheBufferIsEinval(long offset, long length, Errno errno) {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, IOMMUFD, 1);

      assertThat(b.call(IOMMUFD_MAP, new Span(offset, length), 1).answer(1)).isEqualTo(errno);
      assertThat(b.effects(MapSlots.class)).isEmpty();
      assertThat(b.noted(HistoryEvent.MapRefused.class))
          .as("it is refused for good, and counted")
          .containsExactly(new HistoryEvent.MapRefused(BUFFER, EINVAL, List.of(1)));
    }

    @Test
    void aRangeIsAnsweredWithItsAddresses() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, IOMMUFD, 1);
      b.call(IOMMUFD_MAP, new Span(1024, BYTES - 1024), 1);
      assertThat(b.effects(MapSlots.class).getFirst().requests())
          .as("the slot reaches no more")
          .allMatch(r -> r.span().equals(new Span(1024, BYTES - 1024)));
      assertThat(b.call(IOMMUFD_MAP, new Span(0, 1024), 1).answer(1))
          .as("another range while the first is on its way")
          .isEqualTo(EBUSY);
      b.call(IOMMUFD_MAP, new Span(1024, BYTES - 1024), 1).slotsMapped(1);

      assertThat(b.answeredTable(1).iova()).isEqualTo(b.table(1).iova() + 1024);
      assertThat(b.answeredTable(1).length()).isEqualTo(BYTES - 1024);
    }

    @ParameterizedTest
    @EnumSource(value = ExporterKind.class, names = "VFIO_PCI", mode = EnumSource.Mode.EXCLUDE)
    void otherExportersDoNotHaveIt(ExporterKind kind) {
      BufferDriver b = buffer(kind).attach(PROCESS, IOMMUFD, 1);

      assertThat(b.call(IOMMUFD_MAP, 1).answer(1)).isEqualTo(EOPNOTSUPP);
    }

    @Test
    void afterARevokeANewMapIsEnodevAndAfterItIsLiftedMapAndUnmapWork() {
      // iommufd's own test: dmabuf_revoke.
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, IOMMUFD, 1);
      b.call(IOMMUFD_MAP, 1).slotsMapped(1).revoke().answered(1).slotsUnmapped(1);
      assertThat(b.call(IOMMUFD_MAP, 1).answer(1)).isEqualTo(ENODEV);

      b.restored();
      assertThat(b.call(IOMMUFD_MAP, 1).slotsMapped(1).answer(1)).isEqualTo(OK);
      assertThat(b.call(UNMAP, 1).slotsUnmapped(1).answer(1)).isEqualTo(OK);
    }

    @Test
    void itsAddressesAreMissedByACountOfUnmaps() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, IOMMUFD, 1);
      b.call(IOMMUFD_MAP, 1).slotsMapped(1).revoke();

      assertThat(b.returned(1).completed()).isEqualTo(RevokeOutcome.ASSUMED);
      assertThat(b.state.mapped()).as("it holds them still").isEqualTo(1);
    }

    @Test
    void itsSlotIsClosedLikeAllOthersUnderEnforced() {
      BufferDriver b = new BufferDriver(Contract.ENFORCED).attach(PROCESS, IOMMUFD, 1);
      b.call(IOMMUFD_MAP, 1).slotsMapped(1).revoke().returned(1);

      assertThat(b.closed(List.of(1), List.of()).completed()).isEqualTo(RevokeOutcome.BLOCKED);
      assertThat(b.state.mapped()).isZero();
    }
  }

  @Nested
  final class Causes {
    @ParameterizedTest
    @EnumSource(RevokeCause.class)
    void whoseTheMemoryIsNextDependsOnTheCause(RevokeCause cause) {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).revoke(cause);
      if (cause.after() == RevokeCause.After.MOVED) {
        b.copied();
      }

      assertThat(b.noted(HistoryEvent.RevokeCompleted.class)).hasSize(1);
      assertThat(b.effects(Disown.class))
          .containsExactly(new Disown(SEGMENT, cause.decodesNothing()));
      assertThat(b.effects(Complete.class).getFirst().next())
          .isEqualTo(cause.decodesNothing() ? Next.NOBODY : Next.TENANT);
    }

    @ParameterizedTest
    @EnumSource(
        value = RevokeCause.class,
        names = {"HOT_UNPLUG", "LAST_CLOSE", "CONTEXT_DESTROYED", "DRIVER_REMOVED"})
    void whatIsDeadIsNeverRestored(RevokeCause cause) {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, 1).revoke(cause).returned(1);

      b.restored();

      assertThat(b.effects())
          .containsExactly(new BufferEffect.GiveBack(SEGMENT + 1), new BufferEffect.Lifted());
      assertThat(b.call(MAP, 1).answer(1)).isEqualTo(ENODEV);
    }

    @Test
    void memoryThatAnsweredNothingGoesToItsNextOwnerWhenTheBufferIsRestored() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).revoke(RevokeCause.MEMORY_DISABLED);

      assertThat(b.restored().effects(HandOver.class)).containsExactly(new HandOver(1, SEGMENT, 1));
    }

    @Test
    void severedMemoryHasNoNextOwner() {
      BufferDriver b = new BufferDriver(Contract.ENFORCED).mapped(PROCESS, 1);
      b.revoke(RevokeCause.MEMORY_DISABLED).answered(1).closed(List.of(), List.of(1)).severed();
      assertThat(b.effects(Disown.class)).isEmpty();
      assertThat(b.effects(Complete.class).getFirst().next()).isEqualTo(Next.REPLACEMENT);

      assertThat(b.restored().effects(HandOver.class)).isEmpty();
    }

    @Test
    void anUnplugOfWhatIsRevokedAlreadyIsTheEndOfIt() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, 1).revoke().returned(1);

      assertThat(b.revoke(RevokeCause.HOT_UNPLUG).effects()).containsExactly(new Report(true));
      assertThat(b.restored().state.revoked()).isTrue();
    }

    @Test
    void anUnplugInTheMiddleOfAResetIsTheEndOfItToo() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, 1).revoke();
      assertThat(b.revoke(RevokeCause.HOT_UNPLUG).effects()).isEmpty();

      b.returned(1);
      assertThat(b.effects(Disown.class)).containsExactly(new Disown(SEGMENT, true));
      assertThat(b.effects(Report.class)).hasSize(1);
      assertThat(b.restored().state.dead()).isTrue();
    }
  }

  @Nested
  final class Fences {
    @Test
    void areAddedByTheReturnOfACallbackAndByNothingElse() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, 1, 2).revoke();
      List<Fence> fence = List.of(new Fence(1, 0, FenceUsage.WRITE));
      b.progress(1, List.of(2), fence, List.of(), List.of());
      assertThat(b.state.resv().signaled(FenceUsage.BOOKKEEP)).isTrue();

      b.progress(1, List.of(1), fence, List.of(), List.of());
      assertThat(b.state.resv().signaled(FenceUsage.WRITE)).isFalse();
    }

    @Test
    void thatHaveSignalledStaySoWhenTheyAreToldAgain() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).mapped(PROCESS, 1).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1).signalled(1).returnedWith(FenceUsage.BOOKKEEP, 1);

      assertThat(b.state.resv().signaled(FenceUsage.BOOKKEEP)).isTrue();
    }

    @Test
    void signalOnceAndASecondSignalIsCounted() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).mapped(PROCESS, 1).revoke();
      b.returnedWith(FenceUsage.BOOKKEEP, 1).signalled(1);
      BufferState once = b.state;

      b.signalled(1, ENODEV, 1);

      assertThat(b.state).isEqualTo(once);
      assertThat(b.noted(HistoryEvent.Dropped.class)).hasSize(1);
    }

    @Test
    void anAnswerThatIsRepeatedFromTheReturnOnIsNotHeldAgainstWhoRepeatsIt() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).mapped(PROCESS, 1).revoke();
      List<Fence> fence = List.of(new Fence(1, 0, FenceUsage.WRITE));
      List<Signal> signal = List.of(new Signal(1, 0, OK));
      b.progress(1, List.of(1), fence, signal, List.of());
      b.progress(1, List.of(1), fence, signal, List.of());

      assertThat(b.noted(HistoryEvent.Dropped.class)).isEmpty();
    }

    @Test
    void oneAttachmentMayHaveSeveralAndAllAreWaitedFor() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(PROCESS, 1).revoke();
      b.progress(
          1,
          List.of(1),
          List.of(new Fence(1, 0, FenceUsage.WRITE), new Fence(1, 1, FenceUsage.BOOKKEEP)),
          List.of(),
          List.of());
      assertThat(b.signalled(1).effects(Complete.class)).isEmpty();

      b.progress(1, List.of(1), List.of(), List.of(new Signal(1, 1, OK)), List.of());
      assertThat(b.completed()).isEqualTo(RevokeOutcome.ACKED);
    }

    @Test
    void nobodyAnswersForSomebodyElse() {
      BufferDriver b = buffer(ExporterKind.VFIO_PCI).attach(4, 1).revoke();
      List<Integer> one = List.of(1);
      BufferState before = b.state;

      b.happens(new BufferEvent.Progressed(5, 1, one, List.of(), List.of(), one, b.now));

      assertThat(b.state).isEqualTo(before);
    }
  }

  @Nested
  final class Races {
    @ParameterizedTest
    @EnumSource(Contract.class)
    void anAttachThatIsNegotiatedBeforeARevokeAndListedAfterItIsNotToldAndItsMapIsEnodev(
        Contract contract) {
      // The exporter's attach op runs without the lock: here is the flag as it reads it ...
      AttachCore device =
          new AttachCore(
              new ExporterPlan.Device(
                  "vfio", ExporterKind.VFIO_PCI, 1, BYTES, List.of(RevokeCause.RESET), Map.of()),
              Set.of(BUFFER),
              1);
      BufferState.Importer importer = BufferDriver.importer(PROCESS, ImporterOffer.DYNAMIC);
      AttachCore.Step negotiated =
          device.step(
              AttachCore.fresh(50),
              new AttachCore.Event.Asked(BUFFER, true, "nic", importer, List.of(1L)));
      AttachCore.Effect.Attach listed = (AttachCore.Effect.Attach) negotiated.effects().getFirst();

      // ... and now a revoke comes, which finds nobody on the list, and is over.
      BufferDriver b = new BufferDriver(contract).revoke();
      assertThat(b.effects(Invalidate.class)).isEmpty();
      if (contract.enforced()) {
        b.closed(List.of(), List.of());
      }
      assertThat(b.effects(Complete.class)).hasSize(1);

      b.happens(new BufferEvent.Attached(listed.importer(), listed.ids(), listed.mapErrno(), 1));
      assertThat(b.after(10 * ASK).effects(Invalidate.class)).isEmpty();
      assertThat(b.call(MAP, 50).answer(50)).as("only this protects").isEqualTo(ENODEV);
      assertThat(b.restored().call(MAP, 50).slotsMapped(50).answer(50)).isEqualTo(OK);
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void anUnmapOfTheRevokeBeforeDoesNotCountForTheNext(Contract contract) {
      // "Un-revoke before re-arm": a counter that is shared by two revokes would go below zero.
      BufferDriver b = new BufferDriver(contract).mapped(PROCESS, 1).revoke();
      b.answered(1).slotsUnmapped(1);
      if (contract.enforced()) {
        b.closed(List.of(), List.of());
      }
      b.restored().call(MAP, 1).slotsMapped(1);
      BufferState live = b.state;

      b.progress(1, List.of(1), List.of(1));
      assertThat(b.effects(UnmapSlots.class)).isEmpty();
      assertThat(b.state).as("after the restore").isEqualTo(live);

      b.revoke();
      BufferState revoking = b.state;
      b.progress(1, List.of(1), List.of(1));
      assertThat(b.state).as("in the next revoke").isEqualTo(revoking);
      b.happens(new BufferEvent.SlotsUnmapped(List.of(new MappingId(1, 1, SlotUse.DMA)), b.now));
      assertThat(b.state).as("the old slot, closed again").isEqualTo(revoking);
      assertThat(b.effects(Complete.class)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Contract.class)
    void aRevokeRepeatedWhileOneIsInProgressIsOneRevokeAndCompletesOnce(Contract contract) {
      BufferDriver b = new BufferDriver(contract).mapped(PROCESS, 1).revoke();
      for (int i = 0; i < 3; i++) {
        assertThat(b.revoke().effects()).isEmpty();
      }
      b.answered(1);
      List<Complete> completes = new ArrayList<>(b.effects(Complete.class));
      List<Report> reports = new ArrayList<>(b.effects(Report.class));
      b.slotsUnmapped(1);
      completes.addAll(b.effects(Complete.class));
      reports.addAll(b.effects(Report.class));
      if (contract.enforced()) {
        b.closed(List.of(), List.of());
        completes.addAll(b.effects(Complete.class));
        reports.addAll(b.effects(Report.class));
      }

      assertThat(completes).hasSize(1);
      assertThat(reports).hasSize(1);
      assertThat(b.state.epoch()).isEqualTo(1);
    }
  }
}
