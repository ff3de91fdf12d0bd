package dev.dmabufsim.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.iommu.IommuEffect.AnnounceDeath;
import dev.dmabufsim.iommu.IommuEffect.BufferClosed;
import dev.dmabufsim.iommu.IommuEffect.ClearInFlight;
import dev.dmabufsim.iommu.IommuEffect.CloseSlots;
import dev.dmabufsim.iommu.IommuEffect.Note;
import dev.dmabufsim.iommu.IommuEffect.OpenSlot;
import dev.dmabufsim.iommu.IommuEffect.SlotsMapped;
import dev.dmabufsim.iommu.IommuEffect.SlotsUnmapped;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class IommuCoreTest {
  private static final int BUFFER = 7;
  private static final long DRAIN = 1_000;
  private static final int ONE = 1;
  private static final int TWO = 2;
  private static final int EXPORTER = 9;

  private final SlotTable table = new SlotTable(4);

  /** One device for each process. */
  private static SlotRequest request(int attachment, int process) {
    return request(attachment, process, SlotUse.DMA);
  }

  private static SlotRequest request(int attachment, int process, SlotUse use) {
    return new SlotRequest(attachment, SlotMapping.deviceKey(process, 0), process, use, Span.WHOLE);
  }

  private SlotsMapped map(int process, Integer... attachments) {
    return mapAt(0, 1, process, attachments);
  }

  private SlotsMapped mapAt(long epoch, long generation, int process, Integer... attachments) {
    List<SlotRequest> requests = Arrays.stream(attachments).map(a -> request(a, process)).toList();
    table.happens(new IommuEvent.Map(BUFFER, epoch, 70, generation, 4096, true, requests));
    return table.effects(SlotsMapped.class).getFirst();
  }

  private SlotTable unmap(Integer... attachments) {
    return table.happens(
        new IommuEvent.Unmap(
            BUFFER,
            Arrays.stream(attachments).map(a -> new MappingId(a, 1, SlotUse.DMA)).toList()));
  }

  private SlotTable close(long epoch) {
    return table.happens(new IommuEvent.Close(BUFFER, epoch, DRAIN, table.now));
  }

  private SlotTable after(long nanos) {
    table.now += nanos;
    return table.happens(table.sampled());
  }

  private SlotTable died(int process) {
    return table.happens(new IommuEvent.ProcessDied(process, "node-" + process));
  }

  private static BufferJournal.Entry entry(long epoch, Phase phase) {
    return new BufferJournal.Entry(0, BUFFER, EXPORTER, 70, 4096, 1, epoch, phase);
  }

  private SlotTable orphans(BufferJournal.Entry... entries) {
    return table.happens(new IommuEvent.Orphans(List.of(entries), DRAIN, table.now));
  }

  private <T extends HistoryEvent> List<T> notes(Class<T> kind) {
    return table.effects(Note.class).stream()
        .map(Note::event)
        .filter(kind::isInstance)
        .map(kind::cast)
        .toList();
  }

  @Test
  void aDeadExportersBufferIsBlockedSeveredAndReclaimedInTheEpochOfItsRevoke() {
    map(ONE, 10, 11);
    died(EXPORTER);
    orphans(entry(3, Phase.REVOKING));

    assertThat(notes(HistoryEvent.Orphaned.class))
        .containsExactly(new HistoryEvent.Orphaned(BUFFER, 3, 70, 1, EXPORTER, true));
    assertThat(notes(HistoryEvent.Reclaimed.class))
        .containsExactly(new HistoryEvent.Reclaimed(BUFFER, 3, 70, 1, RevokeOutcome.BLOCKED, 0));
    assertThat(table.state.open()).isEmpty();
    assertThat(table.effects(BufferClosed.class)).as("to nobody").isEmpty();
  }

  @Test
  void ofABufferThatIsNotBeingRevokedTheMemoryIsTakenBackInANewEpoch() {
    died(EXPORTER);
    orphans(entry(3, Phase.LIVE));
    assertThat(notes(HistoryEvent.Orphaned.class))
        .containsExactly(new HistoryEvent.Orphaned(BUFFER, 4, 70, 1, EXPORTER, false));
    assertThat(notes(HistoryEvent.Reclaimed.class))
        .extracting(HistoryEvent.Reclaimed::epoch)
        .containsExactly(4L);
  }

  @Test
  void whatDoesNotDrainIsSeveredWhenItsTimeIsOver() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    died(EXPORTER);
    orphans(entry(3, Phase.REVOKED));
    assertThat(table.effects(IommuEffect.SeverOrphan.class)).isEmpty();

    after(DRAIN);

    assertThat(notes(HistoryEvent.Reclaimed.class))
        .extracting(HistoryEvent.Reclaimed::outcome)
        .containsExactly(RevokeOutcome.SEVERED);
  }

  @Test
  void theLivingAndWhatIsReleasedOrReclaimedAreLeftAlone() {
    orphans(entry(3, Phase.LIVE));
    assertThat(table.effects).isEmpty();
    died(EXPORTER);
    orphans(entry(3, Phase.RELEASED));
    assertThat(table.effects).isEmpty();
    orphans(entry(3, Phase.RECLAIMED));
    assertThat(table.effects).isEmpty();
  }

  /** What the explorer had found: with no IOMMU there meanwhile, nobody closed them. */
  @Test
  void whatTheSuccessorOfADeadExporterHasReclaimedHasItsSlotsClosed() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    died(EXPORTER);
    orphans(entry(3, Phase.RECLAIMED));

    assertThat(table.state.open()).isEmpty();
    assertThat(table.effects(IommuEffect.SeverOrphan.class)).isEmpty();
    assertThat(table.state.draining()).containsOnlyKeys(slot);
    table.dma(slot, false);
    after(1);
    assertThat(table.state.busy()).isFalse();
  }

  @Test
  void anOrphanThatCouldNotBeSeveredIsSeveredLaterAndReclaimedOnce() {
    died(EXPORTER);
    table.severFails = true;
    orphans(entry(3, Phase.LIVE));
    assertThat(notes(HistoryEvent.Reclaimed.class)).isEmpty();
    table.severFails = false;
    orphans(entry(4, Phase.RECLAIMING));
    assertThat(notes(HistoryEvent.Reclaimed.class)).hasSize(1);
    assertThat(table.state.orphans()).isEmpty();
  }

  @Test
  void nobodyGetsSlotsOfAnOrphanAndALateCloseOfItsExportersChangesNothing() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    died(EXPORTER);
    orphans(entry(3, Phase.LIVE));
    table.happens(new IommuEvent.Map(BUFFER, 9, 70, 9, 4096, true, List.of(request(12, ONE))));
    assertThat(table.effects).isEmpty();
    close(9);
    after(DRAIN);
    assertThat(notes(HistoryEvent.Reclaimed.class)).hasSize(1);
  }

  private static List<Integer> slots(SlotsMapped answer) {
    return answer.tables().stream().map(SgTable::slot).toList();
  }

  private static IommuState.Holder holder(int attachment) {
    return new IommuState.Holder(attachment, SlotUse.DMA);
  }

  /** The slot through which an attachment does DMA. */
  private int open(int attachment) {
    return Objects.requireNonNull(table.state.open().get(holder(attachment))).index();
  }

  private static MappingId mapping(int attachment) {
    return new MappingId(attachment, 1, SlotUse.DMA);
  }

  @Test
  void aMapOpensASlotForEachAttachmentAndSaysWhichAddressLeadsThere() {
    SlotsMapped answer = map(ONE, 10, 11);

    assertThat(answer.refused()).isEmpty();
    assertThat(slots(answer)).doesNotHaveDuplicates();
    int first = answer.tables().getFirst().slot();
    assertThat(table.effects(OpenSlot.class))
        .contains(
            new OpenSlot(
                first,
                new SlotMapping(10, BUFFER, SlotMapping.deviceKey(ONE, 0), ONE, 70, 1, 0, 4096, 0),
                SlotUse.DMA,
                true));
    assertThat(SgTable.slotOf(answer.tables().getFirst().iova())).isEqualTo(first);
  }

  @Test
  void aSlotForARangeReachesThatRangeAndNoMore() {
    Span span = new Span(1024, 512);
    SlotRequest request =
        new SlotRequest(10, SlotMapping.deviceKey(ONE, 0), ONE, SlotUse.DMA, span);
    IommuEvent.Map map = new IommuEvent.Map(BUFFER, 0, 70, 1, 4096, true, List.of(request));
    SgTable range = table.happens(map).effects(SlotsMapped.class).getFirst().tables().getFirst();

    SlotMapping mapping = table.effects(OpenSlot.class).getFirst().mapping();
    assertThat(mapping.offset()).isEqualTo(1024);
    assertThat(mapping.length()).isEqualTo(512);
    assertThat(mapping.covers(range.offset(), range.length())).isTrue();
    assertThat(mapping.covers(1023, 512)).isFalse();
    assertThat(mapping.covers(1025, 512)).isFalse();
    assertThat(mapping.covers(0, 4096)).isFalse();
    assertThat(mapping.covers(Long.MAX_VALUE, 512)).isFalse();

    assertThat(table.happens(map).effects(OpenSlot.class)).as("asked again").isEmpty();
    map(ONE, 10);
    assertThat(table.effects(CloseSlots.class)).as("another range is another slot").hasSize(1);
  }

  @Test
  void aMapIsRefusedForThoseForWhomThereIsNoSlotLeft() {
    SlotsMapped answer = map(ONE, 10, 11, 12, 13, 14, 15);
    assertThat(answer.tables()).hasSize(4);
    assertThat(answer.refused()).containsExactly(14, 15);

    unmap(11);
    assertThat(map(ONE, 14, 15).refused()).containsExactly(15);
  }

  @Test
  void aMapAskedAgainIsAnsweredWithTheSlotThatIsOpen() {
    SlotsMapped first = map(ONE, 10);

    assertThat(map(ONE, 10)).isEqualTo(first);
    assertThat(table.effects(OpenSlot.class)).isEmpty();
    assertThat(table.effects(CloseSlots.class)).isEmpty();
  }

  @Test
  void aMapOfOtherMemoryClosesTheSlotThatWasOpen() {
    int first = slots(mapAt(0, 1, ONE, 10)).getFirst();
    SlotsMapped second = mapAt(1, 2, ONE, 10);

    assertThat(slots(second)).doesNotContain(first);
    assertThat(table.effects(CloseSlots.class).getFirst().slots()).containsExactly(first);
    assertThat(table.state.open()).hasSize(1);
  }

  @Test
  void aMapFromBeforeARevokeThatComesAfterItsCloseIsNotAnswered() {
    map(ONE, 10);
    close(1);
    table.happens(new IommuEvent.Map(BUFFER, 0, 70, 1, 4096, true, List.of(request(10, ONE))));

    assertThat(table.effects).isEmpty();
    assertThat(table.state.open()).isEmpty();
  }

  @Test
  void anUnmapIsAnsweredOnceNothingIsInFlight() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    unmap(10);
    assertThat(table.effects(CloseSlots.class)).containsExactly(new CloseSlots(List.of(slot)));
    assertThat(table.effects(SlotsUnmapped.class)).isEmpty();
    assertThat(after(1_000_000).effects(SlotsUnmapped.class)).isEmpty();

    table.dma(slot, false);
    assertThat(after(1).effects(SlotsUnmapped.class))
        .containsExactly(new SlotsUnmapped(BUFFER, List.of(mapping(10))));
  }

  @Test
  void anUnmapAskedAgainIsAnsweredOnceMore() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    unmap(10);
    unmap(10);
    table.dma(slot, false);
    assertThat(after(1).effects(SlotsUnmapped.class)).hasSize(1);

    assertThat(unmap(10).effects(SlotsUnmapped.class))
        .containsExactly(new SlotsUnmapped(BUFFER, List.of(mapping(10))));
  }

  @Test
  void anUnmapOfWhatIsNotMappedIsAnsweredAtOnce() {
    assertThat(unmap(99).effects).containsExactly(new SlotsUnmapped(BUFFER, List.of(mapping(99))));
  }

  @Test
  void anUnmapThatComesLateDoesNotCloseANewerMapping() {
    mapAt(0, 1, ONE, 10);
    close(1);
    int slot = slots(mapAt(1, 2, ONE, 10)).getFirst();

    unmap(10);

    assertThat(open(10)).isEqualTo(slot);
    assertThat(table.effects(CloseSlots.class)).isEmpty();
  }

  @Test
  void aCloseClosesEverySlotOfTheBufferAndOfNoOther() {
    map(ONE, 10);
    map(TWO, 20);
    table.happens(new IommuEvent.Map(BUFFER + 1, 0, 80, 5, 4096, true, List.of(request(30, ONE))));

    close(1);

    assertThat(table.effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(10, 20), List.of(), 0));
    assertThat(table.state.open()).containsOnlyKeys(holder(30));
    assertThat(table.effects(Note.class))
        .containsExactly(
            new Note(new HistoryEvent.Closed(BUFFER, 1, 2, List.of(10, 20), List.of(), 0)));
  }

  @Test
  void aCloseOfABufferWithoutSlotsIsAnsweredAtOnce() {
    assertThat(close(1).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(), List.of(), 0));
  }

  @Test
  void aCloseIsAnsweredWhenTheLastDmaHasEndedThoughItHadMoreTime() {
    int slot = slots(map(ONE, 10, 11)).getFirst();
    table.dma(slot, true);
    close(1);
    assertThat(table.effects(BufferClosed.class)).isEmpty();

    table.dma(slot, false);
    assertThat(after(DRAIN / 2).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(10, 11), List.of(), DRAIN / 2));
  }

  @Test
  void aCloseIsAnsweredAtItsDeadlineWithWhatIsStillInFlight() {
    SlotsMapped mapped = map(ONE, 10, 11);
    table.dma(mapped.tables().get(1).slot(), true);
    close(1);
    assertThat(after(DRAIN - 1).effects(BufferClosed.class)).isEmpty();

    assertThat(after(1).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(10, 11), List.of(11), DRAIN));
    assertThat(after(DRAIN).effects(BufferClosed.class)).as("a second answer").isEmpty();
  }

  @Test
  void aCloseWaitsForTheDmaOfWhatWasUnmappedJustBefore() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    unmap(10);
    close(1);
    assertThat(table.effects(BufferClosed.class)).isEmpty();

    assertThat(after(DRAIN).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(), List.of(10), DRAIN));
  }

  @Test
  void aCloseAskedAgainWhileItIsUnderWayIsAnsweredOnceAndHasNoMoreTime() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    close(1);
    after(DRAIN / 2);
    close(1);

    assertThat(after(DRAIN / 2).effects(BufferClosed.class)).hasSize(1);
    assertThat(after(DRAIN).effects(BufferClosed.class)).isEmpty();
  }

  @Test
  void aCloseAskedAgainAfterItsAnswerWasLostIsAnsweredAgain() {
    map(ONE, 10);
    close(1);

    assertThat(close(1).effects(BufferClosed.class)).hasSize(1);
  }

  @Test
  void aCloseAskedAgainAfterTheRestoreClosesNothingThatWasMappedSince() {
    map(ONE, 10);
    close(1);
    mapAt(1, 2, ONE, 10);

    assertThat(close(1).effects(BufferClosed.class)).hasSize(1);
    assertThat(table.state.open()).containsOnlyKeys(holder(10));
  }

  @Test
  void aSlotThatIsGivenBackIsForItsOwnDeviceOnly() {
    int slot = slots(map(ONE, 10)).getFirst();
    unmap(10);

    assertThat(slots(map(TWO, 20, 21, 22))).doesNotContain(slot);
    assertThat(map(TWO, 23).refused()).containsExactly(23);
    assertThat(slots(map(ONE, 11))).containsExactly(slot);
  }

  @Test
  void theSlotsOfADeadProcessAreClosedAndThenForEverybody() {
    List<Integer> its = new ArrayList<>(slots(map(ONE, 10, 11, 12)));
    unmap(12);
    table.dma(its.getFirst(), true);

    died(ONE);

    assertThat(table.state.open()).isEmpty();
    assertThat(table.effects(AnnounceDeath.class)).containsExactly(new AnnounceDeath(ONE));
    assertThat(table.effects(Note.class))
        .containsExactly(new Note(new HistoryEvent.ProcessDied(ONE, "node-1", 2)));
    assertThat(slots(map(TWO, 20, 21, 22, 23))).containsAll(its);
  }

  @Test
  void aDmaInWhichAProcessDiedIsNotWaitedFor() {
    int slot = slots(map(ONE, 10)).getFirst();
    table.dma(slot, true);
    close(1);
    assertThat(table.effects(BufferClosed.class)).isEmpty();

    died(ONE);

    assertThat(table.effects(ClearInFlight.class).getFirst().slots()).containsExactly(slot);
    assertThat(after(1).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(10), List.of(), 1));
  }

  @Test
  void aMarkThatADeadProcessLeftInASlotItHadGivenBackIsWipedBeforeAnotherGetsIt() {
    int slot = slots(map(ONE, 10)).getFirst();
    unmap(10);
    // Its device tries the slot once more, and dies between the mark and the refusal.
    table.dma(slot, true);

    died(ONE);

    assertThat(slots(map(TWO, 20, 21, 22, 23))).contains(slot);
  }

  @Test
  void aDeadProcessGetsNoSlotAndDiesOnce() {
    died(ONE);

    assertThat(map(ONE, 10).refused()).containsExactly(10);
    assertThat(died(ONE).effects).isEmpty();
  }

  @Test
  void aSampleOfSlotsThatAreNotDrainingChangesNothing() {
    map(ONE, 10);
    IommuState before = table.state;
    table.happens(new IommuEvent.Sampled(List.of(0, 1, 99, -1), 5));

    assertThat(table.effects).isEmpty();
    assertThat(table.state).isEqualTo(before);
  }

  // One attachment, several uses.

  private SlotsMapped mapFor(SlotUse use, long epoch, int process, int attachment) {
    table.happens(
        new IommuEvent.Map(
            BUFFER, epoch, 70, epoch + 1, 4096, false, List.of(request(attachment, process, use))));
    return table.effects(SlotsMapped.class).getFirst();
  }

  private SlotTable unmapFor(SlotUse use, long epoch, int attachment) {
    return table.happens(
        new IommuEvent.Unmap(BUFFER, List.of(new MappingId(attachment, epoch + 1, use))));
  }

  @Test
  void anAttachmentHasASlotForEachUseAndIsAnsweredForEachApart() {
    table.happens(
        new IommuEvent.Map(
            BUFFER,
            0,
            70,
            1,
            4096,
            true,
            List.of(
                request(10, ONE, SlotUse.DMA),
                request(10, ONE, SlotUse.CPU),
                request(11, ONE, SlotUse.DMA))));

    List<SlotsMapped> answers = table.effects(SlotsMapped.class);
    assertThat(answers).extracting(SlotsMapped::use).containsExactly(SlotUse.DMA, SlotUse.CPU);
    assertThat(answers.getFirst().tables()).extracting(SgTable::attachment).containsExactly(10, 11);
    assertThat(answers.getLast().tables()).extracting(SgTable::attachment).containsExactly(10);
    assertThat(table.state.open()).hasSize(3);
  }

  @Test
  void theCpusSlotIsTranslatedThoughDevicesGetBusAddresses() {
    assertThat(mapFor(SlotUse.CPU, 0, ONE, 10).tables().getFirst().translated()).isTrue();
    assertThat(table.effects(OpenSlot.class).getFirst().translated()).isTrue();
    assertThat(mapFor(SlotUse.DMA, 0, ONE, 10).tables().getFirst().translated()).isFalse();
    assertThat(table.effects(OpenSlot.class).getFirst().translated()).isFalse();
  }

  @Test
  void anUnmapForOneUseLeavesTheOthersOpen() {
    mapFor(SlotUse.DMA, 0, ONE, 10);
    mapFor(SlotUse.CPU, 0, ONE, 10);

    unmapFor(SlotUse.CPU, 0, 10);

    assertThat(table.effects(SlotsUnmapped.class).getFirst().mappings())
        .containsExactly(new MappingId(10, 1, SlotUse.CPU));
    assertThat(table.state.open()).containsOnlyKeys(holder(10));
  }

  @Test
  void aCloseClosesTheCpusSlotsTooAndWaitsForThem() {
    mapFor(SlotUse.DMA, 0, ONE, 10);
    table.dma(slots(mapFor(SlotUse.CPU, 0, ONE, 10)).getFirst(), true);
    close(1);

    assertThat(after(DRAIN).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(10), List.of(10), DRAIN));
  }

  @Test
  void aSlotThatTheCpuGaveBackIsNotTheEnginesThoughItIsTheSameDevice() {
    int cpus = slots(mapFor(SlotUse.CPU, 0, ONE, 10)).getFirst();
    unmapFor(SlotUse.CPU, 0, 10);

    assertThat(slots(map(ONE, 10, 11, 12))).doesNotContain(cpus);
    assertThat(map(ONE, 13).refused()).containsExactly(13);
    assertThat(slots(mapFor(SlotUse.CPU, 0, ONE, 13))).containsExactly(cpus);
  }

  @Test
  void aSlotThatADeadProcesssCpuGaveBackIsForEverybody() {
    int cpus = slots(mapFor(SlotUse.CPU, 0, ONE, 10)).getFirst();
    unmapFor(SlotUse.CPU, 0, 10);
    died(ONE);

    assertThat(slots(map(TWO, 20, 21, 22, 23))).contains(cpus);
  }

  // Devices that go past the IOMMU.

  private List<Integer> unprovenBy(long epoch) {
    return close(epoch).effects(BufferClosed.class).getFirst().undrained();
  }

  @Test
  void aCloseProvesNothingOfADeviceWithAtsThoughItsSlotIsIdle() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    mapFor(SlotUse.DMA, 0, TWO, 20);

    assertThat(close(1).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(10, 20), List.of(10), 0));
    assertThat(table.state.open()).isEmpty();
  }

  @Test
  void aCloseProvesNothingOfADeviceWithAtsThatHasUnmapped() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    assertThat(unmapFor(SlotUse.ATS, 0, 10).effects(SlotsUnmapped.class))
        .as("it is announced as any other")
        .hasSize(1);

    assertThat(close(1).effects(BufferClosed.class))
        .containsExactly(new BufferClosed(BUFFER, 1, List.of(), List.of(10), 0));
  }

  @Test
  void aCloseWithADeviceWithAtsWaitsForTheOthersAllTheSame() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    int slot = slots(mapFor(SlotUse.DMA, 0, TWO, 20)).getFirst();
    table.dma(slot, true);
    assertThat(close(1).effects(BufferClosed.class)).isEmpty();

    table.dma(slot, false);
    assertThat(after(1).effects(BufferClosed.class).getFirst().undrained()).containsExactly(10);
  }

  @Test
  void aCloseAskedAgainProvesNoMoreOfADeviceWithAts() {
    mapFor(SlotUse.ATS, 0, ONE, 10);

    assertThat(unprovenBy(1)).containsExactly(10);
    assertThat(unprovenBy(1)).as("the first answer may have been lost").containsExactly(10);
  }

  @Test
  void aDeviceWithAtsIsReportedOfTheMemoryThatItHadMappedAndOfNoLater() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    mapFor(SlotUse.ATS, 0, TWO, 20);
    assertThat(unprovenBy(1)).containsExactly(10, 20);

    mapFor(SlotUse.ATS, 1, ONE, 10);
    assertThat(unprovenBy(2)).containsExactly(10);
    assertThat(unprovenBy(3)).as("nobody has mapped since").isEmpty();
  }

  @Test
  void aDeviceWithAtsThatMapsTheNextMemoryWhileACloseIsUnderWayIsNotForgotten() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    int slot = slots(mapFor(SlotUse.DMA, 0, TWO, 20)).getFirst();
    table.dma(slot, true);
    close(1);
    mapFor(SlotUse.ATS, 1, ONE, 11);
    table.dma(slot, false);

    assertThat(after(1).effects(BufferClosed.class).getFirst().undrained()).containsExactly(10);
    assertThat(unprovenBy(2)).containsExactly(11);
  }

  @Test
  void aDeadProcesssDeviceWithAtsUsesNothingAnyMore() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    mapFor(SlotUse.ATS, 0, TWO, 20);
    died(ONE);

    assertThat(unprovenBy(1)).containsExactly(20);
  }

  @Test
  void aDeviceWithAtsWhoseProcessDiesWhileACloseIsUnderWayIsNotReported() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    int slot = slots(mapFor(SlotUse.DMA, 0, TWO, 20)).getFirst();
    table.dma(slot, true);
    close(1);
    died(ONE);
    table.dma(slot, false);

    assertThat(after(1).effects(BufferClosed.class).getFirst().undrained()).isEmpty();
  }

  @Test
  void devicesWithAtsAreOfTheirOwnBufferOnly() {
    mapFor(SlotUse.ATS, 0, ONE, 10);
    table.happens(new IommuEvent.Close(BUFFER + 1, 1, DRAIN, table.now));

    assertThat(table.effects(BufferClosed.class).getFirst().undrained()).isEmpty();
    assertThat(unprovenBy(1)).containsExactly(10);
  }

  /** {@link SlotTable} checks after every event. */
  @Test
  void noSequenceOfEventsBreaksAnInvariant() {
    int closed = 0;
    int undrained = 0;
    int refused = 0;
    int passedOn = 0;
    int cpus = 0;
    int unproven = 0;
    int reclaimed = 0;
    int severs = 0;
    for (int seed = 0; seed < 1_000; seed++) {
      RandomIommuEvents events = new RandomIommuEvents(seed);
      SlotTable slots = new SlotTable(RandomIommuEvents.SLOTS);
      try {
        for (int i = 0; i < 200; i++) {
          events.dma(slots);
          slots.now += new Random(seed * 1_000L + i).nextInt(300);
          slots.happens(events.next(slots));
          for (IommuEffect effect : slots.effects) {
            if (effect instanceof BufferClosed c) {
              closed++;
              undrained += c.undrained().isEmpty() ? 0 : 1;
              unproven += c.undrained().isEmpty() || slots.draining(c.buffer()) ? 0 : 1;
            } else if (effect instanceof SlotsMapped m) {
              refused += m.refused().size();
              cpus += m.use() == SlotUse.CPU ? m.tables().size() : 0;
            }
          }
          passedOn += slots.state.spare().isEmpty() ? 0 : 1;
        }
        slots.severFails = false;
        slots.happens(RandomIommuEvents.orphans(slots));
        slots.dmaEnds();
        slots.happens(slots.sampled());
        slots.checkNothingUnanswered();
        reclaimed += (int) slots.journal.values().stream().filter(j -> !j.unfinished()).count();
        severs += slots.severs;
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    assertThat(closed).as("buffers closed").isGreaterThan(5_000);
    assertThat(undrained).as("of these with DMA in flight").isGreaterThan(500);
    assertThat(unproven).as("of these with ATS devices and none in flight").isGreaterThan(500);
    assertThat(cpus).as("mappings for the CPU").isGreaterThan(500);
    assertThat(refused).as("maps refused").isGreaterThan(500);
    assertThat(passedOn).as("steps with slots for everybody").isGreaterThan(500);
    assertThat(reclaimed).as("buffers of dead exporters").isGreaterThan(500);
    assertThat(severs).as("severing that failed, too").isGreaterThan(reclaimed);
  }
}
