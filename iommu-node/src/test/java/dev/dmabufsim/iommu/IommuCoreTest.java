package dev.dmabufsim.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
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
import java.util.Random;
import org.junit.jupiter.api.Test;

final class IommuCoreTest {
  private static final int BUFFER = 7;
  private static final long DRAIN = 1_000;
  private static final int ONE = 1;
  private static final int TWO = 2;

  private final SlotTable table = new SlotTable(4);

  /** One device for each process. */
  private static SlotRequest request(int attachment, int process) {
    return new SlotRequest(attachment, SlotMapping.deviceKey(process, 0), process);
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
            BUFFER, Arrays.stream(attachments).map(a -> new MappingId(a, 1)).toList()));
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

  private static List<Integer> slots(SlotsMapped answer) {
    return answer.tables().stream().map(SgTable::slot).toList();
  }

  private static MappingId mapping(int attachment) {
    return new MappingId(attachment, 1);
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
                new SlotMapping(10, BUFFER, SlotMapping.deviceKey(ONE, 0), ONE, 70, 1, 4096, 0),
                true));
    assertThat(SgTable.slotOf(answer.tables().getFirst().iova())).isEqualTo(first);
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

    assertThat(table.state.open().get(10).index()).isEqualTo(slot);
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
    assertThat(table.state.open()).containsOnlyKeys(30);
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
    assertThat(table.state.open()).containsOnlyKeys(10);
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

  /** {@link SlotTable} checks after every event. */
  @Test
  void noSequenceOfEventsBreaksAnInvariant() {
    int closed = 0;
    int undrained = 0;
    int refused = 0;
    int passedOn = 0;
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
            } else if (effect instanceof SlotsMapped m) {
              refused += m.refused().size();
            }
          }
          passedOn += slots.state.spare().isEmpty() ? 0 : 1;
        }
        slots.dmaEnds();
        slots.happens(slots.sampled());
        slots.checkNothingUnanswered();
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    assertThat(closed).as("buffers closed").isGreaterThan(5_000);
    assertThat(undrained).as("of these with DMA in flight").isGreaterThan(500);
    assertThat(refused).as("maps refused").isGreaterThan(500);
    assertThat(passedOn).as("steps with slots for everybody").isGreaterThan(500);
  }
}
