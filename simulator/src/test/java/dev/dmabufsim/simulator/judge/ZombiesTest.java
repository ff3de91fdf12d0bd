package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.ATTACHMENT;
import static dev.dmabufsim.simulator.judge.Tale.BUFFER;
import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.GENERATION;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IOMMU;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static dev.dmabufsim.simulator.judge.Tale.NIC;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the dead and the removed say is not acted on. */
class ZombiesTest {
  private static final Invariant IT = Invariant.ZOMBIES_CHANGE_NOTHING;
  private static final HistoryEvent REAPED =
      new HistoryEvent.Reaped(BUFFER, Tale.IMPORTERS_PROCESS, List.of(ATTACHMENT), 0, 1);

  @Test
  void nothingIsCarriedOutForWhatWasReaped() {
    HistoryEvent unmap = Tale.operated(Operation.UNMAP, ATTACHMENT);
    assertThat(Tale.begin().at(100, EXPORTER, REAPED).at(101, EXPORTER, unmap).broken(IT))
        .containsExactly(
            "attachment "
                + ATTACHMENT
                + " (nic, gpu-dynamic, buffer 0 of gpu): UNMAP carried out after it had been taken"
                + " off the list of its dead or removed process");
    assertThat(Tale.begin().at(99, EXPORTER, unmap).at(100, EXPORTER, REAPED).broken(IT)).isEmpty();
    HistoryEvent another = Tale.operated(Operation.MAP, ATTACHMENT + 1);
    assertThat(Tale.begin().at(100, EXPORTER, REAPED).at(101, EXPORTER, another).broken(IT))
        .isEmpty();
  }

  @Test
  void twoSidesDoNotFinishTheSameRevoke() {
    Tale tale = Tale.begin().at(100, EXPORTER, Tale.requested(1)).at(200, IOMMU, Tale.reclaimed(1));
    assertThat(tale.broken(IT)).isEmpty();
    assertThat(tale.at(300, EXPORTER, Tale.completed(1, 200)).broken(IT))
        .containsExactly(
            "the revoke of buffer 0 of gpu, epoch 1, was finished by two sides, iommu-1 and"
                + " exporter-1");
  }

  @Test
  void whoHasFoundHisWayBackDoesNoDmaOnWhatWasTakenAwayBefore() {
    HistoryEvent refused =
        new HistoryEvent.Refused(NIC, ATTACHMENT, BUFFER, GENERATION, "iommu-fault");
    assertThat(healed().at(3100, IMPORTER, refused).broken(IT))
        .singleElement()
        .asString()
        .contains("did DMA on a mapping that had been taken away before the faults were over");
    assertThat(healed().at(2500, IMPORTER, refused).broken(IT)).as("it is not back yet").isEmpty();
    HistoryEvent live =
        new HistoryEvent.Refused(NIC, ATTACHMENT, BUFFER, GENERATION + 2, "iommu-fault");
    assertThat(healed().at(3100, IMPORTER, live).broken(IT)).as("other memory").isEmpty();
  }

  private static Tale healed() {
    return Tale.begin()
        .at(100, LAUNCHER, Tale.struck("partition", IMPORTER))
        .at(200, EXPORTER, Tale.requested(1))
        .at(300, EXPORTER, Tale.completed(1, 100))
        .at(2000, LAUNCHER, Tale.over("partition", IMPORTER))
        .at(3000, IMPORTER, new HistoryEvent.Recovered(NIC, 1, 100, 5000));
  }
}
