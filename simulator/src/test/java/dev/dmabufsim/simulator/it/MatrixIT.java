package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.simulator.matrix.MatrixReport;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MatrixIT {
  private static final JsonMapper MAPPER = new JsonMapper();

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void aSubsetIsPlayedJudgedAndWrittenDown() throws IOException {
    Simulator run =
        sandbox.run(
            "matrix",
            "--contracts",
            "v2,enforced",
            "--importers",
            "gpu-dynamic,rdma-pinned",
            "--behaviours",
            "honest,lying,killed",
            "--seed",
            "1",
            "--out",
            "matrix");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    MatrixReport report = report(run);
    assertThat(report.verdict()).isEqualTo("pass");
    assertThat(report.cells()).hasSize(12);
    assertThat(cell(report, "v2", "gpu-dynamic", "honest").verdict()).isEqualTo("unsafe");
    assertThat(cell(report, "v2", "gpu-dynamic", "lying").verdict()).isEqualTo("unsafe");
    // On a busy host an honest importer, too, may answer when its time is over, and be blocked.
    assertThat(cell(report, "enforced", "gpu-dynamic", "honest").verdict())
        .isIn("safe", "contained");
    assertThat(cell(report, "enforced", "gpu-dynamic", "lying").verdict()).isEqualTo("contained");
    assertThat(cell(report, "enforced", "gpu-dynamic", "killed").verdict()).isEqualTo("contained");
    assertThat(report.cells())
        .filteredOn(c -> c.importer().equals("rdma-pinned"))
        .allSatisfy(c -> assertThat(c.verdict()).isEqualTo("refused"));
    assertThat(run.runDirectory().resolve("matrix.md"))
        .content()
        .contains("--contracts v2,enforced")
        .contains("## gpu-dynamic");
    assertThat(run.out()).contains("PASS matrix");
    run.assertNothingLeft();
  }

  /** The cells come from what happened: kinds that differ in one thing have different cells. */
  @Test
  void changingWhatAnImporterDoesChangesItsCells() throws IOException {
    String kind =
        """
          mine-%1$s:
            callback: 20us
            engine-stops: 1ms..5ms
            discarded-reads: %1$s
            fences:
              - {usage: bookkeep, after: engine-stopped, delay: 0us}
            unmap: after-fences
            unmap-delay: 400ms
            afterwards: map-again
        """;
    String scenario =
        "importers:\n"
            + kind.formatted(false)
            + kind.formatted(true)
            + """
            nodes:
              iommu-1: {role: iommu}
              exporter-1: {role: exporter, devices: {gpu: {kind: vfio-pci}}}
              importer-1: {role: importer, devices: {nic: {kind: mine-false}}}
            """;
    Simulator run =
        sandbox.run(
            "matrix",
            "--contracts",
            "v4",
            "--importers",
            "mine-false,mine-true",
            "--behaviours",
            "honest",
            "--scenario",
            sandbox.file("mine.yaml", scenario),
            "--out",
            "cells");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    MatrixReport report = report(run);
    assertThat(cell(report, "v4", "mine-false", "honest").verdict()).isEqualTo("safe");
    assertThat(cell(report, "v4", "mine-true", "honest").verdict()).isEqualTo("unsafe");
  }

  @ParameterizedTest
  @CsvSource({
    "--contracts, v6, 'no contract'",
    "--importers, gpu-dynamics, 'no kind of importer'",
    "--behaviours, dead, 'no behaviour'",
    "--scenario, nowhere.yaml, 'nowhere.yaml'"
  })
  void aNameThatDoesNotExistIsOneLineAndStatusTwo(String option, String name, String says) {
    Simulator run = sandbox.run("matrix", option, name);
    assertThat(run.awaitExit()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1).allSatisfy(l -> assertThat(l).contains(says));
  }

  private static MatrixReport report(Simulator run) throws IOException {
    return MAPPER.readValue(
        Files.readString(run.runDirectory().resolve("matrix.json")), MatrixReport.class);
  }

  private static MatrixReport.Row cell(
      MatrixReport report, String contract, String importer, String behaviour) {
    return report.cells().stream()
        .filter(c ->
            c.contract().equals(contract)
                && c.importer().equals(importer)
                && c.behaviour().equals(behaviour))
        .findFirst()
        .orElseThrow();
  }
}
