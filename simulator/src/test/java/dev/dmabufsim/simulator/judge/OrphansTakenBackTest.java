package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IOMMU;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import org.junit.jupiter.api.Test;

/** A dead exporter leaves no memory within reach. */
class OrphansTakenBackTest {
  private static final Invariant IT = Invariant.NOTHING_LEFT;

  private static Tale died() {
    return Tale.begin().at(110, LAUNCHER, Tale.struck("kill", EXPORTER));
  }

  @Test
  void memoryThatWasLiveIsTakenBack() {
    assertThat(died().until(1111).broken(IT))
        .containsExactly(
            "buffer 0 of gpu was live when its exporter died, and its memory was never taken back");
    assertThat(died().at(200, IOMMU, Tale.reclaimed(1)).until(1111).broken(IT)).isEmpty();
  }

  @Test
  void nobodyHasToTakeBackWhatWasReleasedOrHisExporterLivesOrThereWasNoTime() {
    assertThat(died().until(1110).broken(IT)).isEmpty();
    assertThat(died().until(1111).brokenOff().broken(IT)).isEmpty();
    assertThat(Tale.begin().until(1111).broken(IT)).isEmpty();
    Tale released =
        Tale.begin()
            .at(100, EXPORTER, new HistoryEvent.BufferReleased(Tale.BUFFER, 0))
            .at(110, LAUNCHER, Tale.struck("kill", EXPORTER));
    assertThat(released.until(1111).broken(IT)).isEmpty();
    assertThat(died().at(120, LAUNCHER, Tale.struck("kill", IOMMU)).until(1111).broken(IT))
        .isEmpty();
  }
}
