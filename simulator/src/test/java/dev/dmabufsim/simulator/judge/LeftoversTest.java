package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.BUFFER;
import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IOMMU;
import static dev.dmabufsim.simulator.judge.Tale.NIC;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What may be left in the end, and by whom; {@link JudgeTest} has whoever is honest. */
class LeftoversTest {
  /** A run that ends with that many attachments on the exporter's list and with the device. */
  private static Tale ending(Tale tale, int listed, int pins, int device) {
    return tale.at(100, IMPORTER, new HistoryEvent.DeviceStopped(NIC, device, 0, device))
        .at(110, EXPORTER, new HistoryEvent.BufferReleased(BUFFER, listed))
        .at(120, EXPORTER, new HistoryEvent.ExporterStopped(listed, pins, 0))
        .at(130, IOMMU, new HistoryEvent.IommuStopped(0));
  }

  private static List<String> left(Tale tale) {
    return tale.broken(Invariant.NOTHING_LEFT);
  }

  @Test
  void whoKeepsTheContractGivesEverythingBack() {
    assertThat(left(ending(Tale.begin(), 1, 1, 1)))
        .containsExactlyInAnyOrder(
            "nic of importer-1 stopped with 1 attachments, 0 pins, 1 mappings",
            "exporter-1 stopped with 1 attachments, 1 pins, 0 mappings",
            "buffer 0 of gpu was released with 1 attachments");
  }

  @Test
  void whoMisbehavesMayKeepItUntilItsProcessIsGoneAndTheReportSaysHowMuch() {
    Tale cheat = ending(Tale.begin().ofACheat(), 0, 0, 1);
    assertThat(left(cheat)).isEmpty();
    assertThat(cheat.judged().figures().attachmentsKept()).isEqualTo(1);
  }

  @Test
  void exportersKeepNothingEvenOfHis() {
    assertThat(left(ending(Tale.begin().ofACheat(), 1, 0, 1)))
        .containsExactlyInAnyOrder(
            "exporter-1 stopped with 1 attachments, 0 pins, 0 mappings",
            "buffer 0 of gpu was released with 1 attachments");
  }

  @Test
  void aSlotThatIsInUseIsLeftWhoeverHasIt() {
    Tale slots = Tale.begin().ofACheat().at(130, IOMMU, new HistoryEvent.IommuStopped(1));
    assertThat(left(slots)).containsExactly("iommu-1 stopped with 1 slots in use");
  }
}
