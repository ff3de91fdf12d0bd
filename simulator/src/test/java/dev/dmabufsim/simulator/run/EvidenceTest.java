package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Judge;
import dev.dmabufsim.simulator.judge.Scope;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.report.ReportSchema;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From what a run left to its verdict: fail before unknown, unknown before a threshold. */
class EvidenceTest {
  private static final int BUFFER = 1 << 16;
  private static final HistoryEvent LATE = revoked(60_000_000);
  private static final HistoryEvent IN_TIME = revoked(1000);
  private static final String HELD = "[revokes.completed == 1]";
  private static final String NOT_HELD = "[revokes.completed == 2]";
  private static final List<String> QUIET = List.of();
  private static final List<String> TROUBLE = List.of("the run was interrupted");

  @TempDir Path directory;
  private @Nullable Played played;
  private List<String> unplayed = List.of();

  @AfterEach
  void everyReportThatIsWrittenFitsTheSchema() throws IOException {
    assertThat(ReportSchema.problems(Files.readString(new RunDirectory(directory).report())))
        .isEmpty();
  }

  @Test
  void aRunPassesIfNothingIsBrokenAndNothingUnknownAndEveryThresholdHeld() throws Exception {
    Report report = judge(IN_TIME, QUIET, HELD);
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.reasons()).isEmpty();
    assertThat(report.revokes().boundMicros()).isEqualTo(2_000_000);
  }

  @Test
  void aThresholdThatDidNotHoldFailsARun() throws Exception {
    Report report = judge(IN_TIME, QUIET, NOT_HELD);
    assertThat(report.verdict()).isEqualTo("fail");
    assertThat(report.thresholds())
        .containsExactly(new Report.ThresholdResult("revokes.completed == 2", 1, false));
  }

  @Test
  void whatIsUnknownIsNotMadeAFailureByAThreshold() throws Exception {
    Report report = judge(IN_TIME, TROUBLE, NOT_HELD);
    assertThat(report.verdict()).isEqualTo("unknown");
    assertThat(report.reasons()).containsExactly("the run was interrupted");
  }

  @Test
  void whatIsUnknownIsNotMadeAPassByThresholds() throws Exception {
    assertThat(judge(IN_TIME, TROUBLE, HELD).verdict()).isEqualTo("unknown");
  }

  @Test
  void whatIsBrokenFailsARunWhateverElseIsUnknown() throws Exception {
    Report report = judge(LATE, TROUBLE, HELD);
    assertThat(report.verdict()).isEqualTo("fail");
    assertThat(report.violations()).extracting(Report.Broken::number).containsExactly(2);
    assertThat(report.reasons()).as("said all the same").containsExactly("the run was interrupted");
  }

  @Test
  void aRunThatGaveUpWaitingForRoundsDoesNotPassAndSaysHowManyDidNotRun() throws Exception {
    unplayed = List.of("2 of 3 rounds did not run to their end: none ended within 30 s");
    Report report = judge(IN_TIME, QUIET, HELD);
    assertThat(report.verdict()).isEqualTo("unknown");
    assertThat(report.reasons()).isEqualTo(unplayed);
    assertThat(Objects.requireNonNull(played).facts().ofPart().unplayed())
        .as("of a part it says nothing")
        .isEmpty();
    assertThat(judge(LATE, QUIET, HELD).verdict()).as("what is broken is").isEqualTo("fail");
  }

  @Test
  void aHistoryThatIsCutMakesARunUnknown() throws Exception {
    writeHistory(IN_TIME);
    Path history = new RunDirectory(directory).history("exporter-1");
    String text = Files.readString(history);
    Files.writeString(history, text.substring(0, text.length() - 20));
    Report report = judgeHistory(QUIET, HELD);
    assertThat(report.verdict()).isEqualTo("unknown");
    assertThat(report.reasons()).anyMatch(r -> r.contains("exporter-1.history.jsonl is cut short"));
  }

  @Test
  void aHistoryThatIsMissingMakesARunUnknown() throws Exception {
    Report report = judgeHistory(QUIET, HELD);
    assertThat(report.verdict()).isEqualTo("unknown");
    assertThat(report.reasons()).contains("exporter-1.history.jsonl is missing");
  }

  @Test
  void nodesAreReportedAsTheyEnded() throws Exception {
    assertThat(judge(IN_TIME, QUIET, HELD).nodes())
        .containsExactly(
            new Report.Node("exporter-1", "exporter", 4711, 137),
            new Report.Node("importer-1", "importer", 4712, null));
  }

  @Test
  void whatALateAccessWasIsReportedAndSpokenOfByThresholds() throws Exception {
    HistoryEvent late =
        new HistoryEvent.Late("cheat", 2, BUFFER, 5, LateAccess.IOMMU_FAULT, true, 64, 2_003, 6);
    Report report = judge(IN_TIME, QUIET, "[dma.late.iommu-fault == 6, dma.late.uaf == 0]", late);
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.dma().late().iommuFault())
        .isEqualTo(
            new Report.LateClass(
                6,
                new Report.LateExample(
                    "cheat", "static", 2, "gpu", 0, 64L, true, 2, 1L, "access")));
    assertThat(report.dma().late().nirvana()).isEqualTo(new Report.LateClass(0, null));
  }

  @Test
  void anImporterThatTheScenarioSaysIsHonestIsHeldToIt() throws Exception {
    HistoryEvent late =
        new HistoryEvent.Late("nic", 1, BUFFER, 5, LateAccess.IOMMU_FAULT, true, 64, 2_003, 6);
    Report report = judge(IN_TIME, QUIET, HELD, late);
    assertThat(report.verdict()).isEqualTo("fail");
    assertThat(report.violations()).extracting(Report.Broken::number).containsExactly(1);
  }

  @Test
  void honestAreDevicesThatKeepTheContractOnNodesThatAreNotKilled() throws Exception {
    var scenario =
        ScenarioLoader.parse(
            """
            nodes:
              exporter-1: {role: exporter, devices: {gpu: {kind: vfio-pci}}}
              importer-1:
                role: importer
                devices:
                  nic: {kind: gpu-dynamic}
                  cheat: {kind: gpu-dynamic, behaviour: lying}
              importer-2: {role: importer, devices: {victim: {kind: gpu-dynamic}}}
              iommu-1: {role: iommu}
            faults:
              - {kill: importer-2}
            """,
            "s.yaml",
            directory,
            List.of(),
            1 << 30);
    judge(IN_TIME, QUIET, HELD);
    assertThat(Evidence.honestImporters(scenario, FaultPlan.of(scenario, 1)))
        .containsExactly("nic");
  }

  @Test
  void whatARunWasJudgedByIsHandedOnSoThatPartsOfItCanBeJudged() throws Exception {
    Report whole = judge(IN_TIME, QUIET, HELD);
    Played run = Objects.requireNonNull(played);
    Scope scope = Scope.of(run.lines(), Set.of("gpu"), Set.of("nic"));
    Judge judge = new Judge();
    scope.lines(run.lines()).forEach(judge::accept);
    Findings findings = judge.finish(run.facts());
    assertThat(findings.violations()).isEmpty();
    assertThat(findings.figures().revokes().completed()).isEqualTo(whole.revokes().completed());
    assertThat(run.directory().report()).exists();
  }

  private Report judge(
      HistoryEvent revoked, List<String> troubles, String thresholds, HistoryEvent... more)
      throws IOException, ScenarioException {
    writeHistory(revoked, more);
    return judgeHistory(troubles, thresholds);
  }

  private Report judgeHistory(List<String> troubles, String thresholds)
      throws IOException, ScenarioException {
    RunDirectory run = new RunDirectory(directory);
    var scenario =
        ScenarioLoader.parse(
            """
            bound: {ask: 1s, block: 500ms, sever: 500ms}
            nodes:
              exporter-1: {role: exporter, devices: {gpu: {kind: vfio-pci}}}
              importer-1: {role: importer, devices: {nic: {kind: gpu-dynamic}}}
              iommu-1: {role: iommu}
            thresholds: %s
            """
                .formatted(thresholds),
            "s.yaml",
            directory,
            List.of(),
            1 << 30);
    Evidence evidence =
        new Evidence(
            new DmaCounters(10, 640, 0, 1, 0, 0),
            0,
            List.of(),
            troubles,
            unplayed,
            true,
            List.of(run.history("exporter-1")));
    List<Report.Node> nodes =
        List.of(
            new Report.Node("exporter-1", "exporter", 4711, 137),
            new Report.Node("importer-1", "importer", 4712, null));
    played =
        evidence.judge(
            new RunOptions(scenario, 7, directory, true),
            run,
            nodes,
            Instant.EPOCH,
            System.nanoTime(),
            1_000_000_000);
    return played.report();
  }

  private void writeHistory(HistoryEvent revoked, HistoryEvent... more) throws IOException {
    List<HistoryEvent> events =
        new ArrayList<>(
            List.of(
                new HistoryEvent.Exported(BUFFER, "gpu", ExporterKind.VFIO_PCI, 4096, 1, 5),
                new HistoryEvent.Attached(BUFFER, "nic", "gpu-dynamic", true, List.of(1)),
                new HistoryEvent.Attached(BUFFER, "cheat", "static", true, List.of(2)),
                new HistoryEvent.RevokeRequested(BUFFER, 1, RevokeCause.RESET, 1, 5, 1, 1),
                revoked,
                new HistoryEvent.HandedOver(1, BUFFER, 1, 5, 6),
                new HistoryEvent.Scanned(1, 6, 4096, 0, -1, List.of()),
                new HistoryEvent.ExporterStopped(0, 0, 0)));
    events.addAll(List.of(more));
    Path file = new RunDirectory(directory).history("exporter-1");
    try (OutputStream out = Files.newOutputStream(file)) {
      for (int i = 0; i < events.size(); i++) {
        out.write(
            HistoryFormat.write(HistoryLine.at(i + 1, i * 250L, "exporter-1", events.get(i))));
      }
    }
  }

  private static HistoryEvent revoked(long micros) {
    return new HistoryEvent.RevokeCompleted(
        BUFFER, 1, 1, 5, RevokeOutcome.ACKED, micros, List.of());
  }
}
