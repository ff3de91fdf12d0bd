package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static dev.dmabufsim.simulator.judge.Tale.NIC;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.history.HistoryEvent;
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

  private static Tale withAnother() {
    HistoryEvent attached =
        new HistoryEvent.Attached(
            Tale.BUFFER, OTHER, "iommufd", true, List.of(Tale.ATTACHMENT + 1));
    return Tale.begin()
        .at(31, EXPORTER, attached)
        .at(100, LAUNCHER, Tale.struck("partition", IMPORTER))
        .at(1000, LAUNCHER, Tale.over("partition", IMPORTER))
        .at(1100, IMPORTER, RECOVERED);
  }

  private static HistoryEvent refused(int attachment) {
    return new HistoryEvent.MapRefused(Tale.BUFFER, Errno.EOPNOTSUPP, List.of(attachment));
  }

  @Test
  void whoWasRefusedForGoodNeedNot() {
    assertThat(withAnother().until(60_000).broken(IT))
        .containsExactly("other did no DMA any more when the faults were over");
    Tale other = withAnother().at(1200, EXPORTER, refused(Tale.ATTACHMENT + 1));
    assertThat(other.until(60_000).broken(IT)).as("after a restart, say").isEmpty();
    Tale one = withAnother().at(1200, EXPORTER, refused(Tale.ATTACHMENT));
    assertThat(one.until(60_000).broken(IT)).as("another's refusal").hasSize(1);
  }

  @Test
  void whoAttachedToADeadExportersSuccessorIsLookedAtThere() {
    int successors = (Tale.EXPORTERS_PROCESS + 8) << 16;
    Tale restarted =
        withAnother()
            .at(1200, LAUNCHER, Tale.struck("restart", EXPORTER))
            .at(1250, Tale.IOMMU, new HistoryEvent.ProcessDied(Tale.EXPORTERS_PROCESS, EXPORTER, 0))
            .at(1300, EXPORTER, Tale.started("exporter", EXPORTER, Tale.EXPORTERS_PROCESS + 8))
            .at(
                1310,
                EXPORTER,
                new HistoryEvent.Exported(
                    successors, Tale.GPU, ExporterKind.VFIO_PCI, 4096, 77, 78))
            .at(1400, LAUNCHER, Tale.over("restart", EXPORTER))
            .at(1410, IMPORTER, RECOVERED);
    assertThat(restarted.until(60_000).broken(IT))
        .as("it has not attached anew")
        .containsExactly("other did no DMA any more when the faults were over");
    restarted
        .at(
            1320,
            EXPORTER,
            new HistoryEvent.Attached(
                successors, OTHER, "static", false, List.of(Tale.ATTACHMENT + 9)))
        .at(
            1330,
            EXPORTER,
            new HistoryEvent.MapRefused(successors, Errno.EINVAL, List.of(Tale.ATTACHMENT + 9)));
    assertThat(restarted.broken(IT)).as("and was refused").isEmpty();
  }

  @Test
  void whoMisbehavesNeedNot() {
    assertThat(healed().ofACheat().until(60_000).broken(IT)).isEmpty();
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
