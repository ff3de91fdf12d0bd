package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import dev.dmabufsim.simulator.scenario.ScenarioWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A run that is judged again, whole or doctored. */
class CheckTest {
  private static final int BUFFER = 1 << 16;

  @TempDir Path directory;
  private String verdict = "";

  @BeforeEach
  void run() throws Exception {
    write(
        "exporter-1",
        List.of(
            new HistoryEvent.NodeStarted("exporter-1", "exporter", 7, 7, 1),
            new HistoryEvent.Exported(BUFFER, "gpu", ExporterKind.VFIO_PCI, 4096, 1, 5),
            new HistoryEvent.Attached(BUFFER, "nic", "gpu-dynamic", true, List.of(1)),
            new HistoryEvent.Operated(Operation.MAP, BUFFER, 0, List.of(1)),
            new HistoryEvent.RevokeRequested(BUFFER, 1, RevokeCause.RESET, 1, 5, 1, 1),
            completed(1000),
            new HistoryEvent.HandedOver(1, BUFFER, 1, 5, 6),
            new HistoryEvent.Scanned(1, 6, 4096, 0, -1, List.of()),
            new HistoryEvent.ExporterStopped(0, 0, 0)),
        0);
    write(
        "importer-1",
        List.of(
            new HistoryEvent.NodeStarted("importer-1", "importer", 8, 8, 2),
            new HistoryEvent.Refused("nic", 1, BUFFER, 5, "iommu-fault"),
            new HistoryEvent.DeviceStopped("nic", 0, 0, 0)),
        4_500_000);
    judge();
  }

  private static HistoryEvent completed(long micros) {
    return new HistoryEvent.RevokeCompleted(
        BUFFER, 1, 1, 5, RevokeOutcome.ACKED, micros, List.of());
  }

  /** As at the end of a run, with the histories that are there now. */
  private void judge() throws Exception {
    Scenario scenario =
        ScenarioLoader.parse(
            """
            name: checked
            bound: {ask: 1s, block: 500ms, sever: 500ms}
            nodes:
              exporter-1: {role: exporter, devices: {gpu: {kind: vfio-pci}}}
              importer-1: {role: importer, devices: {nic: {kind: gpu-dynamic}}}
              iommu-1: {role: iommu}
            thresholds: [revokes.completed == 1]
            """,
            "s.yaml",
            directory,
            List.of(),
            1 << 30);
    RunDirectory run = new RunDirectory(directory);
    Files.writeString(run.scenario(), ScenarioWriter.toYaml(scenario));
    Report report =
        Evidence.gather(
                new DmaCounters(10, 640, 0, 1, 0, 0),
                0,
                List.of(),
                List.of(),
                List.of(),
                true,
                Stream.of("launcher", "exporter-1", "importer-1", "importer-1.2")
                    .map(run::history)
                    .filter(Files::exists)
                    .toList())
            .judge(
                new RunOptions(scenario, 7, directory, true),
                run,
                List.of(new Report.Node("exporter-1", "exporter", 4711, null)),
                Instant.EPOCH,
                System.nanoTime(),
                1_000_000_000)
            .report();
    verdict = report.verdict();
  }

  @Test
  void ofARunThatNobodyTouchedTheReportIsTheSame() throws IOException {
    assertThat(verdict).isEqualTo("pass");
    Check check = Check.of(directory, 5);
    assertThat(check.report().verdict()).isEqualTo("pass");
    assertThat(check.firstWrong()).isEmpty();
    assertThat(dev.dmabufsim.simulator.report.Reports.json(check.report()))
        .isEqualTo(Files.readString(new RunDirectory(directory).report()));
  }

  @Test
  void ofARunThatFailedTheFirstEventThatWasWrongIsShownAmongThoseAroundIt() throws Exception {
    replace("exporter-1", 6, completed(2_000_001));
    judge();
    assertThat(verdict).isEqualTo("fail");
    Check check = Check.of(directory, 1);
    assertThat(check.report().verdict()).isEqualTo("fail");
    assertThat(check.firstWrong()).hasSize(4);
    assertThat(check.firstWrong().get(0))
        .startsWith(
            "first wrong: exporter-1.history.jsonl line 6, 0.005000 s after the start: 2  the"
                + " revoke of buffer 0 of gpu, epoch 1, took 2000001 us");
    assertThat(check.firstWrong().get(1))
        .as("another node's, in merged order")
        .startsWith("       -0.500 ms  importer-1.history.jsonl:1  NodeStarted[");
    assertThat(check.firstWrong().get(2))
        .startsWith(">      +0.000 ms  exporter-1.history.jsonl:6  RevokeCompleted[");
    assertThat(check.firstWrong().get(3)).contains("importer-1.history.jsonl:2  Refused[");
  }

  @Test
  void anEventThatWasMadeWorseFails() throws Exception {
    replace("exporter-1", 6, completed(9_000_000));
    Check check = Check.of(directory, 0);
    assertThat(check.report().verdict()).isEqualTo("fail");
    assertThat(check.firstWrong().getFirst()).contains("exporter-1.history.jsonl line 6");
  }

  @Test
  void aLineThatIsMissingLeavesTheRunUnknownFromThereOn() throws Exception {
    List<String> lines = lines("exporter-1");
    lines.remove(4);
    put("exporter-1", lines);
    Check check = Check.of(directory, 1);
    assertThat(check.report().verdict())
        .as("that DMA failed proves nothing: the request may be in what is missing")
        .isEqualTo("unknown");
    assertThat(check.report().reasons()).contains("exporter-1.history.jsonl lacks line 5");
    assertThat(check.firstWrong().get(0))
        .contains("exporter-1.history.jsonl line 5")
        .endsWith("lacks line 5");
    assertThat(check.firstWrong()).anyMatch(l -> l.startsWith(">") && l.contains("Operated["));
  }

  @Test
  void whatIsCutOffAtTheEndOfALineIsMissedToo() throws Exception {
    List<String> lines = lines("exporter-1");
    put("exporter-1", lines.subList(0, 8));
    Check check = Check.of(directory, 0);
    assertThat(check.report().verdict()).isEqualTo("unknown");
    assertThat(check.report().reasons())
        .contains("exporter-1.history.jsonl has 8 lines, and had 9 when the run ended");
    assertThat(check.firstWrong().getFirst()).contains("exporter-1.history.jsonl line 9");
  }

  @Test
  void aHistoryThatEndsWithinALineIsCutShort() throws Exception {
    Path file = new RunDirectory(directory).history("importer-1");
    String text = Files.readString(file);
    Files.writeString(file, text.substring(0, text.length() - 10));
    Check check = Check.of(directory, 0);
    assertThat(check.report().verdict()).isEqualTo("unknown");
    assertThat(check.report().reasons())
        .contains("importer-1.history.jsonl is cut short in line 3");
  }

  @Test
  void linesThatChangedPlacesAreSeen() throws Exception {
    List<String> lines = lines("exporter-1");
    Collections.swap(lines, 5, 6);
    put("exporter-1", lines);
    Check check = Check.of(directory, 0);
    assertThat(check.report().verdict()).isEqualTo("unknown");
    assertThat(check.report().reasons()).contains("exporter-1.history.jsonl lacks line 6");
  }

  @Test
  void aClockThatGoesBackIsSeen() throws Exception {
    List<String> lines = lines("importer-1");
    lines.set(
        2,
        text(HistoryLine.at(3, 1, "importer-1", new HistoryEvent.DeviceStopped("nic", 0, 0, 0))));
    put("importer-1", lines);
    assertThat(Check.of(directory, 0).report().reasons())
        .contains("importer-1.history.jsonl goes back in time in line 3");
  }

  @Test
  void aHistoryThatIsGoneIsMissed() throws Exception {
    Files.delete(new RunDirectory(directory).history("importer-1"));
    Check check = Check.of(directory, 0);
    assertThat(check.report().verdict()).isEqualTo("unknown");
    assertThat(check.report().reasons()).contains("importer-1.history.jsonl is missing");
    assertThat(check.firstWrong().getFirst()).contains("importer-1.history.jsonl line 1");
  }

  @Test
  void historiesOfProcessesThatCameLaterAndOfTheLauncherAreReadToo() throws Exception {
    write(
        "launcher",
        List.of(new HistoryEvent.FaultStruck("{kill}", "restart", List.of("importer-1"))),
        6_000_000);
    write(
        "importer-1.2",
        List.of(new HistoryEvent.NodeStarted("importer-1", "importer", 9, 9, 3)),
        7_000_000);
    judge();
    Check check = Check.of(directory, 0);
    assertThat(check.report().faults().struck()).containsExactly(new Report.Struck("restart", 1));
    Files.delete(new RunDirectory(directory).history("importer-1.2"));
    assertThat(Check.of(directory, 0).report().reasons())
        .contains("importer-1.2.history.jsonl is missing");
  }

  @Test
  void aLineThatAKillToreIsNoLoss() throws Exception {
    write(
        "launcher",
        List.of(new HistoryEvent.FaultStruck("{kill}", "kill", List.of("importer-1"))),
        8_000_000);
    Path file = new RunDirectory(directory).history("importer-1");
    Files.writeString(file, Files.readString(file) + "{\"n\":4,\"nan");
    judge();
    assertThat(Check.of(directory, 0).report().reasons()).noneMatch(r -> r.contains("cut short"));
    Files.writeString(file, Files.readString(file) + "os\"}\n");
    assertThat(Check.of(directory, 0).report().reasons())
        .as("a whole line that is none")
        .contains("importer-1.history.jsonl is cut short in line 4");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{\"format\": \"one\"}", "{\"format\": 1}", "null"})
  void evidenceThatIsDamagedIsBadInput(String text) throws IOException {
    Files.writeString(new RunDirectory(directory).evidence(), text);
    assertThatThrownBy(() -> Check.of(directory, 5))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("evidence.json: is damaged: ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void evidenceOfAnotherFormatIsBadInput() throws IOException {
    Path file = new RunDirectory(directory).evidence();
    Files.writeString(file, Files.readString(file).replace("\"format\" : 1", "\"format\" : 2"));
    assertThatThrownBy(() -> Check.of(directory, 5))
        .hasMessageEndingWith("evidence.json: is of format 2; this program reads format 1");
  }

  @Test
  void evidenceThatNamesAnotherPlaceIsBadInput() throws IOException {
    Path file = new RunDirectory(directory).evidence();
    Files.writeString(
        file, Files.readString(file).replace("importer-1.history.jsonl", "../x.history.jsonl"));
    assertThatThrownBy(() -> Check.of(directory, 5)).hasMessageContaining("is no history");
  }

  @Test
  void whatIsNoRunIsBadInput() throws IOException {
    assertThatThrownBy(() -> Check.of(directory.resolve("no"), 5))
        .hasMessageContaining("no: is no directory; name one that a run left");
    Path empty = Files.createDirectory(directory.resolve("empty"));
    assertThatThrownBy(() -> Check.of(empty, 5))
        .hasMessageContaining("evidence.json: is not there, so this is no run");
    Files.writeString(new RunDirectory(directory).scenario(), "nodes: [\n");
    assertThatThrownBy(() -> Check.of(directory, 5))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("scenario.yaml");
  }

  private List<String> lines(String node) throws IOException {
    return new ArrayList<>(Files.readAllLines(new RunDirectory(directory).history(node)));
  }

  private void put(String node, List<String> lines) throws IOException {
    Files.write(new RunDirectory(directory).history(node), lines);
  }

  private void replace(String node, int n, HistoryEvent event) throws IOException {
    List<String> lines = lines(node);
    HistoryLine old = HistoryFormat.read(lines.get(n - 1));
    lines.set(n - 1, text(HistoryLine.at(n, old.nanos(), node, event)));
    put(node, lines);
  }

  private static String text(HistoryLine line) {
    return new String(HistoryFormat.write(line), java.nio.charset.StandardCharsets.UTF_8).strip();
  }

  private void write(String node, List<HistoryEvent> events, long sinceNanos) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    String name = node.replaceFirst("\\.2$", "");
    for (int i = 0; i < events.size(); i++) {
      all.write(
          HistoryFormat.write(
              HistoryLine.at(i + 1, sinceNanos + i * 1_000_000L, name, events.get(i))));
    }
    Files.write(new RunDirectory(directory).history(node), all.toByteArray());
  }
}
