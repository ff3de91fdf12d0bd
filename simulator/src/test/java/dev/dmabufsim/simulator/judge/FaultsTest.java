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

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.history.HistoryEvent;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** How faults are counted, and what they excuse of the first six invariants. */
class FaultsTest {
  private static final HistoryEvent REFUSED =
      new HistoryEvent.Refused(NIC, ATTACHMENT, BUFFER, GENERATION, "aborted");
  private static final HistoryEvent LATE =
      new HistoryEvent.Late(
          NIC, ATTACHMENT, BUFFER, GENERATION, LateAccess.IOMMU_FAULT, true, 0, 400_000_000, 1);

  @Test
  void faultsAreCountedByKindAndThoseApartThatStrikeWhileARevokeIsUnderWay() {
    Tale tale =
        Tale.begin()
            .at(90, LAUNCHER, Tale.struck("pause", IMPORTER))
            .at(100, EXPORTER, Tale.requested(1))
            .at(110, LAUNCHER, Tale.struck("kill", IMPORTER))
            .at(200, EXPORTER, Tale.completed(1, 100))
            .at(210, LAUNCHER, Tale.struck("kill", IOMMU));
    assertThat(tale.judged().figures().faults())
        .isEqualTo(new Findings.Faults(Map.of("pause", 1L, "kill", 2L), 1));
  }

  @Test
  void aMoveThatWasCalledOffIsNoRevokeThatIsUnderWayOrHasToBeFinished() {
    Tale tale =
        Tale.begin()
            .at(100, EXPORTER, Tale.requested(1))
            .at(150, EXPORTER, new HistoryEvent.MoveFailed(BUFFER, 1, false, "no memory"))
            .at(200, LAUNCHER, Tale.struck("kill", EXPORTER))
            .until(9000);
    assertThat(tale.judged().figures().faults().midRevoke()).isZero();
    assertThat(tale.broken(Invariant.FINISHED_ONCE)).isEmpty();
    assertThat(tale.broken(Invariant.NOTHING_LEFT)).as("it was live").hasSize(1);
  }

  /** As in chaos seed 1898224980: somebody truncated a GPU's memory while it was live. */
  @Test
  void whatATruncationDoesToAnExportersImportersAndMovesIsNotTheirDoing() {
    HistoryEvent aborted =
        new HistoryEvent.Late(
            NIC, ATTACHMENT, BUFFER, GENERATION, LateAccess.AER, true, 0, 95_000_000, 1);
    for (String node : List.of(EXPORTER, IOMMU)) {
      Tale tale =
          Tale.begin()
              .at(90, LAUNCHER, Tale.struck("truncate-segment", node))
              .at(96, IMPORTER, aborted)
              .at(100, EXPORTER, Tale.requested(1))
              .at(150, EXPORTER, new HistoryEvent.MoveFailed(BUFFER, 1, true, "no memory"))
              .at(160, EXPORTER, Tale.completed(1, 60));
      int wrong = node.equals(EXPORTER) ? 0 : 1;
      assertThat(tale.broken(Invariant.NO_LATE_DMA)).as("of %s", node).hasSize(wrong);
      assertThat(tale.broken(Invariant.HANDED_ON_AFTER_COMPLETION))
          .as("of %s", node)
          .hasSize(wrong);
    }
  }

  @Test
  void whatStrikesAtAPointStrikesWhenTheProcessIsThere() {
    Tale tale =
        Tale.begin()
            .at(100, EXPORTER, Tale.requested(1))
            .at(150, IMPORTER, new HistoryEvent.FaultPointReached("importer.copying", 1))
            .at(200, EXPORTER, Tale.completed(1, 100))
            .at(210, LAUNCHER, Tale.struck("kill", IMPORTER));
    assertThat(tale.judged().figures().faults().midRevoke()).isEqualTo(1);
  }

  @Test
  void aFaultThatStrikesBeforeAnythingIsMappedShowsLittle() {
    String why = "a fault struck before anything was mapped";
    Tale early = Tale.begin().at(39, LAUNCHER, Tale.struck("kill", IMPORTER));
    assertThat(early.judged().unknowns()).contains(why);
    Tale late = Tale.begin().at(41, LAUNCHER, Tale.struck("kill", IMPORTER));
    assertThat(late.judged().unknowns()).doesNotContain(why);
  }

  @Test
  void reclaimedMemoryIsCounted() {
    Tale tale =
        Tale.begin()
            .at(110, LAUNCHER, Tale.struck("kill", EXPORTER))
            .at(120, IOMMU, Tale.reclaimed(1));
    assertThat(tale.judged().figures().revokes().reclaimed()).isEqualTo(1);
  }

  @Test
  void dmaMayFailOnceTheExporterIsDead() {
    Invariant it = Invariant.FAILS_ONLY_AFTER_REVOKE;
    assertThat(Tale.begin().at(300, IMPORTER, REFUSED).broken(it)).hasSize(1);
    assertThat(
            Tale.begin()
                .at(110, LAUNCHER, Tale.struck("kill", EXPORTER))
                .at(300, IMPORTER, REFUSED)
                .broken(it))
        .isEmpty();
    assertThat(
            Tale.begin()
                .at(300, IMPORTER, REFUSED)
                .at(310, LAUNCHER, Tale.struck("kill", EXPORTER))
                .broken(it))
        .as("not before")
        .hasSize(1);
    assertThat(
            Tale.begin()
                .at(110, LAUNCHER, Tale.struck("truncate-segment", EXPORTER))
                .at(300, IMPORTER, REFUSED)
                .broken(it))
        .as("somebody else took its memory")
        .isEmpty();
    assertThat(Tale.begin().at(300, IMPORTER, REFUSED).cutShort().broken(it))
        .as("the request may be in what is missing")
        .isEmpty();
  }

  /** A thread that has no CPU for a while; the memory is taken back 20 ms after the death. */
  @Test
  void anAccessThatHadBegunWhenItsExporterDiedMayBeAborted() {
    HistoryEvent begunAt105 =
        new HistoryEvent.Late(
            NIC, ATTACHMENT, BUFFER, GENERATION, LateAccess.AER, true, 0, 105_000_000, 1);
    assertThat(
            Tale.begin()
                .at(110, LAUNCHER, Tale.struck("kill", EXPORTER))
                .at(140, IMPORTER, begunAt105)
                .broken(Invariant.NO_LATE_DMA))
        .isEmpty();
    assertThat(
            Tale.begin()
                .at(106, IMPORTER, begunAt105)
                .at(110, LAUNCHER, Tale.struck("kill", EXPORTER))
                .broken(Invariant.NO_LATE_DMA))
        .as("it was over when the exporter died")
        .hasSize(1);
  }

  @Test
  void honestImportersAreHeldToTheContractUntilAFaultComesBetween() {
    Invariant it = Invariant.NO_LATE_DMA;
    assertThat(revoked().at(410, IMPORTER, LATE).broken(it)).hasSize(1);
    for (String kind : List.of("pause", "partition", "drop")) {
      assertThat(
              revoked()
                  .at(150, LAUNCHER, Tale.struck(kind, IMPORTER))
                  .at(410, IMPORTER, LATE)
                  .broken(it))
          .as(kind)
          .isEmpty();
    }
    assertThat(
            revoked()
                .at(401, LAUNCHER, Tale.struck("pause", IMPORTER))
                .at(410, IMPORTER, LATE)
                .broken(it))
        .as("it came later")
        .hasSize(1);
    assertThat(
            revoked()
                .at(150, LAUNCHER, Tale.struck("pause", "importer-2"))
                .at(410, IMPORTER, LATE)
                .broken(it))
        .as("it befell another")
        .hasSize(1);
  }

  private static Tale revoked() {
    return Tale.begin()
        .at(200, EXPORTER, Tale.requested(1))
        .at(300, EXPORTER, Tale.completed(1, 100));
  }

  @Test
  void theTimeInWhichAnExporterIsFrozenIsNotItsRevokes() {
    Tale frozen =
        Tale.begin()
            .at(100, EXPORTER, Tale.requested(1))
            .at(200, LAUNCHER, Tale.struck("pause", EXPORTER))
            .at(3200, LAUNCHER, Tale.over("pause", EXPORTER))
            .at(4100, EXPORTER, Tale.completed(1, 4000));
    assertThat(frozen.broken(Invariant.BOUNDED)).isEmpty();
    Tale longer =
        Tale.begin()
            .at(100, EXPORTER, Tale.requested(1))
            .at(200, LAUNCHER, Tale.struck("pause", EXPORTER))
            .at(3199, LAUNCHER, Tale.over("pause", EXPORTER))
            .at(4100, EXPORTER, Tale.completed(1, 4000));
    assertThat(longer.broken(Invariant.BOUNDED)).hasSize(1);
  }

  @Test
  void theFirstThatIsWrongIsTheEarliestEventWhateverItsInvariant() {
    Tale tale =
        Tale.begin()
            .at(100, EXPORTER, Tale.requested(1))
            .at(1500, EXPORTER, Tale.completed(1, 1400))
            .at(1600, IOMMU, Tale.reclaimed(1))
            .at(90, IMPORTER, REFUSED);
    assertThat(tale.judged().violations()).hasSizeGreaterThan(2);
    assertThat(tale.judged().firstWrong().orElseThrow().event()).isEqualTo(REFUSED);
  }
}
