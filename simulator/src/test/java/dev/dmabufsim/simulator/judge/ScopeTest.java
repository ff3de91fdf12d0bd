package dev.dmabufsim.simulator.judge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Two exporter devices with an importer each share a cluster, and are judged apart. */
class ScopeTest {
  private static final String OUR_GPU = "our-gpu";
  private static final String OUR_NIC = "our-nic";
  private static final String OTHER_GPU = "other-gpu";
  private static final String OTHER_NIC = "other-nic";
  private static final int OURS = 1 << 16;
  private static final int OTHERS = (1 << 16) + 1;
  private static final int MINE = 11;
  private static final int ITS = 22;
  private static final int NOBODYS = 33;
  private static final int SEGMENT = 5;
  private static final long TENANT = 7;
  private static final long OTHER_TENANT = 9;

  private static final List<HistoryLine> RUN =
      lines(
          new HistoryEvent.Exported(OURS, OUR_GPU, ExporterKind.VFIO_PCI, 4096, SEGMENT, 1),
          new HistoryEvent.Exported(OTHERS, OTHER_GPU, ExporterKind.VFIO_PCI, 4096, 6, 2),
          new HistoryEvent.Attached(OURS, OUR_NIC, "gpu-dynamic", true, List.of(MINE)),
          new HistoryEvent.Attached(OTHERS, OTHER_NIC, "gpu-dynamic", true, List.of(ITS)),
          new HistoryEvent.HandedOver(SEGMENT, OURS, 1, 1, TENANT),
          // The same segment, which was lent to the other buffer in between.
          new HistoryEvent.HandedOver(SEGMENT, OTHERS, 2, 8, OTHER_TENANT));

  private static final Scope SCOPE = Scope.of(RUN, Set.of(OUR_GPU), Set.of(OUR_NIC));
  private static final Scope OTHER_SCOPE = Scope.of(RUN, Set.of(OTHER_GPU), Set.of(OTHER_NIC));

  /** An event of each kind that is wholly ours, and the same of the others. */
  record Pair(HistoryEvent ours, HistoryEvent others) {}

  private static final List<Pair> PAIRS =
      List.of(
          new Pair(RUN.get(0).event(), RUN.get(1).event()),
          new Pair(RUN.get(2).event(), RUN.get(3).event()),
          new Pair(RUN.get(4).event(), RUN.get(5).event()),
          new Pair(
              new HistoryEvent.AttachRefused(OURS, OUR_NIC, "static", Errno.EOPNOTSUPP, 1),
              new HistoryEvent.AttachRefused(OTHERS, OTHER_NIC, "static", Errno.EOPNOTSUPP, 1)),
          new Pair(
              new HistoryEvent.MapRefused(OURS, Errno.EINVAL, List.of(MINE)),
              new HistoryEvent.MapRefused(OTHERS, Errno.EINVAL, List.of(ITS))),
          new Pair(
              new HistoryEvent.Operated(Operation.MAP, OURS, 1, List.of(MINE)),
              new HistoryEvent.Operated(Operation.MAP, OTHERS, 1, List.of(ITS))),
          new Pair(
              new HistoryEvent.IllegalCall(Operation.MAP, OURS, List.of(MINE)),
              new HistoryEvent.IllegalCall(Operation.MAP, OTHERS, List.of(ITS))),
          new Pair(
              new HistoryEvent.Reaped(OURS, 3, List.of(MINE), 0, 1),
              new HistoryEvent.Reaped(OTHERS, 3, List.of(ITS), 0, 1)),
          new Pair(
              new HistoryEvent.RevokeRequested(OURS, 1, RevokeCause.RESET, SEGMENT, 1, 1, 1),
              new HistoryEvent.RevokeRequested(OTHERS, 1, RevokeCause.RESET, 6, 2, 1, 1)),
          new Pair(
              new HistoryEvent.RevokeCompleted(
                  OURS, 1, SEGMENT, 1, RevokeOutcome.ACKED, 9, List.of()),
              new HistoryEvent.RevokeCompleted(OTHERS, 1, 6, 2, RevokeOutcome.ACKED, 9, List.of())),
          new Pair(
              new HistoryEvent.RevokeUnfinished(OURS, 1, 9, List.of(), List.of(MINE)),
              new HistoryEvent.RevokeUnfinished(OTHERS, 1, 9, List.of(), List.of(ITS))),
          new Pair(
              new HistoryEvent.Moved(OURS, 1, true, SEGMENT, 8, 4096, 1, 1),
              new HistoryEvent.Moved(OTHERS, 1, true, 6, 9, 4096, 1, 1)),
          new Pair(
              new HistoryEvent.MoveRefused(OURS, RevokeCause.EVICTION, 1),
              new HistoryEvent.MoveRefused(OTHERS, RevokeCause.EVICTION, 1)),
          new Pair(
              new HistoryEvent.MoveFailed(OURS, 1, true, "no memory"),
              new HistoryEvent.MoveFailed(OTHERS, 1, true, "no memory")),
          new Pair(
              new HistoryEvent.BufferReleased(OURS, 0), new HistoryEvent.BufferReleased(OTHERS, 0)),
          new Pair(
              scanned(TENANT, 0),
              scanned(OTHER_TENANT, 16, new HistoryEvent.Foreign(Canary.TAG_DEVICE, ITS, 2, 16))),
          new Pair(
              new HistoryEvent.Restored(OURS, 1, 8, 10),
              new HistoryEvent.Restored(OTHERS, 1, 9, 11)),
          new Pair(
              new HistoryEvent.Invalidated(OUR_NIC, OURS, 1, List.of(MINE), 1),
              new HistoryEvent.Invalidated(OTHER_NIC, OTHERS, 1, List.of(ITS), 1)),
          new Pair(
              new HistoryEvent.Fenced(OUR_NIC, OURS, 1, List.of(MINE)),
              new HistoryEvent.Fenced(OTHER_NIC, OTHERS, 1, List.of(ITS))),
          new Pair(
              new HistoryEvent.Probed(OUR_NIC, OURS, 1, 5, 2, 2),
              new HistoryEvent.Probed(OTHER_NIC, OTHERS, 1, 5, 2, 2)),
          new Pair(
              new HistoryEvent.Refused(OUR_NIC, MINE, OURS, 1, "iommu-fault"),
              new HistoryEvent.Refused(OTHER_NIC, ITS, OTHERS, 2, "iommu-fault")),
          new Pair(
              new HistoryEvent.Late(OUR_NIC, MINE, OURS, 1, LateAccess.UAF, true, 0, 5, 1),
              new HistoryEvent.Late(OTHER_NIC, ITS, OTHERS, 2, LateAccess.UAF, true, 0, 5, 1)),
          new Pair(
              new HistoryEvent.PhaseBroken(OUR_NIC, MINE, OURS, "fenced", 1),
              new HistoryEvent.PhaseBroken(OTHER_NIC, ITS, OTHERS, "fenced", 1)),
          new Pair(
              new HistoryEvent.CpuAccessed(OUR_NIC, MINE, OURS, 1, 1, 1),
              new HistoryEvent.CpuAccessed(OTHER_NIC, ITS, OTHERS, 1, 1, 1)),
          new Pair(
              new HistoryEvent.Leaked(OUR_NIC, MINE, OURS, 1, 2),
              new HistoryEvent.Leaked(OTHER_NIC, ITS, OTHERS, 2, 2)),
          new Pair(
              new HistoryEvent.DeviceStopped(OUR_NIC, 0, 0, 0),
              new HistoryEvent.DeviceStopped(OTHER_NIC, 1, 0, 0)),
          new Pair(
              new HistoryEvent.Closed(OURS, 1, 1, List.of(), List.of(), 5),
              new HistoryEvent.Closed(OTHERS, 1, 1, List.of(), List.of(), 5)),
          new Pair(
              new HistoryEvent.Orphaned(OURS, 1, SEGMENT, 1, 2, true),
              new HistoryEvent.Orphaned(OTHERS, 1, 6, 2, 2, true)),
          new Pair(
              new HistoryEvent.Reclaimed(OURS, 1, SEGMENT, 1, RevokeOutcome.BLOCKED, 9),
              new HistoryEvent.Reclaimed(OTHERS, 1, 6, 2, RevokeOutcome.BLOCKED, 9)),
          new Pair(
              new HistoryEvent.ExporterLost(OUR_NIC, 2, List.of(MINE)),
              new HistoryEvent.ExporterLost(OTHER_NIC, 2, List.of(ITS))),
          new Pair(
              new HistoryEvent.MappingsLost(OUR_NIC, List.of(MINE)),
              new HistoryEvent.MappingsLost(OTHER_NIC, List.of(ITS))),
          new Pair(
              new HistoryEvent.Recovered(OUR_NIC, 1, 5, 9),
              new HistoryEvent.Recovered(OTHER_NIC, 1, 5, 9)));

  private static final List<HistoryEvent> IN_EVERY_SCOPE =
      List.of(
          new HistoryEvent.NodeStarted("exporter-1", "exporter", 4711, 1, 1),
          new HistoryEvent.ProcessDied(3, "importer-1", 2),
          new HistoryEvent.FaultPointReached("importer.invalidated", 1),
          new HistoryEvent.FaultStruck("kill: importer-1", "kill", List.of("importer-1")),
          new HistoryEvent.FaultOver("kill: importer-1", "kill", List.of("importer-1")),
          new HistoryEvent.Rebuilt(2, List.of(MINE)));

  /** They tell of all devices together, so that no scope can be blamed for them. */
  private static final List<HistoryEvent> IN_NO_SCOPE =
      List.of(
          new HistoryEvent.ExporterStopped(1, 1, 1),
          new HistoryEvent.IommuStopped(1),
          new HistoryEvent.Dropped("Fenced", "of an older epoch"));

  static Stream<Pair> pairs() {
    return PAIRS.stream();
  }

  @Test
  void everyKindOfEventIsTriedHere() {
    List<HistoryEvent> all = new ArrayList<>(IN_EVERY_SCOPE);
    all.addAll(IN_NO_SCOPE);
    PAIRS.forEach(p -> all.add(p.ours));
    assertThat(all.stream().<Class<?>>map(HistoryEvent::getClass).toList())
        .containsExactlyInAnyOrderElementsOf(
            Arrays.asList(HistoryEvent.class.getPermittedSubclasses()).stream()
                // What a scan found is a part of it and no event.
                .filter(c -> c != HistoryEvent.Foreign.class)
                .toList());
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void whatIsOursIsInOurScopeAsItIsAndNotInTheOthers(Pair pair) {
    assertThat(SCOPE.narrow(pair.ours)).contains(pair.ours);
    assertThat(OTHER_SCOPE.narrow(pair.ours)).isEmpty();
    assertThat(SCOPE.narrow(pair.others)).isEmpty();
    assertThat(OTHER_SCOPE.narrow(pair.others)).contains(pair.others);
  }

  @Test
  void thatANodeStartedOrDiedConcernsAll() {
    IN_EVERY_SCOPE.forEach(e -> assertThat(SCOPE.narrow(e)).contains(e));
  }

  @Test
  void whatNodesTellOfAllTheirDevicesTogetherConcernsNoneByItself() {
    IN_NO_SCOPE.forEach(e -> assertThat(SCOPE.narrow(e)).isEmpty());
  }

  @Test
  void ofAnEventOfManyAttachmentsOursAreLeft() {
    assertThat(SCOPE.narrow(new HistoryEvent.Operated(Operation.MAP, OURS, 1, List.of(MINE, ITS))))
        .contains(new HistoryEvent.Operated(Operation.MAP, OURS, 1, List.of(MINE)));
    assertThat(SCOPE.narrow(new HistoryEvent.Reaped(OURS, 3, List.of(ITS, MINE), 2, 2)))
        .contains(new HistoryEvent.Reaped(OURS, 3, List.of(MINE), 1, 1));
  }

  @Test
  void aCallForAnAttachmentThatNeverWasIsTheBuffers() {
    HistoryEvent call = new HistoryEvent.IllegalCall(Operation.MAP, OURS, List.of(NOBODYS));
    assertThat(SCOPE.narrow(call)).contains(call);
    assertThat(OTHER_SCOPE.narrow(call)).isEmpty();
    HistoryEvent ofNone = new HistoryEvent.IllegalCall(Operation.MAP, OTHERS, List.of());
    assertThat(SCOPE.narrow(ofNone)).isEmpty();
    assertThat(OTHER_SCOPE.narrow(ofNone)).contains(ofNone);
  }

  @Test
  void foreignBytesAreInTheScopeOfTheirAuthorAndNotInThatOfTheMemory() {
    var mine = new HistoryEvent.Foreign(Canary.TAG_DEVICE, MINE, 1, 32);
    var its = new HistoryEvent.Foreign(Canary.TAG_DEVICE, ITS, 2, 16);
    var nobodys = new HistoryEvent.Foreign(0, MINE, 0, 64);
    HistoryEvent found = scanned(OTHER_TENANT, 112, mine, its, nobodys);
    assertThat(SCOPE.narrow(found))
        .as("that memory was not ours, so we did not look through it")
        .contains(new HistoryEvent.Scanned(SEGMENT, OTHER_TENANT, 0, 32, 4096, List.of(mine)));
    assertThat(OTHER_SCOPE.narrow(found))
        .as("what is of no attachment is the memory's")
        .contains(
            new HistoryEvent.Scanned(SEGMENT, OTHER_TENANT, 4096, 80, 4096, List.of(its, nobodys)));
  }

  @Test
  void memoryInWhichOnlyAnothersBytesWereFoundIsClean() {
    HistoryEvent found =
        scanned(TENANT, 16, new HistoryEvent.Foreign(Canary.TAG_DEVICE, ITS, 2, 16));
    assertThat(SCOPE.narrow(found))
        .contains(new HistoryEvent.Scanned(SEGMENT, TENANT, 4096, 0, -1, List.of()));
  }

  @Test
  void foreignBytesOfNobodyStayWhereTheyWereFound() {
    HistoryEvent found = scanned(TENANT, 16);
    assertThat(SCOPE.narrow(found)).contains(found);
    assertThat(OTHER_SCOPE.narrow(found)).isEmpty();
  }

  @Test
  void linesKeepTheirOrderTheirTimeAndTheirNode() {
    List<HistoryLine> ours = SCOPE.lines(RUN);
    assertThat(ours).containsExactly(RUN.get(0), RUN.get(2), RUN.get(4));
  }

  @Test
  void theWholeOfASmallRunIsJudgedAsTheRunIs() {
    Story story = Story.sound();
    Scope all = Scope.of(story.lines(), Set.of(Story.GPU), Set.of(Story.NIC));
    Judge judge = new Judge();
    all.lines(story.lines()).forEach(judge::accept);
    assertThat(judge.finish(story.facts().ofPart())).isEqualTo(story.judged());
  }

  private static HistoryEvent scanned(
      long tenantGeneration, long foreign, HistoryEvent.Foreign... authors) {
    return new HistoryEvent.Scanned(
        SEGMENT, tenantGeneration, 4096, foreign, foreign == 0 ? -1 : 4096, List.of(authors));
  }

  private static List<HistoryLine> lines(HistoryEvent... events) {
    List<HistoryLine> lines = new ArrayList<>();
    for (int i = 0; i < events.length; i++) {
      lines.add(HistoryLine.at(i + 1, i * 10L, "exporter-1", events[i]));
    }
    return lines;
  }
}
