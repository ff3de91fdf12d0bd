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
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Each test changes one event of a run in which all is well. */
class JudgeTest {
  private static final Findings.Late NONE = new Findings.Late(0, Optional.empty());
  private static final String WHO =
      "attachment " + FIRST + " (0000:ca:00.0, gpu-dynamic, buffer 0 of 0000:17:00.0)";

  @Test
  void inASoundRunNothingIsBrokenAndNothingIsUnknown() {
    Findings findings = Story.sound().judged();
    assertThat(findings.violations()).isEmpty();
    assertThat(findings.unknowns()).isEmpty();
    assertThat(findings.figures())
        .isEqualTo(
            new Findings.Figures(
                new Findings.Revokes(1, 1, 1, 0, 0, 0, 0, List.of(4000L), List.of()),
                2,
                0,
                0,
                2,
                Story.SCANNED,
                0,
                Map.of(
                    LateAccess.NIRVANA, NONE,
                    LateAccess.IOMMU_FAULT, NONE,
                    LateAccess.AER, NONE,
                    LateAccess.UAF, NONE),
                0,
                0,
                new Findings.Moves(0, 0, 0),
                new Findings.Calls(0, 0),
                new Findings.Cpu(0, 0, 0),
                Findings.Faults.NONE));
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
      Story inIt = Story.sound().after(HistoryEvent.RevokeRequested.class, refused(GENERATION));
      assertFine(inIt);
      assertThat(inIt.judged().figures().dmaFailed()).as("counted all the same").isEqualTo(1);
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
          new HistoryEvent.Attached(BUFFER, NIC, "rdma-pinned", false, List.of(FIRST, SECOND));
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
    void anExporterThatOnlyMovesMayHoldOneUntilItRevokesForGood() {
      HistoryEvent gpu =
          new HistoryEvent.Exported(
              BUFFER, GPU, ExporterKind.GPU_VRAM, 1 << 20, Story.SEGMENT, GENERATION);
      HistoryEvent pinned =
          new HistoryEvent.Attached(BUFFER, NIC, "rdma-pinned", false, List.of(FIRST, SECOND));
      Story moves =
          Story.sound()
              .instead(gpu)
              .instead(pinned)
              .instead(Story.requested(RevokeCause.EVICTION, 2))
              .after(HistoryEvent.RevokeRequested.class, Story.moved(1, 1));
      assertFine(moves);
      Story unplugged = moves.instead(Story.requested(RevokeCause.HOT_UNPLUG, 2));
      assertThat(details(unplugged, Invariant.ONLY_REVOCABLE_ATTACHED))
          .hasSize(2)
          .allMatch(d -> d.endsWith("on buffer 0 of " + GPU + ", which is revoked: hot-unplug"));
      HistoryEvent gone =
          new HistoryEvent.Operated(Operation.DETACH, BUFFER, EPOCH, List.of(FIRST, SECOND));
      assertThat(
              details(
                  unplugged.before(HistoryEvent.RevokeRequested.class, gone),
                  Invariant.ONLY_REVOCABLE_ATTACHED))
          .isEmpty();
    }

    /** It was let in knowingly, and it is not its fault that nobody can tell it. */
    @Test
    void anExporterWhoseMemoryFailsMayHoldOneAndThatOneMayBeLate() {
      HistoryEvent gpu =
          new HistoryEvent.Exported(
              BUFFER, GPU, ExporterKind.GPU_VRAM, 1 << 20, Story.SEGMENT, GENERATION);
      HistoryEvent pinned =
          new HistoryEvent.Attached(BUFFER, NIC, "rdma-pinned", false, List.of(FIRST, SECOND));
      long since = Story.COMPLETED_NANOS + 1_234_000;
      Story fails =
          Story.sound()
              .instead(gpu)
              .instead(Story.requested(RevokeCause.RAS_ERROR, 2))
              .after(
                  HistoryEvent.RevokeCompleted.class,
                  Story.late(LateAccess.IOMMU_FAULT, false, since, 3));
      assertThat(details(fails.instead(pinned), Invariant.NO_LATE_DMA)).isEmpty();
      assertThat(details(fails.instead(pinned), Invariant.ONLY_REVOCABLE_ATTACHED)).isEmpty();
      assertThat(details(fails, Invariant.NO_LATE_DMA)).as("who can be told").hasSize(1);
    }

    @Test
    void anExporterThatNeverRevokesMayHoldAny() {
      HistoryEvent heap =
          new HistoryEvent.Exported(
              BUFFER, GPU, ExporterKind.SYSTEM_HEAP, 1 << 20, Story.SEGMENT, GENERATION);
      HistoryEvent pinned =
          new HistoryEvent.Attached(BUFFER, NIC, "rdma-pinned", false, List.of(FIRST));
      Story idle =
          Story.sound()
              .instead(heap)
              .instead(pinned)
              .without(HistoryEvent.RevokeRequested.class)
              .without(HistoryEvent.RevokeCompleted.class)
              .without(HistoryEvent.HandedOver.class)
              .without(HistoryEvent.Restored.class);
      assertThat(idle.judged().violations()).isEmpty();
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
      Story open = Story.sound().leaving(2, List.of(), List.of());
      assertOne(open.judged(), Invariant.NOTHING_LEFT).isEqualTo("2 slots still grant access");
    }

    @Test
    void aProcessThatHadToBeKilledAtTheEndIsLeft() {
      Story leftover =
          Story.sound()
              .leaving(0, List.of("importer-1 (pid 7) had to be killed at the end"), List.of());
      assertOne(leftover.judged(), Invariant.NOTHING_LEFT).contains("importer-1 (pid 7)");
    }
  }

  @Nested
  class ReleasedBuffers {
    private static final HistoryEvent WITH_ONE = new HistoryEvent.BufferReleased(BUFFER, 1);

    @Test
    void aBufferThatIsReleasedWithAttachmentsLeavesThem() {
      Story story = Story.sound().before(HistoryEvent.ExporterStopped.class, WITH_ONE);
      assertOne(story.judged(), Invariant.NOTHING_LEFT)
          .isEqualTo("buffer 0 of " + GPU + " was released with 1 attachments");
      assertFine(
          Story.sound()
              .before(
                  HistoryEvent.ExporterStopped.class, new HistoryEvent.BufferReleased(BUFFER, 0)));
    }

    @Test
    void ofARunThatWasBrokenOffTheySayNothing() {
      assertFine(Story.sound().before(HistoryEvent.ExporterStopped.class, WITH_ONE).brokenOff());
    }
  }

  @Nested
  class Late {
    private static final long SINCE = Story.COMPLETED_NANOS + 1_234_000;

    @Test
    void anHonestImportersLateAccessThatNobodyNoticesIsFine() {
      Story story = with(Story.late(LateAccess.NIRVANA, true, SINCE, 1));
      assertFine(story);
      assertThat(late(story, LateAccess.NIRVANA).count()).isEqualTo(1);
    }

    @Test
    void anHonestImportersIommuFaultOrAerErrorAfterTheRevokeIsAViolation() {
      assertOne(
              with(Story.late(LateAccess.IOMMU_FAULT, false, SINCE, 3)).judged(),
              Invariant.NO_LATE_DMA)
          .isEqualTo(
              "3 late accesses by "
                  + WHO
                  + ", of which the first was a read at offset 8192, 1234 us after its revoke had"
                  + " completed, ended in an IOMMU fault, although the importer keeps the"
                  + " contract");
      assertOne(with(Story.late(LateAccess.AER, true, SINCE, 1)).judged(), Invariant.NO_LATE_DMA)
          .contains("was a write at offset 8192")
          .contains("ended in an AER error");
    }

    @Test
    void aCheatsFaultsAreNoViolationSinceTheyWereStopped() {
      Story cheat =
          with(Story.late(LateAccess.IOMMU_FAULT, true, SINCE, 3))
              .after(
                  HistoryEvent.Restored.class, Story.late(LateAccess.AER, true, SINCE + 5_000, 2))
              .ofACheat();
      assertFine(cheat);
      assertThat(late(cheat, LateAccess.IOMMU_FAULT).count()).isEqualTo(3);
      assertThat(late(cheat, LateAccess.AER).count()).isEqualTo(2);
    }

    @Test
    void anAccessToAnothersMemoryIsAViolationOfWhomeverItIs() {
      Story cheat = with(Story.late(LateAccess.UAF, true, SINCE, 1)).ofACheat();
      assertOne(cheat.judged(), Invariant.NO_LATE_DMA)
          .startsWith("1 late accesses by " + WHO)
          .endsWith(" reached memory that belonged to somebody else");
    }

    @Test
    void recordsOfOneEpisodeAreAddedUpAndTheExampleIsTheEarliestAccess() {
      Story story =
          with(Story.late(LateAccess.UAF, false, SINCE + 9_000, 41))
              .before(HistoryEvent.Restored.class, Story.late(LateAccess.UAF, true, SINCE, 1));
      Findings.Late late = late(story, LateAccess.UAF);
      assertThat(late.count()).isEqualTo(42);
      assertThat(late.first())
          .contains(
              new Findings.Example(
                  NIC,
                  "gpu-dynamic",
                  FIRST,
                  GPU,
                  0,
                  OptionalLong.of(8192),
                  true,
                  8_234,
                  OptionalLong.of(1234),
                  Findings.Evidence.ACCESS));
      assertThat(details(story, Invariant.NO_LATE_DMA)).singleElement().asString().startsWith("42");
    }

    @Test
    void anAccessThatCameBeforeTheExporterHadWrittenDownTheEndIsOfTheSameMoment() {
      Story story = with(Story.late(LateAccess.NIRVANA, true, Story.COMPLETED_NANOS - 500, 1));
      assertThat(late(story, LateAccess.NIRVANA).first().orElseThrow().afterMicros()).hasValue(0);
    }

    @Test
    void ofMemoryWhoseRevokeNoHistoryTellsItIsNotKnownHowLate() {
      HistoryEvent other =
          new HistoryEvent.Late(
              NIC, FIRST, BUFFER, GENERATION + 40, LateAccess.UAF, true, 0, SINCE, 1);
      assertThat(late(with(other), LateAccess.UAF).first().orElseThrow().afterMicros()).isEmpty();
      assertOne(with(other).judged(), Invariant.NO_LATE_DMA).doesNotContain("after its revoke");
    }

    @Test
    void bytesOfWhomeverWroteNothingDownAreEvidenceAndCountOnceForEachAttachment() {
      Story story =
          Story.sound()
              .instead(
                  Story.scanned(
                      64,
                      new HistoryEvent.Foreign(Canary.TAG_DEVICE, FIRST, GENERATION, 32),
                      new HistoryEvent.Foreign(Canary.TAG_DEVICE, FIRST, GENERATION - 2, 16),
                      new HistoryEvent.Foreign(Canary.TAG_DEVICE, SECOND, GENERATION, 16)));
      Findings.Late late = late(story, LateAccess.UAF);
      assertThat(late.count()).isEqualTo(2);
      Findings.Example first = late.first().orElseThrow();
      assertThat(first.evidence()).isEqualTo(Findings.Evidence.BYTES);
      assertThat(first.importer()).isEqualTo(NIC);
      assertThat(first.exporter()).isEqualTo(GPU);
      assertThat(first.wrote()).isTrue();
      assertThat(first.offset()).hasValue(4096);
      assertThat(first.afterMicros()).as("when it was written nobody knows").isEmpty();
    }

    @Test
    void bytesOfAnAccessThatItsImporterRecordedAreNotCountedAgain() {
      Story story =
          with(Story.late(LateAccess.UAF, true, SINCE, 7))
              .instead(
                  Story.scanned(
                      48,
                      new HistoryEvent.Foreign(Canary.TAG_DEVICE, FIRST, GENERATION, 32),
                      new HistoryEvent.Foreign(Canary.TAG_DEVICE, SECOND, GENERATION, 16)));
      assertThat(late(story, LateAccess.UAF).count())
          .as("7 of the first, 1 of the second")
          .isEqualTo(8);
      assertThat(details(story, Invariant.NO_LATE_DMA))
          .as("each told once")
          .hasSize(2)
          .allMatch(d -> d.contains("bytes written by attachment"));
    }

    @Test
    void aFaultOfTheSameAttachmentDoesNotExplainItsBytes() {
      Story story =
          with(Story.late(LateAccess.IOMMU_FAULT, true, SINCE, 7))
              .ofACheat()
              .instead(
                  Story.scanned(
                      16, new HistoryEvent.Foreign(Canary.TAG_DEVICE, FIRST, GENERATION, 16)));
      assertThat(late(story, LateAccess.UAF).count()).isEqualTo(1);
      assertThat(late(story, LateAccess.IOMMU_FAULT).count()).isEqualTo(7);
    }

    @Test
    void foreignBytesOfNobodyKnownAreEvidenceToo() {
      Findings.Late late = late(Story.sound().instead(Story.scanned(32)), LateAccess.UAF);
      assertThat(late.count()).isEqualTo(1);
      assertThat(late.first().orElseThrow().importer()).isEqualTo("unknown");
    }

    @Test
    void aLeakIsEvidenceOfAReadAndCountsOnce() {
      HistoryEvent leaked = new HistoryEvent.Leaked(NIC, FIRST, BUFFER, GENERATION, 4);
      Story story =
          Story.sound()
              .after(HistoryEvent.HandedOver.class, leaked)
              .after(HistoryEvent.HandedOver.class, leaked);
      Findings.Late late = late(story, LateAccess.UAF);
      assertThat(late.count()).isEqualTo(1);
      assertThat(late.first().orElseThrow().evidence()).isEqualTo(Findings.Evidence.LEAK);
      assertThat(late.first().orElseThrow().wrote()).isFalse();
      assertThat(late.first().orElseThrow().offset()).isEmpty();
    }

    @Test
    void wordsThatOnlySharedMemoryCountedAsLeakedAreOneWithoutAnExample() {
      Story counted = Story.sound().withDma(new DmaCounters(100, 6400, 0, 2, 3, 0));
      assertThat(late(counted, LateAccess.UAF)).isEqualTo(new Findings.Late(1, Optional.empty()));
    }

    private static Story with(HistoryEvent late) {
      return Story.sound().after(HistoryEvent.Restored.class, late);
    }

    private static Findings.Late late(Story story, LateAccess what) {
      return story.judged().figures().late().getOrDefault(what, NONE);
    }
  }

  @Nested
  class Moves {
    @Test
    void aMoveAfterWhichTheContentIsAnotherIsAViolation() {
      assertOne(moved(Story.moved(0xabc, 0xabd)).judged(), Invariant.HANDED_ON_AFTER_COMPLETION)
          .isEqualTo(
              "buffer 0 of 0000:17:00.0: its content was another after the move of epoch 1, from"
                  + " segment 1048576 to 1048577: checksum abd, before abc");
      assertFine(moved(Story.moved(0xabc, 0xabc)));
      assertThat(moved(Story.moved(1, 2)).judged().figures().moves())
          .isEqualTo(new Findings.Moves(1, 0, 1));
    }

    @Test
    void aMoveThatCompletesWithoutHavingCopiedIsAViolation() {
      Story lost = Story.sound().instead(Story.requested(RevokeCause.MIGRATION, 2));
      assertOne(lost.judged(), Invariant.HANDED_ON_AFTER_COMPLETION)
          .endsWith("the move of epoch 1 completed and had not copied the content");
    }

    @Test
    void aMoveThatIsRefusedIsCountedAndNoRevoke() {
      Story pinned =
          Story.sound()
              .before(
                  HistoryEvent.RevokeRequested.class,
                  new HistoryEvent.MoveRefused(BUFFER, RevokeCause.EVICTION, 1));
      assertFine(pinned);
      assertThat(pinned.judged().figures().moves()).isEqualTo(new Findings.Moves(0, 1, 0));
      assertThat(pinned.judged().figures().revokes().requested()).isEqualTo(1);
    }

    @Test
    void aMoveThatLosesTheContentIsAViolationAndSaysWhyOnce() {
      Story lost =
          Story.sound()
              .instead(Story.requested(RevokeCause.EVICTION, 2))
              .after(
                  HistoryEvent.RevokeRequested.class,
                  new HistoryEvent.MoveFailed(BUFFER, 1, true, "there was no memory"));
      assertOne(lost.judged(), Invariant.HANDED_ON_AFTER_COMPLETION)
          .endsWith("the move of epoch 1 lost its content: there was no memory");
      assertThat(lost.judged().figures().revokes().completed()).isEqualTo(1);
    }

    @Test
    void aMoveThatMovesNothingIsRefusedAndNoRevoke() {
      Story failed =
          Story.sound()
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.MoveFailed(BUFFER, 2, false, "there was no memory"))
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.RevokeRequested(
                      BUFFER, 2, RevokeCause.EVICTION, 4, GENERATION + 9, 2, 2));
      assertFine(failed);
      assertThat(failed.judged().figures().moves()).isEqualTo(new Findings.Moves(0, 1, 0));
      assertThat(failed.judged().figures().revokes().requested()).isEqualTo(1);
    }

    private static Story moved(HistoryEvent event) {
      return Story.sound()
          .instead(Story.requested(RevokeCause.MIGRATION, 2))
          .after(HistoryEvent.RevokeRequested.class, event);
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
      Story unmapped = Story.sound().instead(Story.requested(RevokeCause.RESET, 0));
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
    void memoryThatHasNoNextOwnerNeedsNotBeLookedThrough() {
      for (RevokeCause cause : RevokeCause.values()) {
        Story unseen =
            Story.sound()
                .without(HistoryEvent.Scanned.class)
                .without(HistoryEvent.HandedOver.class)
                .instead(Story.requested(cause, 2))
                .after(HistoryEvent.RevokeRequested.class, Story.moved(1, 1));
        switch (cause) {
          case MEMORY_DISABLED,
              HOT_UNPLUG,
              LAST_CLOSE,
              CONTEXT_DESTROYED,
              DRIVER_REMOVED,
              RAS_ERROR ->
              assertThat(unseen.judged().unknowns()).as(cause.label()).isEmpty();
          case RESET, EVICTION, MIGRATION ->
              assertThat(unseen.judged().unknowns())
                  .as(cause.label())
                  .containsExactly("no next owner looked through his memory");
        }
      }
    }

    @Test
    void oneRevokeThatHasANextOwnerIsEnoughToMissHim() {
      Story both =
          Story.sound()
              .without(HistoryEvent.Scanned.class)
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.RevokeRequested(
                      BUFFER, 2, RevokeCause.HOT_UNPLUG, Story.SEGMENT, GENERATION + 2, 2, 2))
              .after(
                  HistoryEvent.DeviceStopped.class,
                  new HistoryEvent.RevokeCompleted(
                      BUFFER,
                      2,
                      Story.SEGMENT,
                      GENERATION + 2,
                      RevokeOutcome.ACKED,
                      4000,
                      List.of()));
      assertUnknown(both, "no next owner looked through his memory");
    }

    @Test
    void addressesThatAreHeldWithoutAMapCountAsMapped() {
      Story held =
          Story.sound()
              .instead(Story.requested(RevokeCause.RESET, 0))
              .after(
                  HistoryEvent.Attached.class,
                  new HistoryEvent.Operated(Operation.IOMMUFD_MAP, BUFFER, 0, List.of(FIRST)));
      assertFine(held);
      assertUnknown(
          held.before(
              HistoryEvent.RevokeRequested.class,
              new HistoryEvent.Operated(Operation.UNMAP, BUFFER, 0, List.of(FIRST))),
          "nothing was mapped when it was revoked");
    }

    @Test
    void ofAPartOfARunNobodyCountsTheDmaAndWhatIsMappedIsInUse() {
      Story part = Story.sound().with(Facts::ofPart);
      assertFine(part);
      assertFine(
          part.instead(
              new HistoryEvent.Invalidated(NIC, BUFFER, EPOCH, List.of(FIRST, SECOND), 0)));
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
              .leaving(0, List.of(), List.of("importer-1.history.jsonl is cut short in line 7"));
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
        Findings.Revokes revokes =
            Story.sound().instead(Story.completed(outcome, 4000)).judged().figures().revokes();
        assertThat(revokes.acked()).isEqualTo(outcome == RevokeOutcome.ACKED ? 1 : 0);
        assertThat(revokes.blocked()).isEqualTo(outcome == RevokeOutcome.BLOCKED ? 1 : 0);
        assertThat(revokes.severed()).isEqualTo(outcome == RevokeOutcome.SEVERED ? 1 : 0);
        assertThat(revokes.assumed()).isEqualTo(outcome == RevokeOutcome.ASSUMED ? 1 : 0);
        assertThat(revokes.completed()).isEqualTo(1);
      }
    }

    @Test
    void howLongAnUnfinishedRevokeHadTakenIsKept() {
      Story cutOff =
          Story.sound()
              .without(HistoryEvent.RevokeCompleted.class)
              .without(HistoryEvent.HandedOver.class)
              .without(HistoryEvent.Restored.class)
              .after(HistoryEvent.Probed.class, Story.unfinished(77));
      assertThat(cutOff.judged().figures().revokes().unfinishedMicros()).containsExactly(77L);
    }

    @Test
    void callsAndMessagesThatWereNotCarriedOutAreCounted() {
      Story story =
          Story.sound()
              .after(
                  HistoryEvent.Attached.class,
                  new HistoryEvent.IllegalCall(Operation.UNMAP, BUFFER, List.of(FIRST, SECOND)))
              .after(
                  HistoryEvent.Attached.class,
                  new HistoryEvent.IllegalCall(Operation.DETACH, BUFFER, List.of()))
              .after(HistoryEvent.Attached.class, new HistoryEvent.Dropped("Fenced", "epoch 0"));
      assertFine(story);
      assertThat(story.judged().figures().calls()).isEqualTo(new Findings.Calls(3, 1));
    }

    @Test
    void accessesByCpuAndThoseOutOfPhaseAreAddedUp() {
      Story story =
          Story.sound()
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.CpuAccessed(NIC, FIRST, BUFFER, 10, 7, 2))
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.CpuAccessed(NIC, SECOND, BUFFER, 5, 0, 1))
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.PhaseBroken(NIC, FIRST, BUFFER, "fenced", 3))
              .after(
                  HistoryEvent.Restored.class,
                  new HistoryEvent.PhaseBroken(NIC, FIRST, BUFFER, "drained", 4));
      assertFine(story);
      assertThat(story.judged().figures().cpu()).isEqualTo(new Findings.Cpu(15, 7, 3));
      assertThat(story.judged().figures().phaseBroken()).isEqualTo(7);
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
          new HistoryEvent.Attached(BUFFER, NIC, "gpu-dynamic", true, List.of(3, 4, 5));
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
