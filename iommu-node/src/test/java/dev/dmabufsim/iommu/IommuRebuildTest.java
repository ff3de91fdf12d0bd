package dev.dmabufsim.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.iommu.IommuRebuild.Line;
import dev.dmabufsim.iommu.IommuRebuild.Rebuilt;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class IommuRebuildTest {
  private static final int BUFFER = 7;
  private static final int PROCESSES = 4;
  private static final int DEVICE = 3 << 16;
  private static final int TRANSLATED = ControlDescriptor.SLOT_TRANSLATED;
  private static final int OPEN = ControlDescriptor.PERMISSION_READ_WRITE;

  private static final List<BufferJournal.Entry> JOURNAL =
      List.of(new BufferJournal.Entry(0, BUFFER, 1, 70, 4096, 5, 2, Phase.LIVE));

  private static SlotMapping mapping(int attachment) {
    return new SlotMapping(attachment, BUFFER, DEVICE, 3, 70, 5, 0, 4096, 2);
  }

  private static Rebuilt rebuild(Line... lines) {
    return IommuRebuild.rebuild(8, List.of(lines), PROCESSES, JOURNAL);
  }

  @Test
  void whatWasOpenIsOpenAndIsAnsweredAsBeforeWhenItIsAskedForAgain() {
    Rebuilt rebuilt = rebuild(new Line(0, mapping(10), OPEN, TRANSLATED));
    assertThat(rebuilt.open()).containsExactly(10);
    IommuCore.Step step =
        IommuCore.step(
            rebuilt.state(),
            new IommuEvent.Map(
                BUFFER,
                2,
                70,
                5,
                4096,
                true,
                List.of(new SlotRequest(10, DEVICE, 3, SlotUse.DMA, Span.WHOLE))));
    assertThat(step.effects()).hasSize(1);
    assertThat(step.effects().getFirst())
        .isInstanceOfSatisfying(
            IommuEffect.SlotsMapped.class, m -> assertThat(m.tables().getFirst().slot()).isZero());
  }

  @Test
  void aCloseClosesWhatThePredecessorHadOpenedAndWaitsForWhatItHadClosed() {
    Rebuilt rebuilt =
        rebuild(
            new Line(0, mapping(10), OPEN, TRANSLATED),
            new Line(1, mapping(11), ControlDescriptor.PERMISSION_BLOCKED, TRANSLATED));
    IommuState state =
        IommuCore.step(rebuilt.state(), new IommuEvent.Close(BUFFER, 3, 1_000, 0)).state();
    assertThat(state.draining()).containsOnlyKeys(0, 1);
    assertThat(IommuCore.step(state, new IommuEvent.Sampled(List.of(0), 10)).effects())
        .noneMatch(IommuEffect.BufferClosed.class::isInstance);
    assertThat(IommuCore.step(state, new IommuEvent.Sampled(List.of(0, 1), 10)).effects())
        .anyMatch(IommuEffect.BufferClosed.class::isInstance);
  }

  @Test
  void aFreeSlotBelongsToItsDeviceStill() {
    Rebuilt rebuilt =
        rebuild(new Line(0, mapping(10), ControlDescriptor.PERMISSION_FREE, TRANSLATED));
    assertThat(rebuilt.state().free()).containsOnlyKeys(new IommuState.Home(DEVICE, SlotUse.DMA));
    assertThat(rebuilt.state().spare()).isEmpty();
    assertThat(rebuilt.state().fresh()).isEqualTo(1);
  }

  @Test
  void aDeviceThatMayHaveCachedATranslationIsNotBelievedToBeDrained() {
    Rebuilt rebuilt =
        rebuild(
            new Line(
                0, mapping(10), ControlDescriptor.PERMISSION_FREE, ControlDescriptor.SLOT_ATS));
    IommuState state =
        IommuCore.step(rebuilt.state(), new IommuEvent.Close(BUFFER, 3, 1_000, 0)).state();
    assertThat(IommuCore.step(state, new IommuEvent.Sampled(List.of(), 10)).effects())
        .filteredOn(IommuEffect.BufferClosed.class::isInstance)
        .allSatisfy(e -> assertThat(((IommuEffect.BufferClosed) e).undrained()).containsExactly(10))
        .hasSize(1);
  }

  @Test
  void aMapForARevokeBeforeComesTooLate() {
    Rebuilt rebuilt = rebuild();
    assertThat(rebuilt.state().closedEpoch(BUFFER)).isEqualTo(2);
  }

  @Test
  void whatMakesNoSenseIsRefusedAndTheSlotNeverUsedAgain() {
    SlotMapping good = mapping(10);
    List<Line> damaged =
        List.of(
            new Line(0, good, 77, TRANSLATED),
            new Line(0, good, OPEN, 0x7000),
            new Line(0, good, OPEN, ControlDescriptor.SLOT_ATS | ControlDescriptor.SLOT_CPU),
            new Line(0, new SlotMapping(10, 9, DEVICE, 3, 70, 5, 0, 4096, 2), OPEN, TRANSLATED),
            new Line(0, new SlotMapping(10, BUFFER, 5, 3, 70, 5, 0, 4096, 2), OPEN, TRANSLATED),
            new Line(
                0, new SlotMapping(10, BUFFER, 9 << 16, 9, 70, 5, 0, 4096, 2), OPEN, TRANSLATED),
            new Line(0, new SlotMapping(10, BUFFER, DEVICE, 3, 70, 5, 0, -1, 2), OPEN, TRANSLATED),
            new Line(
                0, new SlotMapping(10, BUFFER, DEVICE, 3, 70, 5, 64, 4096, 2), OPEN, TRANSLATED),
            new Line(
                0, new SlotMapping(10, BUFFER, DEVICE, 3, -2, 5, 0, 4096, 2), OPEN, TRANSLATED),
            new Line(
                0, new SlotMapping(10, BUFFER, DEVICE, 3, 70, 6, 0, 4096, 2), OPEN, TRANSLATED),
            new Line(
                0, new SlotMapping(10, BUFFER, DEVICE, 3, 70, 5, 0, 4096, 3), OPEN, TRANSLATED));
    for (Line line : damaged) {
      Rebuilt rebuilt = rebuild(line, new Line(1, mapping(11), OPEN, TRANSLATED));
      assertThat(rebuilt.damaged()).as("%s", line).hasSize(1);
      assertThat(rebuilt.damaged().getFirst().slot()).isZero();
      assertThat(rebuilt.open()).containsExactly(11);
      assertThat(rebuilt.state().free()).isEmpty();
      assertThat(rebuilt.state().spare()).isEmpty();
    }
  }

  @Test
  void twoOpenSlotsOfOneAttachmentAreOneTooMany() {
    Rebuilt rebuilt =
        rebuild(
            new Line(0, mapping(10), OPEN, TRANSLATED), new Line(1, mapping(10), OPEN, TRANSLATED));
    assertThat(rebuilt.open()).containsExactly(10);
    assertThat(rebuilt.damaged()).hasSize(1);
  }

  /** The table of any IOMMU at any time, read by its successor: nothing that was live is lost. */
  @Test
  void whateverAnIommuHasOpenOrDrainingItsSuccessorKnows() {
    int found = 0;
    for (int seed = 0; seed < 300; seed++) {
      RandomIommuEvents events = new RandomIommuEvents(seed);
      SlotTable slots = new SlotTable(RandomIommuEvents.SLOTS);
      for (int i = 0; i < 100; i++) {
        events.dma(slots);
        slots.now += new Random(seed * 1_000L + i).nextInt(300);
        slots.happens(events.next(slots));
      }
      Rebuilt rebuilt =
          IommuRebuild.rebuild(RandomIommuEvents.SLOTS, slots.lines(), 16, events.buffers());
      assertThat(rebuilt.damaged()).as("seed %d", seed).isEmpty();
      assertThat(rebuilt.state().open().keySet())
          .as("seed %d", seed)
          .isEqualTo(slots.state.open().keySet());
      assertThat(rebuilt.state().openOf()).isEqualTo(slots.state.openOf());
      assertThat(rebuilt.state().draining().keySet()).isEqualTo(slots.state.draining().keySet());
      assertThat(rebuilt.state().drainingOf()).isEqualTo(slots.state.drainingOf());
      assertThat(rebuilt.state().fresh()).isEqualTo(slots.state.fresh());
      found += rebuilt.open().size();
    }
    assertThat(found).isGreaterThan(300);
  }

  @Test
  void noGarbageMakesItThrow() {
    Random random = new Random(1);
    for (int n = 0; n < 20_000; n++) {
      List<Line> lines = new ArrayList<>();
      for (int slot = 0; slot < 3; slot++) {
        lines.add(
            new Line(
                slot,
                new SlotMapping(
                    some(random, 10),
                    some(random, BUFFER),
                    some(random, DEVICE),
                    some(random, 3),
                    some(random, 70),
                    some(random, 5),
                    some(random, 0),
                    some(random, 4096),
                    some(random, 2)),
                some(random, OPEN),
                some(random, TRANSLATED)));
      }
      Rebuilt rebuilt = IommuRebuild.rebuild(8, lines, PROCESSES, JOURNAL);
      Set<Integer> slots = new HashSet<>();
      rebuilt.state().open().values().forEach(s -> assertThat(slots.add(s.index())).isTrue());
      rebuilt.state().draining().keySet().forEach(s -> assertThat(slots.add(s)).isTrue());
      rebuilt.state().free().values().forEach(its -> slots.addAll(its));
      rebuilt.damaged().forEach(d -> assertThat(slots.add(d.slot())).isTrue());
      assertThat(slots).hasSize(3);
    }
  }

  private static int some(Random random, int sensible) {
    return random.nextInt(12) == 0 ? random.nextInt() >> random.nextInt(32) : sensible;
  }
}
