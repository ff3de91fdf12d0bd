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

/** An importer learns within a second that its exporter is dead. */
class DeathNoticedTest {
  private static final Invariant IT = Invariant.DEATH_NOTICED;
  private static final HistoryEvent LOST = lost(Tale.EXPORTERS_PROCESS);

  private static HistoryEvent lost(int process) {
    return new HistoryEvent.ExporterLost(NIC, process, List.of(Tale.ATTACHMENT));
  }

  private static Tale died() {
    return Tale.begin().at(1000, LAUNCHER, Tale.struck("kill", EXPORTER));
  }

  @Test
  void withinASecondIsInTimeAndAfterItIsNot() {
    assertThat(died().at(2000, IMPORTER, LOST).until(9000).broken(IT)).isEmpty();
    assertThat(died().at(2001, IMPORTER, LOST).until(9000).broken(IT))
        .containsExactly(
            "nic had attachments at exporter-1 (process 2), which died, and noticed after 1001000"
                + " us");
  }

  @Test
  void thatItNeverNoticesIsAViolationOnceTheSecondIsOver() {
    assertThat(died().until(2000).broken(IT)).singleElement().asString().endsWith("never noticed");
    assertThat(died().until(1999).broken(IT)).isEmpty();
    assertThat(died().until(2000).cutShort().broken(IT)).isEmpty();
    assertThat(died().at(1500, IMPORTER, lost(77)).until(2000).broken(IT))
        .as("another's death")
        .hasSize(1);
  }

  @Test
  void theTimeOfADeathIsThatOfTheLastThingThatTheDeadWroteDown() {
    Tale tale =
        died()
            .at(1010, EXPORTER, Tale.operated(Operation.PIN, Tale.ATTACHMENT))
            .at(2010, IMPORTER, LOST);
    assertThat(tale.broken(IT)).isEmpty();
  }

  @Test
  void whoIsDeadHimselfOrLeftNoticesNothing() {
    assertThat(died().at(1500, LAUNCHER, Tale.struck("kill", IMPORTER)).until(9000).broken(IT))
        .isEmpty();
    assertThat(
            died()
                .at(1500, LAUNCHER, Tale.struck("restart", IMPORTER))
                .at(1600, IMPORTER, Tale.started("importer", IMPORTER, 9))
                .until(9000)
                .broken(IT))
        .as("its successor has no such attachments")
        .isEmpty();
    assertThat(
            died()
                .at(1500, IMPORTER, new HistoryEvent.DeviceStopped(NIC, 0, 0, 0))
                .until(9000)
                .broken(IT))
        .isEmpty();
  }

  @Test
  void theTimeInWhichAnImporterIsFrozenDoesNotCount() {
    Tale frozen =
        Tale.begin()
            .at(900, LAUNCHER, Tale.struck("pause", IMPORTER))
            .at(1000, LAUNCHER, Tale.struck("kill", EXPORTER))
            .at(5000, LAUNCHER, Tale.over("pause", IMPORTER));
    assertThat(frozen.at(6000, IMPORTER, LOST).until(9000).broken(IT)).isEmpty();
    Tale late =
        Tale.begin()
            .at(900, LAUNCHER, Tale.struck("pause", IMPORTER))
            .at(1000, LAUNCHER, Tale.struck("kill", EXPORTER))
            .at(5000, LAUNCHER, Tale.over("pause", IMPORTER))
            .at(6001, IMPORTER, LOST);
    assertThat(late.until(9000).broken(IT)).hasSize(1);
  }

  @Test
  void attachmentsThatWereGivenBackOrNeverToldOfAreNotMissed() {
    Tale detached =
        Tale.begin()
            .at(500, EXPORTER, Tale.operated(Operation.DETACH, Tale.ATTACHMENT))
            .at(1000, LAUNCHER, Tale.struck("kill", EXPORTER));
    assertThat(detached.until(9000).broken(IT)).isEmpty();
    HistoryEvent another =
        new HistoryEvent.Attached(
            Tale.BUFFER, NIC, "gpu-dynamic", true, List.of(Tale.ATTACHMENT + 1));
    Tale neverTold =
        Tale.begin()
            .at(500, EXPORTER, Tale.operated(Operation.DETACH, Tale.ATTACHMENT))
            .at(999, EXPORTER, another)
            .at(1000, LAUNCHER, Tale.struck("kill", EXPORTER));
    assertThat(neverTold.until(9000).broken(IT)).isEmpty();
  }

  /** On a busy machine the launcher heard of a death 70 ms after the IOMMU had taken all back. */
  @Test
  void whoIsFoundDeadIsDeadHoweverLateTheLauncherHearsOfIt() {
    HistoryEvent refused =
        new HistoryEvent.Refused(NIC, Tale.ATTACHMENT, Tale.BUFFER, Tale.GENERATION, "iommu-fault");
    HistoryEvent found = new HistoryEvent.ProcessDied(Tale.EXPORTERS_PROCESS, Tale.EXPORTER, 0);
    Invariant rule = Invariant.FAILS_ONLY_AFTER_REVOKE;
    Tale heardLate = Tale.begin().at(1070, LAUNCHER, Tale.struck("restart", EXPORTER));

    assertThat(
            heardLate
                .at(1000, Tale.IOMMU, found)
                .at(1001, Tale.IOMMU, Tale.orphaned(1, false))
                .at(1002, IMPORTER, refused)
                .at(1100, IMPORTER, LOST)
                .broken(rule))
        .isEmpty();
    assertThat(
            Tale.begin()
                .at(999, IMPORTER, refused)
                .at(1000, Tale.IOMMU, found)
                .at(1070, LAUNCHER, Tale.struck("restart", EXPORTER))
                .broken(rule))
        .as("before it is found dead, nothing is known")
        .hasSize(1);
  }
}
