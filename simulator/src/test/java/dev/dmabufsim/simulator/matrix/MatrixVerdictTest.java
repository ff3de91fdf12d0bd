package dev.dmabufsim.simulator.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.simulator.judge.Verdict;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MatrixVerdictTest {
  private static final Duration BOUND = Duration.ofMillis(500);
  private static final Treatment HONEST = new Treatment(Behaviour.HONEST, false);
  private static final Claims.Claim CLAIM =
      new Claims.Claim(Contract.V2, Set.of("gpu"), HONEST, CellVerdict.UNSAFE, "it was said");

  private static Cell cell(Contract contract, String importer, CellVerdict verdict, long micros) {
    return new Cell(
        new CellKey(contract, importer, HONEST),
        "vfio-pci, reset",
        verdict,
        "seen",
        1,
        micros,
        RevokeOutcome.ACKED,
        Map.of(),
        Map.of(),
        null,
        1,
        List.of());
  }

  private static MatrixVerdict judge(Cell... cells) {
    return MatrixVerdict.of(List.of(cells), List.of(CLAIM), BOUND);
  }

  @ParameterizedTest
  @EnumSource(names = {"SAFE", "CONTAINED", "REFUSED"})
  void enforcedMayBeSafeContainedOrRefused(CellVerdict verdict) {
    assertThat(judge(cell(Contract.ENFORCED, "gpu", verdict, 1)).verdict()).isEqualTo(Verdict.PASS);
  }

  @ParameterizedTest
  @EnumSource(names = {"UNSAFE", "HANGS"})
  void enforcedMustNotBeUnsafeOrHang(CellVerdict verdict) {
    MatrixVerdict matrix = judge(cell(Contract.ENFORCED, "gpu", verdict, 1));
    assertThat(matrix.verdict()).isEqualTo(Verdict.FAIL);
    assertThat(matrix.reasons())
        .containsExactly("enforced x gpu x honest is " + verdict.label() + ": seen");
  }

  @Test
  void enforcedMustBeBoundedInEveryCell() {
    assertThat(judge(cell(Contract.ENFORCED, "gpu", CellVerdict.SAFE, 500_000)).verdict())
        .isEqualTo(Verdict.PASS);
    assertThat(judge(cell(Contract.ENFORCED, "gpu", CellVerdict.SAFE, 500_001)).verdict())
        .isEqualTo(Verdict.FAIL);
  }

  @Test
  void aSequenceThatWasSaidToFailAndDoesNotFailsTheMatrix() {
    MatrixVerdict matrix = judge(cell(Contract.V2, "gpu", CellVerdict.SAFE, 1));
    assertThat(matrix.verdict()).isEqualTo(Verdict.FAIL);
    assertThat(matrix.reasons())
        .containsExactly("v2 x gpu x honest is safe, and was said to be unsafe: it was said");
  }

  @Test
  void aSequenceThatWasSaidToFailIsNotExcusedByARefusal() {
    assertThat(judge(cell(Contract.V2, "gpu", CellVerdict.REFUSED, 1)).verdict())
        .isEqualTo(Verdict.FAIL);
  }

  @Test
  void aClaimThatComesTrueIsCounted() {
    MatrixVerdict matrix = judge(cell(Contract.V2, "gpu", CellVerdict.UNSAFE, 1));
    assertThat(matrix.verdict()).isEqualTo(Verdict.PASS);
    assertThat(matrix.claimsChecked()).isEqualTo(1);
  }

  @Test
  void ofACellThatNobodySpokeOfAnythingIsRight() {
    MatrixVerdict matrix = judge(cell(Contract.V2, "nic", CellVerdict.HANGS, 1));
    assertThat(matrix.verdict()).isEqualTo(Verdict.PASS);
    assertThat(matrix.claimsChecked()).isZero();
  }

  @Test
  void aCellThatSaysNothingMakesTheMatrixUnknown() {
    assertThat(judge(cell(Contract.ENFORCED, "gpu", CellVerdict.UNKNOWN, 1)).verdict())
        .isEqualTo(Verdict.UNKNOWN);
  }

  @Test
  void whatIsBrokenIsBrokenWhateverElseIsNotKnown() {
    assertThat(
            judge(
                    cell(Contract.ENFORCED, "gpu", CellVerdict.UNKNOWN, 1),
                    cell(Contract.ENFORCED, "nic", CellVerdict.UNSAFE, 1))
                .verdict())
        .isEqualTo(Verdict.FAIL);
  }

  @Test
  void aClaimedCellThatSaysNothingIsNotHeldAgainstTheMatrix() {
    MatrixVerdict matrix = judge(cell(Contract.V2, "gpu", CellVerdict.UNKNOWN, 1));
    assertThat(matrix.verdict()).isEqualTo(Verdict.UNKNOWN);
    assertThat(matrix.reasons()).containsExactly("v2 x gpu x honest is unknown: seen");
    assertThat(matrix.claimsChecked()).isZero();
  }

  @Test
  void whatIsBrokenIsSaidBeforeWhatIsNotKnownEachForItself() {
    assertThat(
            judge(
                    cell(Contract.V7, "gpu", CellVerdict.UNKNOWN, 1),
                    cell(Contract.ENFORCED, "gpu", CellVerdict.HANGS, 1),
                    cell(Contract.V2, "gpu", CellVerdict.HANGS, 1))
                .reasons())
        .containsExactly(
            "enforced x gpu x honest is hangs: seen",
            "v2 x gpu x honest is hangs, and was said to be unsafe: it was said",
            "v7 x gpu x honest is unknown: seen");
  }

  @ParameterizedTest
  @EnumSource(names = "ENFORCED", mode = EnumSource.Mode.EXCLUDE)
  void onlyEnforcedIsBounded(Contract contract) {
    assertThat(judge(cell(contract, "nic", CellVerdict.SAFE, 900_000)).verdict())
        .isEqualTo(Verdict.PASS);
  }

  @Test
  void aCellOutOfBoundsIsNamedWithItsTimeAndTheBound() {
    assertThat(judge(cell(Contract.ENFORCED, "gpu", CellVerdict.CONTAINED, 500_001)).reasons())
        .containsExactly(
            "enforced x gpu x honest took 500001 us, more than the bound of 500000 us");
  }

  @Test
  void aClaimConcernsItsSequenceItsImportersAndItsTreatmentOnly() {
    assertThat(CLAIM.concerns(new CellKey(Contract.V2, "gpu", HONEST))).isTrue();
    assertThat(CLAIM.concerns(new CellKey(Contract.V3, "gpu", HONEST))).isFalse();
    assertThat(CLAIM.concerns(new CellKey(Contract.V2, "nic", HONEST))).isFalse();
    assertThat(CLAIM.concerns(new CellKey(Contract.V2, "gpu", Treatment.KILLED))).isFalse();
  }

  @Test
  void eachClaimAboutACellIsChecked() {
    Claims.Claim other =
        new Claims.Claim(Contract.V2, Set.of("gpu"), HONEST, CellVerdict.HANGS, "by others");
    MatrixVerdict matrix =
        MatrixVerdict.of(
            List.of(cell(Contract.V2, "gpu", CellVerdict.UNSAFE, 1)), List.of(CLAIM, other), BOUND);
    assertThat(matrix.claimsChecked()).isEqualTo(2);
    assertThat(matrix.reasons())
        .containsExactly("v2 x gpu x honest is unsafe, and was said to be hangs: by others");
  }
}
