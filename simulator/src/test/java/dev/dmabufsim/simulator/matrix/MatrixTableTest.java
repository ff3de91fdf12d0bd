package dev.dmabufsim.simulator.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MatrixTableTest {
  private static final MatrixReport REPORT =
      new MatrixReport(
          "pass",
          List.of(),
          1,
          7,
          "2026-01-01T00:00:00Z",
          12.3,
          4_000_000,
          8_000_000,
          "./dmabuf-sim matrix --seed 7",
          MatrixReport.rows(
              List.of(
                  cell(Contract.V2, Behaviour.HONEST, CellVerdict.UNSAFE, 1_500),
                  cell(Contract.V2, Behaviour.SILENT, CellVerdict.HANGS, 8_000_000),
                  cell(Contract.ENFORCED, Behaviour.HONEST, CellVerdict.SAFE, 900),
                  cell(Contract.ENFORCED, Behaviour.SILENT, CellVerdict.CONTAINED, 1_000_000))));

  private static Cell cell(
      Contract contract, Behaviour behaviour, CellVerdict verdict, long micros) {
    boolean unsafe = verdict == CellVerdict.UNSAFE;
    return new Cell(
        new CellKey(contract, "gpu-dynamic", new Treatment(behaviour, false)),
        "vfio-pci, reset",
        verdict,
        "seen",
        3,
        micros,
        unsafe ? RevokeOutcome.ASSUMED : RevokeOutcome.ACKED,
        Map.of(RevokeOutcome.ACKED, 3L),
        unsafe ? Map.of(LateAccess.UAF, 12L) : Map.of(),
        unsafe ? LateAccess.UAF : null,
        unsafe ? 2 : 1,
        List.of());
  }

  @Test
  void onATerminalEachLineIsAnImporterInABehaviourAndEachColumnASequence() {
    assertThat(MatrixTable.text(REPORT))
        .containsExactly(
            "                       v2          enforced",
            "  gpu-dynamic  honest  unsafe      safe",
            "               silent  hangs       contained");
  }

  @Test
  void inMarkdownACellHasItsWorstTimeHowItEndedAndTheGravestLateAccess() {
    assertThat(MatrixTable.markdown(REPORT))
        .contains("    ./dmabuf-sim matrix --seed 7\n")
        .contains("## gpu-dynamic (exporter: vfio-pci, reset)")
        .contains("| behaviour | v2 | enforced |")
        .contains(
            "| honest | **unsafe** 1.5 ms, assumed, uaf 12 (in 2 plays) | **safe** 0.9 ms, acked |")
        .contains("| silent | **hangs** 8.00 s, acked | **contained** 1.00 s, acked |");
  }
}
