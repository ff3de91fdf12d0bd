package dev.dmabufsim.simulator.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ReplaysTest {
  private static final Treatment HONEST = new Treatment(Behaviour.HONEST, false);
  private static final List<Claims.Claim> CLAIMS =
      List.of(claim("gpu", CellVerdict.UNSAFE), claim("nic", CellVerdict.HANGS));

  private static Claims.Claim claim(String importer, CellVerdict expected) {
    return new Claims.Claim(Contract.V2, Set.of(importer), HONEST, expected, "it was said");
  }

  private static Cell cell(String importer, CellVerdict verdict, int plays) {
    return new Cell(
        new CellKey(Contract.V2, importer, HONEST),
        "vfio-pci, reset",
        verdict,
        verdict.label() + " it was",
        4,
        10L * plays,
        RevokeOutcome.ACKED,
        Map.of(RevokeOutcome.ACKED, 4L),
        Map.of(),
        null,
        plays,
        List.of(verdict.label()));
  }

  private static List<CellKey> wanted(Cell... cells) {
    return Replays.wanted(List.of(cells), CLAIMS);
  }

  @ParameterizedTest
  @EnumSource(names = {"SAFE", "CONTAINED"})
  void whoWasSaidToBeUnsafeAndIsNotIsPlayedAgain(CellVerdict verdict) {
    assertThat(wanted(cell("gpu", verdict, 1), cell("nic", verdict, 1), cell("dpu", verdict, 1)))
        .containsExactly(new CellKey(Contract.V2, "gpu", HONEST));
  }

  @ParameterizedTest
  @EnumSource(names = {"UNSAFE", "HANGS", "REFUSED", "UNKNOWN"})
  void whatIsSeenIsSeenAndWhatCouldNotBeSeenIsNotHidden(CellVerdict verdict) {
    assertThat(wanted(cell("gpu", verdict, 1), cell("nic", verdict, 1))).isEmpty();
  }

  @Test
  void noneIsPlayedForEver() {
    assertThat(wanted(cell("gpu", CellVerdict.SAFE, Replays.MOST_PLAYS - 1))).hasSize(1);
    assertThat(wanted(cell("gpu", CellVerdict.SAFE, Replays.MOST_PLAYS))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "SAFE, UNSAFE, UNSAFE",
    "UNSAFE, SAFE, UNSAFE",
    "CONTAINED, SAFE, CONTAINED",
    "UNKNOWN, SAFE, SAFE",
    "SAFE, UNKNOWN, SAFE",
    "SAFE, HANGS, HANGS",
    "HANGS, UNSAFE, UNSAFE",
    "REFUSED, CONTAINED, CONTAINED"
  })
  void aCellIsAsBadAsItsWorstPlay(CellVerdict first, CellVerdict second, CellVerdict together) {
    Cell cell =
        Replays.together(List.of(cell("gpu", first, 1)), List.of(cell("gpu", second, 1)))
            .getFirst();
    assertThat(cell.verdict()).isEqualTo(together);
    assertThat(cell.why()).isEqualTo(together.label() + " it was");
    assertThat(cell.evidence()).startsWith(together.label()).hasSize(2);
  }

  @Test
  void whatWasCountedIsCountedTogether() {
    Cell late =
        new Cell(
            new CellKey(Contract.V2, "gpu", HONEST),
            "vfio-pci, reset",
            CellVerdict.UNSAFE,
            "seen",
            3,
            70,
            RevokeOutcome.ASSUMED,
            Map.of(RevokeOutcome.ASSUMED, 3L),
            Map.of(LateAccess.UAF, 2L),
            LateAccess.UAF,
            1,
            List.of());
    Cell other = cell("nic", CellVerdict.HANGS, 1);
    List<Cell> both =
        Replays.together(List.of(cell("gpu", CellVerdict.SAFE, 1), other), List.of(late));
    assertThat(both.get(1)).as("it was not played again").isEqualTo(other);
    Cell cell = both.get(0);
    assertThat(cell.plays()).isEqualTo(2);
    assertThat(cell.revokes()).isEqualTo(7);
    assertThat(cell.worstMicros()).isEqualTo(70);
    assertThat(cell.how()).isEqualTo(RevokeOutcome.ASSUMED);
    assertThat(cell.outcomes())
        .containsEntry(RevokeOutcome.ACKED, 4L)
        .containsEntry(RevokeOutcome.ASSUMED, 3L);
    assertThat(cell.late()).containsEntry(LateAccess.UAF, 2L);
    assertThat(cell.worstLate()).isEqualTo(LateAccess.UAF);
  }
}
