package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Story.BOUND_MICROS;
import static dev.dmabufsim.simulator.judge.Story.BUFFER;
import static dev.dmabufsim.simulator.judge.Story.EPOCH;
import static dev.dmabufsim.simulator.judge.Story.FIRST;
import static dev.dmabufsim.simulator.judge.Story.GENERATION;
import static dev.dmabufsim.simulator.judge.Story.GPU;
import static dev.dmabufsim.simulator.judge.Story.NIC;
import static dev.dmabufsim.simulator.judge.Story.SECOND;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Each test changes one event of a run in which all is well. */
class JudgeTest {
  private static final String WHO =
      "attachment " + FIRST + " (0000:ca:00.0, gpu-dynamic, buffer 0 of 0000:17:00.0)";

  @Test
  void inASoundRunNothingIsBrokenAndNothingIsUnknown() {
    Findings findings = Story.sound().judged();
    assertThat(findings.violations()).isEmpty();
    assertThat(findings.unknowns()).isEmpty();
    assertThat(findings.figures())
        .isEqualTo(new Findings.Figures(1, 1, 1, 0, 0, List.of(4000L), 2, 0, 2, Story.SCANNED, 0));
  }

  @Nested
  class NoLateDma {
    @Test
    void bytesOfADeviceInTheNextOwnersMemoryAreALateWriteAndNameTheAttachment() {
      HistoryEvent found =
          Story.scanned(48, new HistoryEvent.Foreign(Canary.TAG_DEVICE, FIRST, GENERATION, 48));
      Findings findings = Story.sound().instead(found).judged();
      assertOne(findings, Invariant.NO_LATE_DMA)
          .startsWith("48 bytes written by " + WHO + ", for generation 5, found in segment ")
          .endsWith("next owner's as generation 6; the first at offset 4096");
      assertThat(findings.figures().canaryForeignBytes()).isEqualTo(48);
      assertFine(Story.sound().instead(Story.scanned(0)));
    }

    @Test
    void everyAuthorOfForeignBytesIsNamed() {
      HistoryEvent found =
          Story.scanned(
              64,
              new HistoryEvent.Foreign(Canary.TAG_DEVICE, SECOND, GENERATION, 16),
              new HistoryEvent.Foreign(Canary.TAG_EXPORTER, BUFFER, GENERATION, 16),
              new HistoryEvent.Foreign(0, 99, 0, 32));
      assertThat(details(Story.sound().instead(found), Invariant.NO_LATE_DMA))
          .hasSize(3)
          .anyMatch(d -> d.contains("by attachment " + SECOND + " (0000:ca:00.0"))
          .anyMatch(d -> d.contains("by the exporter of buffer 0 of 0000:17:00.0"))
          .anyMatch(d -> d.contains("by nobody of this program (tag 0)"));
    }

    @Test
    void foreignBytesAreALateWriteAlsoIfNobodyCanBeNamed() {
      assertOne(Story.sound().instead(Story.scanned(32)).judged(), Invariant.NO_LATE_DMA)
          .startsWith("32 bytes");
    }

    @Test
    void aReadThatGotAnothersBytesIsALeakAndNamesTheAttachment() {
      HistoryEvent leaked = new HistoryEvent.Leaked(NIC, FIRST, BUFFER, GENERATION, 4);
      Story story = Story.sound().after(HistoryEvent.HandedOver.class, leaked);
      assertOne(story.judged(), Invariant.NO_LATE_DMA)
          .startsWith("a read of " + WHO + " got 32 bytes that were not of generation 5");
    }

    @Test
    void wordsThatWereCountedAsLeakedAreALeakAlsoIfNoHistoryTellsOfThem() {
      Story counted = Story.sound().withDma(new DmaCounters(100, 6400, 0, 2, 3, 0));
      assertOne(counted.judged(), Invariant.NO_LATE_DMA).startsWith("24 bytes read");
      assertFine(Story.sound().withDma(new DmaCounters(100, 6400, 0, 2, 0, 0)));
    }

    @Test
    void anAttachmentOfWhichNoHistoryTellsIsNamedByItsDevice() {
      HistoryEvent leaked = new HistoryEvent.Leaked("0000:31:00.0", 77, BUFFER, GENERATION, 4);
      Story story = Story.sound().after(HistoryEvent.HandedOver.class, leaked);
      assertOne(story.judged(), Invariant.NO_LATE_DMA)
          .contains("a read of 0000:31:00.0, attachment 77 got");
    }
  }

  @Nested
  class Bounded {
    @Test
    void aRevokeMayTakeItsBoundAndNotAMicrosecondMore() {
      HistoryEvent late = Story.completed(RevokeOutcome.SEVERED, BOUND_MICROS + 1);
      HistoryEvent inTime = Story.completed(RevokeOutcome.SEVERED, BOUND_MICROS);
      assertOne(Story.sound().instead(late).judged(), Invariant.BOUNDED)
          .isEqualTo(
              "the revoke of buffer 0 of 0000:17:00.0, epoch 1, took 3500001 us; the bound is"
                  + " 3500000 us");
      assertFine(Story.sound().instead(inTime));
    }

    @Test
    void aRevokeThatIsNotCompleteBeyondItsBoundHangsAndNamesForWhomItWaits() {
      Findings findings = cutOff(Story.unfinished(BOUND_MICROS + 1)).judged();
      assertOne(findings, Invariant.BOUNDED)
          .contains("hangs: 3500001 us and not complete")
          .contains("it waits for 1 fences and 2 unmaps, the first of attachment " + SECOND)
          .contains("(0000:ca:00.0, gpu-dynamic, ");
      assertThat(findings.unknowns()).isEmpty();
    }

    @Test
    void aRevokeThatIsNotCompleteWithinItsBoundIsUnknownAndNotAViolation() {
      Findings findings = cutOff(Story.unfinished(BOUND_MICROS)).judged();
      assertThat(findings.violations()).isEmpty();
      assertThat(findings.unknowns())
          .containsExactly("a revoke was cut off before its bound was over");
    }

    private static Story cutOff(HistoryEvent unfinished) {
      return Story.sound()
          .without(HistoryEvent.RevokeCompleted.class)
          .without(HistoryEvent.HandedOver.class)
          .without(HistoryEvent.Restored.class)
          .after(HistoryEvent.Probed.class, unfinished);
    }
  }

  @Nested
  class FailsOnlyAfterRevoke {
    @Test
    void anAccessThatSucceedsAfterTheRevokeIsAViolation() {
      HistoryEvent one = Story.probed(Story.COMPLETED_NANOS, 1);
      HistoryEvent both = Story.probed(Story.COMPLETED_NANOS, 2);
      assertOne(Story.sound().instead(one).judged(), Invariant.FAILS_ONLY_AFTER_REVOKE)
          .isEqualTo(
              NIC
                  + ": of 2 accesses to buffer 0 of 0000:17:00.0 after its revoke of epoch 1, only"
                  + " 1 failed");
      assertFine(Story.sound().instead(both));
    }

    @Test
    void anAccessThatSucceedsBeforeTheRevokeIsCompleteIsNone() {
      HistoryEvent none = Story.probed(Story.COMPLETED_NANOS - 1, 0);
      assertFine(Story.sound().before(HistoryEvent.RevokeCompleted.class, none));
      // An engine that lost its CPU in between tells of it late.
      assertFine(Story.sound().after(HistoryEvent.Restored.class, none));
    }

    @Test
    void dmaThatFailsBeforeAnyRevokeIsAViolationAndNamesTheAttachment() {
      Story tooEarly =
          Story.sound().before(HistoryEvent.RevokeRequested.class, refused(GENERATION));
      assertOne(tooEarly.judged(), Invariant.FAILS_ONLY_AFTER_REVOKE)
          .isEqualTo(
              "DMA of "
                  + WHO
                  + " failed (iommu-fault) although no revoke of its memory had been asked for");
      assertFine(Story.sound().after(HistoryEvent.RevokeRequested.class, refused(GENERATION)));
    }

    @Test
    void theRevokeOfOtherMemoryOfTheSameBufferExcusesNoFailure() {
      Story other = Story.sound().after(HistoryEvent.Restored.class, refused(GENERATION + 2));
      assertOne(other.judged(), Invariant.FAILS_ONLY_AFTER_REVOKE).contains(WHO);
    }

    private static HistoryEvent refused(long generation) {
      return new HistoryEvent.Refused(NIC, FIRST, BUFFER, generation, "iommu-fault");
    }
  }

  @Nested
  class OnlyRevocableAttached {
    @Test
    void anAttachmentThatCannotBeRevokedIsNotHeldOnABufferWhoseExporterRevokes() {
      HistoryEvent pinned =
          new HistoryEvent.Attached(
              BUFFER, NIC, ImporterKind.RDMA_PINNED, false, List.of(FIRST, SECOND));
      assertOne(Story.sound().instead(pinned).judged(), Invariant.ONLY_REVOCABLE_ATTACHED)
          .isEqualTo(
              NIC
                  + " (rdma-pinned) holds attachment "
                  + FIRST
                  + " on buffer 0 of "
                  + GPU
                  + ", whose exporter revokes");
      assertFine(
          Story.sound().after(HistoryEvent.Attached.class, Story.refused(Errno.EOPNOTSUPP, 8)));
    }

    @Test
    void anExportersWordThatAnImporterIsRevocableIsNotBelievedAgainstItsKind() {
      HistoryEvent claimed =
          new HistoryEvent.Attached(
              BUFFER, NIC, ImporterKind.RDMA_PINNED, true, List.of(FIRST, SECOND));
      assertOne(Story.sound().instead(claimed).judged(), Invariant.ONLY_REVOCABLE_ATTACHED)
          .contains("attachment " + FIRST);
    }
  }

  @Nested
  class NothingLeft {
    @Test
    void anExporterThatStopsWithAttachmentsPinsOrMappingsLeavesThem() {
      HistoryEvent left = new HistoryEvent.ExporterStopped(0, 0, 1);
      assertOne(Story.sound().instead(left).judged(), Invariant.NOTHING_LEFT)
          .isEqualTo("exporter-1 stopped with 0 attachments, 0 pins, 1 mappings");
      assertOne(
          Story.sound().instead(new HistoryEvent.ExporterStopped(1, 0, 0)).judged(),
          Invariant.NOTHING_LEFT);
      assertOne(
          Story.sound().instead(new HistoryEvent.ExporterStopped(0, 1, 0)).judged(),
          Invariant.NOTHING_LEFT);
      assertFine(Story.sound().instead(new HistoryEvent.ExporterStopped(0, 0, 0)));
    }

    @Test
    void aDeviceThatStopsWithAttachmentsLeavesThem() {
      HistoryEvent left = new HistoryEvent.DeviceStopped(NIC, 1, 0, 0);
      assertOne(Story.sound().instead(left).judged(), Invariant.NOTHING_LEFT)
          .isEqualTo(NIC + " of importer-1 stopped with 1 attachments, 0 pins, 0 mappings");
    }

    @Test
    void anIommuThatStopsWithSlotsInUseLeavesThem() {
      assertOne(
              Story.sound().instead(new HistoryEvent.IommuStopped(3)).judged(),
              Invariant.NOTHING_LEFT)
          .isEqualTo("iommu-1 stopped with 3 slots in use");
      assertFine(Story.sound().instead(new HistoryEvent.IommuStopped(0)));
    }

    @Test
    void slotsThatStillGrantAccessWhenEveryNodeIsGoneAreLeft() {
      Story open =
          Story.sound()
              .with(f -> new Facts(f.boundMicros(), f.dma(), 2, f.leftovers(), f.troubles()));
      assertOne(open.judged(), Invariant.NOTHING_LEFT).isEqualTo("2 slots still grant access");
    }

    @Test
    void aProcessThatHadToBeKilledAtTheEndIsLeft() {
      Story leftover =
          Story.sound()
              .with(f ->
                  new Facts(
                      f.boundMicros(),
                      f.dma(),
                      0,
                      List.of("importer-1 (pid 7) had to be killed at the end"),
                      f.troubles()));
      assertOne(leftover.judged(), Invariant.NOTHING_LEFT).contains("importer-1 (pid 7)");
    }
  }

  @Nested
  class HandedOnAfterCompletion {
    @Test
    void memoryGoesToItsNextOwnerOnlyWhenTheRevokeIsComplete() {
      Story early =
          Story.sound()
              .without(HistoryEvent.HandedOver.class)
              .before(HistoryEvent.RevokeCompleted.class, Story.handedOver());
      assertOne(early.judged(), Invariant.HANDED_ON_AFTER_COMPLETION)
          .isEqualTo(
              "buffer 0 of 0000:17:00.0: memory went to its next owner before the revoke of epoch"
                  + " 1 had completed");
      Story inTime =
          Story.sound()
              .without(HistoryEvent.HandedOver.class)
              .after(HistoryEvent.RevokeCompleted.class, Story.handedOver());
      assertFine(inTime);
    }

    @Test
    void importersGetMemoryBackOnlyWhenTheRevokeIsComplete() {
      Story early =
          Story.sound()
              .without(HistoryEvent.Restored.class)
              .before(HistoryEvent.RevokeCompleted.class, Story.restored());
      assertOne(early.judged(), Invariant.HANDED_ON_AFTER_COMPLETION)
          .contains("memory went back to importers before");
    }

    @Test
    void memoryThatIsHandedOnWithoutAnyEndOfItsRevokeIsHandedOnTooEarly() {
      Findings findings = Story.sound().without(HistoryEvent.RevokeCompleted.class).judged();
      assertThat(findings.violations())
          .extracting(Violation::invariant)
          .containsOnly(Invariant.HANDED_ON_AFTER_COMPLETION)
          .hasSize(2);
    }
  }

  @Nested
  class Unknown {
    @Test
    void aRunInWhichNothingWasRevokedIsUnknown() {
      Story idle =
          Story.sound()
              .without(HistoryEvent.RevokeRequested.class)
              .without(HistoryEvent.RevokeCompleted.class)
              .without(HistoryEvent.HandedOver.class)
              .without(HistoryEvent.Restored.class);
      assertUnknown(idle, "nothing was revoked");
    }

    @Test
    void aRunInWhichNothingWasMappedWhenItWasRevokedIsUnknown() {
      Story unmapped =
          Story.sound()
              .instead(
                  new HistoryEvent.RevokeRequested(BUFFER, EPOCH, Story.SEGMENT, GENERATION, 2, 0));
      assertUnknown(unmapped, "nothing was mapped when it was revoked");
    }

    @Test
    void aRunWithoutDmaIsUnknown() {
      assertUnknown(Story.sound().withDma(DmaCounters.ZERO), "no DMA was done");
    }

    @Test
    void aRunInWhichNoNextOwnerLookedThroughHisMemoryIsUnknown() {
      assertUnknown(
          Story.sound().without(HistoryEvent.Scanned.class),
          "no next owner looked through his memory");
    }

    @Test
    void aRevokeWhoseEndNoHistoryTellsIsUnknown() {
      Story open =
          Story.sound()
              .without(HistoryEvent.RevokeCompleted.class)
              .without(HistoryEvent.HandedOver.class)
              .without(HistoryEvent.Restored.class);
      assertUnknown(open, "1 revokes have no end in the histories");
    }

    @Test
    void whateverTroubledTheRunMakesItUnknown() {
      Story cut =
          Story.sound()
              .with(f ->
                  new Facts(
                      f.boundMicros(),
                      f.dma(),
                      0,
                      List.of(),
                      List.of("importer-1.history.jsonl is cut short in line 7")));
      assertUnknown(cut, "importer-1.history.jsonl is cut short in line 7");
    }

    private static void assertUnknown(Story story, String reason) {
      Findings findings = story.judged();
      assertThat(findings.violations()).isEmpty();
      assertThat(findings.unknowns()).containsExactly(reason);
    }
  }

  @Nested
  class Figures {
    @Test
    void revokesAreCountedByTheirOutcome() {
      for (RevokeOutcome outcome : RevokeOutcome.values()) {
        Findings.Figures figures =
            Story.sound().instead(Story.completed(outcome, 4000)).judged().figures();
        assertThat(figures.acked()).isEqualTo(outcome == RevokeOutcome.ACKED ? 1 : 0);
        assertThat(figures.blocked()).isEqualTo(outcome == RevokeOutcome.BLOCKED ? 1 : 0);
        assertThat(figures.severed()).isEqualTo(outcome == RevokeOutcome.SEVERED ? 1 : 0);
        assertThat(figures.revokesCompleted()).isEqualTo(1);
      }
    }

    @Test
    void aRefusalForGoodCountsAndOneForNowDoesNot() {
      Story story =
          Story.sound()
              .after(HistoryEvent.Attached.class, Story.refused(Errno.EOPNOTSUPP, 8))
              .after(HistoryEvent.Attached.class, Story.refused(Errno.ENODEV, 3));
      assertThat(story.judged().figures().attachmentsRefused()).isEqualTo(8);
    }

    @Test
    void thePeakOfAttachmentsIsTheMostThatWereHeldAtOnceAndNotTheirSum() {
      HistoryEvent reaped = new HistoryEvent.Reaped(BUFFER, 2, List.of(FIRST), 0, 1);
      HistoryEvent detached =
          new HistoryEvent.Operated(Operation.DETACH, BUFFER, EPOCH, List.of(SECOND));
      HistoryEvent unmapped =
          new HistoryEvent.Operated(Operation.UNMAP, BUFFER, EPOCH, List.of(FIRST, SECOND));
      HistoryEvent more =
          new HistoryEvent.Attached(BUFFER, NIC, ImporterKind.GPU_DYNAMIC, true, List.of(3, 4, 5));
      Story held = Story.sound().after(HistoryEvent.Restored.class, more);
      Story gone =
          held.before(HistoryEvent.Restored.class, reaped)
              .before(HistoryEvent.Restored.class, detached);
      Story only = held.before(HistoryEvent.Restored.class, unmapped);
      assertThat(held.judged().figures().attachmentsPeak()).isEqualTo(5);
      assertThat(gone.judged().figures().attachmentsPeak()).isEqualTo(3);
      assertThat(only.judged().figures().attachmentsPeak())
          .as("an unmap is no detach")
          .isEqualTo(5);
    }
  }

  @Test
  void ofManyViolationsAlikeTheFirstTenAreToldAndTheRestCounted() {
    HistoryEvent.Foreign[] authors =
        IntStream.range(0, 25)
            .mapToObj(i -> new HistoryEvent.Foreign(Canary.TAG_DEVICE, i, GENERATION, 16))
            .toArray(HistoryEvent.Foreign[]::new);
    assertThat(details(Story.sound().instead(Story.scanned(400, authors)), Invariant.NO_LATE_DMA))
        .hasSize(11)
        .last()
        .isEqualTo("and 15 more like these");
  }

  @Test
  void violationsOfOneInvariantHideNoneOfAnother() {
    Story both =
        Story.sound()
            .instead(
                Story.scanned(
                    16, new HistoryEvent.Foreign(Canary.TAG_DEVICE, FIRST, GENERATION, 16)))
            .instead(Story.completed(RevokeOutcome.ACKED, BOUND_MICROS + 1));
    assertThat(both.judged().violations())
        .extracting(Violation::invariant)
        .containsExactly(Invariant.NO_LATE_DMA, Invariant.BOUNDED);
  }

  private static org.assertj.core.api.AbstractStringAssert<?> assertOne(
      Findings findings, Invariant invariant) {
    assertThat(findings.violations())
        .singleElement()
        .extracting(Violation::invariant)
        .isEqualTo(invariant);
    return assertThat(findings.violations().getFirst().detail());
  }

  private static void assertFine(Story story) {
    Findings findings = story.judged();
    assertThat(findings.violations()).isEmpty();
    assertThat(findings.unknowns()).isEmpty();
  }

  private static List<String> details(Story story, Invariant invariant) {
    return story.judged().violations().stream()
        .filter(v -> v.invariant() == invariant)
        .map(Violation::detail)
        .toList();
  }
}
