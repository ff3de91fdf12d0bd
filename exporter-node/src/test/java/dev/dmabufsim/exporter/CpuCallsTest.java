package dev.dmabufsim.exporter;

import static dev.dmabufsim.common.contract.Errno.EBUSY;
import static dev.dmabufsim.common.contract.Errno.EINVAL;
import static dev.dmabufsim.common.contract.Errno.ENODEV;
import static dev.dmabufsim.common.contract.Errno.ENOMEM;
import static dev.dmabufsim.common.contract.Errno.EOVERFLOW;
import static dev.dmabufsim.common.contract.Errno.OK;
import static dev.dmabufsim.common.message.Operation.BEGIN_CPU_ACCESS;
import static dev.dmabufsim.common.message.Operation.DETACH;
import static dev.dmabufsim.common.message.Operation.END_CPU_ACCESS;
import static dev.dmabufsim.common.message.Operation.MMAP;
import static dev.dmabufsim.common.message.Operation.MUNMAP;
import static dev.dmabufsim.common.message.Operation.VMAP;
import static dev.dmabufsim.common.message.Operation.VUNMAP;
import static dev.dmabufsim.exporter.BufferDriver.BYTES;
import static dev.dmabufsim.exporter.BufferDriver.PROCESS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferEffect.CloseBuffer;
import dev.dmabufsim.exporter.BufferEffect.Complete;
import dev.dmabufsim.exporter.BufferEffect.MapSlots;
import dev.dmabufsim.exporter.BufferEffect.UnmapSlots;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** CPU access: the rows of begin and end, mmap and vmap in section 1 of the contract. */
final class CpuCallsTest {
  private static final RevokeCause DEAD = RevokeCause.HOT_UNPLUG;

  private static BufferDriver gpu(Contract contract) {
    return new BufferDriver(contract, ExporterKind.GPU_VRAM).attach(PROCESS, 1);
  }

  private static BufferDriver gpu() {
    return gpu(Contract.V7);
  }

  @ParameterizedTest
  @CsvSource({"MMAP, MUNMAP", "VMAP, VUNMAP"})
  void aMappingThatIsGivenBackBeforeItWasAnsweredIsClosedAsSoonAsItIsOpen(
      Operation map, Operation unmap) {
    BufferDriver b = gpu().call(map, 1);
    b.call(unmap, 1);
    assertThat(b.effects(UnmapSlots.class)).hasSize(1);
    assertThat(b.effects(BufferEffect.Reply.class).getFirst().failed().getFirst().errno())
        .isEqualTo(Errno.EINTR);
    assertThat(b.cpuUnmapped(1).answer(1)).isEqualTo(OK);
    assertThat(b.call(DETACH, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void aMapThatItsOwnUnmapHasOvertakenIsNoCallAnyMore() {
    BufferDriver b = gpu().call(PROCESS, 20, VUNMAP, 1);
    assertThat(b.answer(1)).as("nothing was mapped").isEqualTo(EINVAL);
    b.call(PROCESS, 19, VMAP, 1);
    assertThat(b.effects(MapSlots.class)).isEmpty();
    assertThat(b.effects(BufferEffect.Reply.class)).isEmpty();
    assertThat(b.effects(BufferEffect.Note.class))
        .extracting(BufferEffect.Note::event)
        .containsExactly(
            new HistoryEvent.Dropped(
                "VMAP of process " + PROCESS, "a later call has overtaken it"));
    assertThat(b.call(PROCESS, 21, DETACH, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void theCpusCallsAndTheDriversDoNotOvertakeEachOther() {
    BufferDriver b = gpu().call(PROCESS, 20, BEGIN_CPU_ACCESS, 1);
    assertThat(b.answer(1)).isEqualTo(OK);
    b.call(PROCESS, 19, Operation.PIN, 1);
    assertThat(b.answer(1)).as("under an older number").isEqualTo(OK);
    b.call(PROCESS, 18, Operation.UNPIN, 1);
    assertThat(b.state.pins()).as("older than the pin").isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(Contract.class)
  void aCpuMappingHasASlotOfItsOwnThatIsCheckedUnderEveryContract(Contract contract) {
    BufferDriver b = gpu(contract).call(MMAP, 1);
    assertThat(b.effects(MapSlots.class))
        .containsExactly(
            new MapSlots(
                0,
                true,
                List.of(new SlotRequest(1, PROCESS << 16, PROCESS, SlotUse.CPU, Span.WHOLE))));

    assertThat(b.cpuMapped(1).answer(1)).isEqualTo(OK);
    assertThat(b.answeredTable(1).use()).isEqualTo(SlotUse.CPU);
    assertThat(b.state.mapped()).as("for DMA").isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = ExporterKind.class,
      names = {"VFIO_PCI", "RDMA_MMIO"})
  void withoutTheOpMmapAndVmapAreEinval(ExporterKind kind) {
    BufferDriver b = new BufferDriver(Contract.V7, kind).attach(PROCESS, 1);

    assertThat(b.call(MMAP, 1).answer(1)).isEqualTo(EINVAL);
    assertThat(b.call(VMAP, 1).answer(1)).isEqualTo(EINVAL);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 4097, EINVAL",
    "4096, 1, EINVAL",
    "0, 0, EINVAL",
    "-1, 10, EINVAL",
    "9223372036854771712, 8192, EOVERFLOW"
  })
  void mmapOfMoreThanThereIsIsEinvalAndOfWhatWrapsEoverflow(long offset, long length, Errno errno) {
    assertThat(gpu().call(MMAP, new Span(offset, length), 1).answer(1)).isEqualTo(errno);
    assertThat(EOVERFLOW.number()).isEqualTo(75);
  }

  @Test
  void mmapOfAPartIsAnsweredWithThatPart() {
    BufferDriver b = gpu().call(MMAP, new Span(1024, 2048), 1).cpuMapped(1);

    SgTable whole = b.table(1, SlotUse.CPU);
    assertThat(b.answeredTable(1).iova()).isEqualTo(whole.iova() + 1024);
    assertThat(b.answeredTable(1).length()).isEqualTo(2048);
    assertThat(SgTable.slotOf(b.answeredTable(1).iova())).isEqualTo(whole.slot());
    assertThat(b.call(MMAP, 1).answeredTable(1).length()).isEqualTo(BYTES);
  }

  @Test
  void withoutASlotItIsEnomemAndTheMappingForDmaIsNotConcerned() {
    BufferDriver b = gpu().call(MMAP, 1).call(Operation.MAP, 1);
    b.happens(new BufferEvent.SlotsMapped(0, SlotUse.CPU, List.of(), List.of(1)));
    assertThat(b.answer(1)).isEqualTo(ENOMEM);

    assertThat(b.slotsMapped(1).answer(1)).isEqualTo(OK);
  }

  @Test
  void theSlotIsClosedWhenTheLastMappingIsGivenUpAndThatIsAnsweredThen() {
    BufferDriver b = gpu().call(MMAP, 1).cpuMapped(1).call(MMAP, 1).call(VMAP, 1);
    assertThat(b.call(MUNMAP, 1).answer(1)).isEqualTo(OK);
    assertThat(b.call(VUNMAP, 1).answer(1)).isEqualTo(OK);
    assertThat(b.call(DETACH, 1).answer(1)).as("still mapped").isEqualTo(EINVAL);

    b.call(MUNMAP, 1);
    assertThat(b.silent()).isTrue();
    assertThat(b.effects(UnmapSlots.class))
        .containsExactly(new UnmapSlots(List.of(new MappingId(1, 1, SlotUse.CPU))));
    assertThat(b.cpuUnmapped(1).answer(1)).isEqualTo(OK);
    assertThat(b.call(DETACH, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void whatIsNotMappedCannotBeGivenUp() {
    BufferDriver b = gpu();
    assertThat(b.call(MUNMAP, 1).answer(1)).isEqualTo(EINVAL);
    assertThat(b.call(VUNMAP, 1).answer(1)).isEqualTo(EINVAL);
  }

  @ParameterizedTest
  @EnumSource(Contract.class)
  void aRevokeClosesTheSlotAndNoSequenceIsCompleteBeforeItIsClosed(Contract contract) {
    BufferDriver b = gpu(contract).call(MMAP, 1).cpuMapped(1).revoke(DEAD);
    assertThat(b.effects(UnmapSlots.class))
        .containsExactly(new UnmapSlots(List.of(new MappingId(1, 1, SlotUse.CPU))));
    assertThat(b.answered(1).effects(Complete.class)).isEmpty();

    b.cpuUnmapped(1);

    int completes = b.effects(Complete.class).size();
    assertThat(contract.enforced() ? b.effects(CloseBuffer.class).size() : completes).isOne();
    assertThat(b.call(MMAP, 1).answer(1)).isEqualTo(ENODEV);
    assertThat(b.call(MUNMAP, 1).answer(1)).as("stays legal").isEqualTo(OK);
  }

  @Test
  void vmapHandsOutWhatItHasCachedAfterARevokeToo() {
    BufferDriver b = gpu().call(VMAP, 1).cpuMapped(1);
    SgTable first = b.answeredTable(1);
    b.revoke(DEAD).answered(1).cpuUnmapped(1);

    assertThat(b.call(VMAP, 1).answer(1)).as("the trap").isEqualTo(OK);
    assertThat(b.answeredTable(1)).isEqualTo(first);
    assertThat(b.call(VUNMAP, 1).answer(1)).isEqualTo(OK);
    assertThat(b.call(VUNMAP, 1).answer(1)).isEqualTo(OK);
    assertThat(b.call(VMAP, 1).answer(1)).as("nothing is cached").isEqualTo(ENODEV);
  }

  @Test
  void anMmapWhoseAnswerWasLostAndThatWasTakenMeanwhileIsNotCountedAnyMore() {
    BufferDriver b = gpu().call(PROCESS, 5, MMAP, 1).cpuMapped(1);
    assertThat(b.answer(1)).isEqualTo(OK);
    b.revoke(DEAD).answered(1).cpuUnmapped(1);
    assertThat(b.call(PROCESS, 5, MMAP, 1).answer(1)).isEqualTo(ENODEV);
    assertThat(b.call(PROCESS, 5, MMAP, 1).answer(1)).as("once more").isEqualTo(ENODEV);
    assertThat(b.call(PROCESS, 6, DETACH, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void anMmapThatComesTwiceIsNotTakenBackFromWhoHasUsedIt() {
    BufferDriver b = gpu().call(PROCESS, 5, MMAP, 1).cpuMapped(1);
    b.call(PROCESS, 6, BEGIN_CPU_ACCESS, 1).call(PROCESS, 7, END_CPU_ACCESS, 1);
    b.revoke(DEAD).answered(1).cpuUnmapped(1);
    b.call(PROCESS, 5, MMAP, 1);
    assertThat(b.effects(BufferEffect.Reply.class)).isEmpty();
    assertThat(b.call(PROCESS, 8, DETACH, 1).answer(1)).as("it is mapped still").isEqualTo(EINVAL);
    assertThat(b.call(PROCESS, 9, MUNMAP, 1).answer(1)).isEqualTo(OK);
    assertThat(b.call(PROCESS, 10, DETACH, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void aMoveTakesTheCpusMappingToo() {
    BufferDriver b = gpu().call(MMAP, 1).cpuMapped(1).revoke(RevokeCause.EVICTION);
    b.answered(1).cpuUnmapped(1).copied();

    b.call(MMAP, 1).cpuMapped(1);
    assertThat(b.answeredTable(1).generation()).isEqualTo(2);
    assertThat(b.answeredTable(1).content()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(FenceUsage.class)
  void beginWaitsForWhatWritesAndNotForReadersAndBookkeeping(FenceUsage usage) {
    BufferDriver b = gpu(Contract.V2).revoke(DEAD).returnedWith(usage, 1);
    b.call(BEGIN_CPU_ACCESS, 1);
    boolean waits = FenceUsage.WRITE.waitsFor(usage);
    assertThat(b.silent()).isEqualTo(waits);
    if (waits) {
      assertThat(b.signalled(1).answer(1)).isEqualTo(OK);
    }
    assertThat(b.call(END_CPU_ACCESS, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void beginGoesOnWhenAFenceSignalsWithAnError() {
    BufferDriver b = gpu(Contract.V2).revoke(DEAD).returnedWith(FenceUsage.WRITE, 1);
    b.call(BEGIN_CPU_ACCESS, 1);

    assertThat(b.signalled(1, ENODEV, 1).answer(1)).isEqualTo(OK);
  }

  @Test
  void aGpusBeginWaitsFor15SecondsAndIsEbusy() {
    BufferDriver b = gpu(Contract.V2).revoke(DEAD).returnedWith(FenceUsage.WRITE, 1);
    b.call(BEGIN_CPU_ACCESS, 1);
    long begin = b.lastCall();
    b.after(14_999_999_999L);
    assertThat(b.silent()).isTrue();
    assertThat(b.call(PROCESS, begin, BEGIN_CPU_ACCESS, 1).silent())
        .as("asked again, it waits no longer")
        .isTrue();

    b.after(1);
    assertThat(b.answer(1)).isEqualTo(EBUSY);
    assertThat(b.signalled(1).silent()).as("answered once").isTrue();
    assertThat(b.call(PROCESS, begin, BEGIN_CPU_ACCESS, 1).answer(1)).isEqualTo(EBUSY);
    assertThat(b.call(BEGIN_CPU_ACCESS, 1).answer(1)).as("another begin").isEqualTo(OK);
  }

  @Test
  void itIsWokenWhenItsTimeIsOverAndNotOnlyAfterwards() {
    BufferDriver b = gpu(Contract.V2).revoke(DEAD).returnedWith(FenceUsage.WRITE, 1);
    b.call(BEGIN_CPU_ACCESS, 1);
    long end = b.now + 15_000_000_000L;
    assertThat(b.effects(BufferEffect.WakeAt.class)).isNotEmpty();
    b.after(14_999_999_999L);
    assertThat(b.effects(BufferEffect.WakeAt.class))
        .singleElement()
        .isEqualTo(new BufferEffect.WakeAt(end));
  }

  @ParameterizedTest
  @EnumSource(
      value = ExporterKind.class,
      names = {"RDMA_MMIO", "VFIO_PCI"})
  void otherBeginsWaitWithoutBound(ExporterKind kind) {
    BufferDriver b = new BufferDriver(Contract.V2, kind).attach(PROCESS, 1);
    b.revoke(DEAD).returnedWith(FenceUsage.WRITE, 1).call(BEGIN_CPU_ACCESS, 1);
    b.after(1_000_000_000_000L);
    assertThat(b.silent()).isTrue();
    assertThat(b.signalled(1).answer(1)).isEqualTo(OK);
  }

  @Test
  void whoCallsAgainHasBeenInterruptedInHisWait() {
    BufferDriver b = gpu(Contract.V2).revoke(DEAD).returnedWith(FenceUsage.WRITE, 1);
    b.call(BEGIN_CPU_ACCESS, 1);
    long begin = b.lastCall();
    b.call(END_CPU_ACCESS, 1);
    assertThat(b.effects(BufferEffect.Reply.class))
        .filteredOn(r -> r.call() == begin)
        .singleElement()
        .satisfies(r -> assertThat(r.failed().getFirst().errno()).isEqualTo(Errno.ERESTARTSYS));
    assertThat(b.signalled(1).silent()).as("answered once").isTrue();
  }

  @Test
  void beginThatWaitsForASilentImporterIsReleasedByAnEnforcedRevoke() {
    BufferDriver b = gpu(Contract.ENFORCED).revoke(DEAD).returnedWith(FenceUsage.WRITE, 1);
    assertThat(b.call(BEGIN_CPU_ACCESS, 1).silent()).isTrue();

    b.after(BufferDriver.ASK).closed(List.of(), List.of());

    assertThat(b.answer(1)).isEqualTo(OK);
  }

  @ParameterizedTest
  @CsvSource({"MMAP, MUNMAP", "VMAP, VUNMAP"})
  void whatIsGivenUpAgainUnderItsNumberIsNotIllegalNeitherBeforeItIsAnsweredNorAfter(
      Operation map, Operation unmap) {
    BufferDriver b = gpu().call(PROCESS, 5, map, 1).cpuMapped(1).call(PROCESS, 6, unmap, 1);

    assertThat(b.call(PROCESS, 6, unmap, 1).silent()).as("under way").isTrue();
    assertThat(b.noted(HistoryEvent.IllegalCall.class)).isEmpty();
    assertThat(b.cpuUnmapped(1).answer(1)).isEqualTo(OK);
    assertThat(b.call(PROCESS, 6, unmap, 1).answer(1)).isEqualTo(OK);
    assertThat(b.noted(HistoryEvent.IllegalCall.class)).isEmpty();
    assertThat(b.call(PROCESS, 7, unmap, 1).answer(1)).as("a second one").isEqualTo(EINVAL);
    assertThat(b.noted(HistoryEvent.IllegalCall.class)).hasSize(1);
  }

  @Test
  void aCallWhoseAnswerWasLostIsCountedOnceThoughOthersHaveFollowed() {
    BufferDriver b = gpu().call(PROCESS, 5, MMAP, 1).cpuMapped(1).call(PROCESS, 6, VMAP, 1);

    assertThat(b.call(PROCESS, 5, MMAP, 1).answer(1)).isEqualTo(OK);

    assertThat(b.state.attachments().get(1).cpu().mmaps()).isEqualTo(1);
    b.call(PROCESS, 7, MUNMAP, 1).call(PROCESS, 8, VUNMAP, 1).cpuUnmapped(1);
    assertThat(b.call(PROCESS, 9, DETACH, 1).answer(1)).as("nothing is left").isEqualTo(OK);
  }

  @Test
  void callsForTheCpuAndForDmaAreRepeatedEachForItself() {
    BufferDriver b =
        gpu().call(PROCESS, 5, VMAP, 1).cpuMapped(1).call(PROCESS, 6, Operation.PIN, 1);

    assertThat(b.call(PROCESS, 5, VMAP, 1).answer(1)).isEqualTo(OK);
    assertThat(b.state.attachments().get(1).cpu().vmaps()).isEqualTo(1);
    assertThat(b.call(PROCESS, 6, Operation.PIN, 1).answer(1)).isEqualTo(OK);
    assertThat(b.state.pins()).isEqualTo(1);
  }
}
