package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.ATTACHMENT;
import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IOMMU;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The IOMMU's death blocks nothing, and its successor knows every map. */
class IommuDeathTest {
  private static final Invariant IT = Invariant.IOMMU_DEATH_BLOCKS_NOTHING;
  private static final String WHO =
      "attachment " + ATTACHMENT + " (nic, gpu-dynamic, buffer 0 of gpu)";

  /** Dead from 100 ms on, and at 1000 ms its successor reads the table. */
  private static Tale restarted(Integer... open) {
    return dead()
        .at(900, IOMMU, Tale.started("iommu", IOMMU, 9))
        .at(1000, IOMMU, new HistoryEvent.Rebuilt(4, List.of(open)));
  }

  private static Tale dead() {
    return Tale.begin().at(100, LAUNCHER, Tale.struck("restart", IOMMU));
  }

  @Test
  void aSuccessorThatFindsWhatWasMappedIsFine() {
    assertThat(restarted(ATTACHMENT).until(9000).broken(IT)).isEmpty();
  }

  @Test
  void aSuccessorThatDoesNotKnowAMapIsAViolation() {
    assertThat(restarted().until(9000).broken(IT))
        .containsExactly("the IOMMU's successor does not know of " + WHO + ", which was mapped");
  }

  @Test
  void whatIsUnmappedShortlyAfterMayHaveBeenClosedAlready() {
    HistoryEvent unmapped = Tale.operated(Operation.UNMAP, ATTACHMENT);
    assertThat(restarted().at(3000, EXPORTER, unmapped).broken(IT)).isEmpty();
    assertThat(restarted().at(3001, EXPORTER, unmapped).broken(IT)).hasSize(1);
  }

  @Test
  void whatARevokeTakesThatWasRequestedAfterwardsWasMappedUntilThen() {
    assertThat(restarted().at(1500, EXPORTER, Tale.requested(1)).broken(IT)).hasSize(1);
    assertThat(restarted(ATTACHMENT).at(1500, EXPORTER, Tale.requested(1)).broken(IT)).isEmpty();
    Tale spoilt = restarted().at(90, LAUNCHER, Tale.struck("damage-slot", IOMMU));
    assertThat(spoilt.at(1500, EXPORTER, Tale.requested(1)).broken(IT))
        .as("nobody can tell whose a damaged slot was")
        .isEmpty();
    Tale full = restarted().at(90, LAUNCHER, Tale.struck("full-shm", IOMMU));
    assertThat(full.at(1500, EXPORTER, Tale.requested(1)).broken(IT)).hasSize(1);
  }

  @Test
  void whatIsOfTheDeadMayHaveBeenClosedAlready() {
    assertThat(
            Tale.begin()
                .at(90, LAUNCHER, Tale.struck("kill", IMPORTER))
                .at(100, LAUNCHER, Tale.struck("restart", IOMMU))
                .at(1000, IOMMU, new HistoryEvent.Rebuilt(4, List.of()))
                .until(9000)
                .broken(IT))
        .isEmpty();
    assertThat(
            Tale.begin()
                .at(90, LAUNCHER, Tale.struck("kill", EXPORTER))
                .at(100, LAUNCHER, Tale.struck("restart", IOMMU))
                .at(1000, IOMMU, new HistoryEvent.Rebuilt(4, List.of()))
                .until(9000)
                .broken(IT))
        .isEmpty();
  }

  @Test
  void anOpenSlotOfNobodyOrOfWhatWasNeverMappedIsAViolation() {
    assertThat(restarted(ATTACHMENT, 99).broken(IT))
        .singleElement()
        .asString()
        .contains("found a slot open for an importer, attachment 99, which was never mapped");
    HistoryEvent attached =
        new HistoryEvent.Attached(
            Tale.BUFFER, Tale.NIC, "gpu-dynamic", true, List.of(ATTACHMENT + 1));
    Tale never = restarted(ATTACHMENT, ATTACHMENT + 1).at(50, EXPORTER, attached);
    assertThat(never.broken(IT)).hasSize(1);
    assertThat(never.at(1500, EXPORTER, Tale.operated(Operation.MAP, ATTACHMENT + 1)).broken(IT))
        .as("answered by the successor")
        .isEmpty();
  }

  @Test
  void aRevokeDuringItsAbsenceTakesNoLongerThanItsBound() {
    assertThat(
            dead()
                .at(200, EXPORTER, Tale.requested(1))
                .at(1200, EXPORTER, Tale.completed(1, 1000))
                .broken(IT))
        .isEmpty();
    Tale late =
        dead().at(200, EXPORTER, Tale.requested(1)).at(1201, EXPORTER, Tale.completed(1, 1001));
    assertThat(late.broken(IT)).singleElement().asString().contains("took 1001000 us");
    Tale back =
        restarted(ATTACHMENT)
            .at(3000, EXPORTER, Tale.requested(1))
            .at(4001, EXPORTER, Tale.completed(1, 1001));
    assertThat(back.broken(IT)).as("its successor is there").isEmpty();
    Tale notDead =
        Tale.begin()
            .at(200, EXPORTER, Tale.requested(1))
            .at(1201, EXPORTER, Tale.completed(1, 1001));
    assertThat(notDead.broken(IT)).as("that is the second invariant's").isEmpty();
  }
}
