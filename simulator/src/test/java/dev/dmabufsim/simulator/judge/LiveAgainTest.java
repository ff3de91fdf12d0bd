package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static dev.dmabufsim.simulator.judge.Tale.NIC;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Ten seconds after the faults every surviving device does DMA again. */
class LiveAgainTest {
  private static final Invariant IT = Invariant.LIVE_AGAIN;
  private static final String OTHER = "other";
  private static final HistoryEvent RECOVERED = new HistoryEvent.Recovered(NIC, 1, 100, 5000);

  private static Tale healed() {
    return Tale.begin()
        .at(100, LAUNCHER, Tale.struck("partition", IMPORTER))
        .at(1000, LAUNCHER, Tale.over("partition", IMPORTER));
  }

  @Test
  void withinTenSecondsIsInTimeAndAfterThemIsNot() {
    assertThat(healed().at(11_000, IMPORTER, RECOVERED).broken(IT)).isEmpty();
    assertThat(healed().at(11_001, IMPORTER, RECOVERED).broken(IT))
        .containsExactly(
            "nic did DMA again 10001000 us after the faults were over; the limit is 10 s");
    assertThat(healed().at(500, IMPORTER, RECOVERED).until(11_001).broken(IT))
        .as("before they were over")
        .hasSize(1);
  }

  @Test
  void thatItNeverDoesIsAViolationOnceTheyArePast() {
    assertThat(healed().until(11_001).broken(IT))
        .containsExactly("nic did no DMA any more when the faults were over");
    assertThat(healed().until(11_000).broken(IT)).isEmpty();
    assertThat(healed().until(11_000).judged().unknowns())
        .contains("the run ended within 10 s after its faults, and not every device did DMA again");
    assertThat(healed().until(11_001).brokenOff().broken(IT)).isEmpty();
  }

  @Test
  void aRunWithoutFaultsThatEndSaysNothing() {
    assertThat(Tale.begin().until(60_000).broken(IT)).isEmpty();
  }

  @Test
  void itCountsFromTheLastFaultEvenIfThatOneHasNoEnd() {
    Tale another = healed().at(5000, LAUNCHER, Tale.struck("kill", "importer-2"));
    assertThat(another.at(15_000, IMPORTER, RECOVERED).broken(IT)).isEmpty();
  }

  private static Tale other(long detachedMillis) {
    HistoryEvent attached =
        new HistoryEvent.Attached(
            Tale.BUFFER, OTHER, "iommufd", true, List.of(Tale.ATTACHMENT + 1));
    return Tale.begin()
        .at(31, EXPORTER, attached)
        .at(detachedMillis, EXPORTER, Tale.operated(Operation.DETACH, Tale.ATTACHMENT + 1))
        .at(100, LAUNCHER, Tale.struck("partition", IMPORTER))
        .at(1000, LAUNCHER, Tale.over("partition", IMPORTER))
        .at(1100, IMPORTER, RECOVERED);
  }

  @Test
  void whoWasRefusedForGoodBeforeNeedNot() {
    assertThat(other(900).until(60_000).broken(IT)).isEmpty();
    assertThat(other(1001).until(60_000).broken(IT))
        .as("it had not given up")
        .containsExactly("other did no DMA any more when the faults were over");
    assertThat(
            other(900)
                .at(32, EXPORTER, Tale.operated(Operation.IOMMUFD_MAP, Tale.ATTACHMENT + 1))
                .until(60_000)
                .broken(IT))
        .as("it could map")
        .hasSize(1);
  }

  @Test
  void theDeadAndThoseWhoseExporterHasNothingLiveNeedNot() {
    assertThat(healed().at(1100, LAUNCHER, Tale.struck("kill", IMPORTER)).until(60_000).broken(IT))
        .isEmpty();
    assertThat(healed().at(1100, LAUNCHER, Tale.struck("kill", EXPORTER)).until(60_000).broken(IT))
        .isEmpty();
    assertThat(
            healed()
                .at(1100, EXPORTER, Tale.requested(1))
                .at(1200, EXPORTER, Tale.completed(1, 100))
                .until(60_000)
                .broken(IT))
        .isEmpty();
  }
}
