package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.IOMMU;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** A revoke that began has one end, whoever dies. */
class FinishedOnceTest {
  private static final Invariant IT = Invariant.FINISHED_ONCE;
  private static final String CUT_OFF =
      "a dead exporter's revoke was cut off before its bound was over";

  /** Its exporter dies at 110 ms in the middle of a revoke. */
  private static Tale died() {
    return Tale.begin()
        .at(100, EXPORTER, Tale.requested(1))
        .at(110, LAUNCHER, Tale.struck("kill", EXPORTER));
  }

  @Test
  void whatItsExporterFinishesIsFinished() {
    Tale tale =
        Tale.begin().at(100, EXPORTER, Tale.requested(1)).at(200, EXPORTER, Tale.completed(1, 100));
    assertThat(tale.broken(IT)).isEmpty();
  }

  @Test
  void whatADeadExporterBeganTheIommuFinishesWithinTheBoundFromTheDeathOn() {
    assertThat(died().at(1110, IOMMU, Tale.reclaimed(1)).until(9000).judged().unknowns())
        .doesNotContain(CUT_OFF);
    assertThat(died().at(1110, IOMMU, Tale.reclaimed(1)).broken(IT)).isEmpty();
    assertThat(died().at(1111, IOMMU, Tale.reclaimed(1)).broken(IT))
        .containsExactly(
            "the revoke of buffer 0 of gpu, epoch 1, whose exporter had died, was finished by"
                + " iommu-1 1001000 us after it was its heirs' to finish; the bound is 1000000 us");
  }

  @Test
  void whatNobodyFinishesIsAViolationWhenTheBoundIsOverAndUnknownBefore() {
    assertThat(died().until(1111).broken(IT)).singleElement().asString().contains("not finished");
    assertThat(died().until(1110).broken(IT)).isEmpty();
    assertThat(died().until(1110).judged().unknowns()).contains(CUT_OFF);
    assertThat(died().until(1111).cutShort().broken(IT))
        .as("it may be in what was cut off")
        .isEmpty();
  }

  @Test
  void aRevokeIsFinishedByOneAndOnce() {
    Tale both =
        Tale.begin()
            .at(100, EXPORTER, Tale.requested(1))
            .at(200, EXPORTER, Tale.completed(1, 100))
            .at(300, IOMMU, Tale.reclaimed(1));
    assertThat(both.broken(IT))
        .containsExactly(
            "the revoke of buffer 0 of gpu, epoch 1 was finished twice: by exporter-1 and again by"
                + " iommu-1, 100000 us later");
    assertThat(both.judged().firstWrong().orElseThrow().nanos()).isEqualTo(300_000_000);
    Tale twice = died().at(200, IOMMU, Tale.reclaimed(1)).at(201, IOMMU, Tale.reclaimed(1));
    assertThat(twice.broken(IT)).hasSize(1);
    Tale another = died().at(200, IOMMU, Tale.reclaimed(1)).at(201, IOMMU, Tale.reclaimed(2));
    assertThat(another.broken(IT)).isEmpty();
  }

  @Test
  void ifTheIommuWasDeadTooTheBoundCountsFromTheFirstOfTheTwoThatIsThereAgain() {
    Tale bothDead = died().at(120, LAUNCHER, Tale.struck("restart", IOMMU));
    Tale iommuBack = bothDead.at(5000, IOMMU, Tale.started("iommu", IOMMU, 9));
    assertThat(iommuBack.at(6000, IOMMU, Tale.reclaimed(1)).broken(IT)).isEmpty();
    Tale exporterBackBefore =
        died()
            .at(120, LAUNCHER, Tale.struck("restart", IOMMU))
            .at(3000, EXPORTER, Tale.started("exporter", EXPORTER, 8))
            .at(5000, IOMMU, Tale.started("iommu", IOMMU, 9))
            .at(6000, IOMMU, Tale.reclaimed(1));
    assertThat(exporterBackBefore.broken(IT)).singleElement().asString().contains("3000000 us");
  }

  @Test
  void ifNobodyComesBackNothingIsKnown() {
    Tale nobody = died().at(120, LAUNCHER, Tale.struck("kill", IOMMU)).until(9000);
    assertThat(nobody.broken(IT)).isEmpty();
    assertThat(nobody.judged().unknowns())
        .contains("nobody was there who could have finished a dead exporter's revoke");
  }

  @Test
  void memoryThatWasLiveHasToBeTakenBackOnceItWasBegun() {
    Tale live =
        Tale.begin()
            .at(110, LAUNCHER, Tale.struck("kill", EXPORTER))
            .at(120, IOMMU, Tale.orphaned(1, false));
    assertThat(live.until(1111).broken(IT)).hasSize(1);
    assertThat(live.at(130, IOMMU, Tale.reclaimed(1)).broken(IT)).isEmpty();
  }

  @Test
  void whatTheJournalSaidWasCompleteNeedsNoOtherEnd() {
    Tale journalled =
        died().at(120, IOMMU, Tale.orphaned(2, false)).at(130, IOMMU, Tale.reclaimed(2));
    assertThat(journalled.until(9000).broken(IT)).isEmpty();
    Tale claimer = died().at(130, IOMMU, Tale.reclaimed(2));
    assertThat(claimer.until(9000).broken(IT)).as("who claimed it said nothing of it").isEmpty();
    Tale begun = died().at(120, IOMMU, Tale.orphaned(2, true)).at(130, IOMMU, Tale.reclaimed(2));
    assertThat(begun.until(9000).broken(IT)).as("epoch 1 has no end").hasSize(1);
  }
}
