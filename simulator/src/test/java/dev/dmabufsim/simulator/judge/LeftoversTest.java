package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.BUFFER;
import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IOMMU;
import static dev.dmabufsim.simulator.judge.Tale.NIC;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What may be left in the end, and by whom; {@link JudgeTest} has whoever is honest. */
class LeftoversTest {
  private static final String OTHER = "other";

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
  void whoMisbehavesMayKeepItAndTheReportSaysHowMuch() {
    Tale cheat = ending(Tale.begin().ofACheat(), 1, 1, 1);
    assertThat(left(cheat)).isEmpty();
    assertThat(cheat.judged().figures().attachmentsKept()).isEqualTo(1);
  }

  @Test
  void whatAnotherKeepsBesideHimIsLeftAllTheSame() {
    Tale both =
        Tale.begin()
            .ofACheat()
            .at(
                50,
                EXPORTER,
                new HistoryEvent.Attached(
                    BUFFER, OTHER, "rdma-odp", true, List.of(Tale.ATTACHMENT + 1)));
    assertThat(left(ending(both, 2, 0, 1)))
        .containsExactlyInAnyOrder(
            "exporter-1 stopped with 2 attachments, 0 pins, 0 mappings",
            "buffer 0 of gpu was released with 2 attachments");
  }

  @Test
  void whatHeGaveBackIsNotHisAnyMore() {
    Tale back =
        Tale.begin().ofACheat().at(50, EXPORTER, Tale.operated(Operation.DETACH, Tale.ATTACHMENT));
    assertThat(left(ending(back, 1, 0, 0)))
        .as("the exporter's own")
        .containsExactlyInAnyOrder(
            "exporter-1 stopped with 1 attachments, 0 pins, 0 mappings",
            "buffer 0 of gpu was released with 1 attachments");
  }

  @Test
  void pinsWithoutHisAttachmentsAreLeft() {
    Tale pinned = ending(Tale.begin().ofACheat(), 0, 1, 1);
    assertThat(left(pinned))
        .containsExactly("exporter-1 stopped with 0 attachments, 1 pins, 0 mappings");
  }

  @Test
  void aSlotThatIsInUseIsLeftWhoeverHasIt() {
    Tale slots = Tale.begin().ofACheat().at(130, IOMMU, new HistoryEvent.IommuStopped(1));
    assertThat(left(slots)).containsExactly("iommu-1 stopped with 1 slots in use");
  }
}
