package dev.dmabufsim.simulator.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CellJudgeTest {
  private static final long LIMIT = 1_000_000;
  private static final Treatment HONEST = new Treatment(Behaviour.HONEST, false);
  private static final Treatment LYING = new Treatment(Behaviour.LYING, false);

  private long refused;
  private long peak = 2;
  private long dmaFailed;
  private Findings.Revokes revokes = revokes(3, 0, 0, 0, List.of(10L, 30L, 20L), List.of());
  private Map<LateAccess, Findings.Late> late = Map.of();
  private final List<Violation> violations = new ArrayList<>();
  private final List<String> unknowns = new ArrayList<>();
  private final List<String> troubles = new ArrayList<>();

  private static Findings.Revokes revokes(
      long acked,
      long blocked,
      long severed,
      long assumed,
      List<Long> latencies,
      List<Long> unfinished) {
    long completed = acked + blocked + severed + assumed;
    return new Findings.Revokes(
        completed + unfinished.size(),
        completed,
        acked,
        blocked,
        severed,
        assumed,
        0,
        latencies,
        unfinished);
  }

  private void late(LateAccess access, long count) {
    late = Map.of(access, new Findings.Late(count, Optional.empty()));
  }

  private Cell judge(Treatment treatment) {
    return judge(Contract.V7, treatment);
  }

  private Cell judge(Contract contract, Treatment treatment) {
    Findings.Figures figures =
        new Findings.Figures(
            revokes,
            peak,
            refused,
            0,
            0,
            0,
            0,
            late,
            dmaFailed,
            0,
            new Findings.Moves(0, 0, 0),
            new Findings.Calls(0, 0),
            new Findings.Cpu(0, 0, 0),
            Findings.Faults.NONE);
    return CellJudge.judge(
        new CellKey(contract, "gpu-dynamic", treatment),
        "vfio-pci, reset",
        new Findings(violations, unknowns, figures, Optional.empty()),
        troubles,
        LIMIT);
  }

  @Test
  void isSafeIfNothingCameLate() {
    Cell cell = judge(HONEST);
    assertThat(cell.verdict()).isEqualTo(CellVerdict.SAFE);
    assertThat(cell.worstMicros()).isEqualTo(30);
    assertThat(cell.how()).isEqualTo(RevokeOutcome.ACKED);
    assertThat(cell.worstLate()).isNull();
  }

  @Test
  void isUnsafeIfAnAccessReachedSomebodyElsesMemoryWhoeverDidIt() {
    late(LateAccess.UAF, 1);
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.UNSAFE);
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.UNSAFE);
    assertThat(judge(LYING).worstLate()).isEqualTo(LateAccess.UAF);
  }

  @ParameterizedTest
  @EnumSource(names = {"IOMMU_FAULT", "AER"})
  void aFaultIsUnsafeFromAnHonestImporterAndContainedFromAnother(LateAccess access) {
    late(access, 4);
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.UNSAFE);
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.CONTAINED);
    assertThat(judge(Treatment.KILLED).verdict()).isEqualTo(CellVerdict.CONTAINED);
  }

  @Test
  void aFaultBeforeTheRevokeCompletedIsUnsafeFromAnHonestImporterAndContainedFromAnother() {
    dmaFailed = 1;
    revokes = revokes(2, 1, 0, 0, List.of(10L), List.of());
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.UNSAFE);
    assertThat(judge(HONEST).why()).contains("honest importer failed on 1 mapping");
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.CONTAINED);
    assertThat(judge(Treatment.KILLED).verdict()).isEqualTo(CellVerdict.CONTAINED);
  }

  @Test
  void nobodyNoticesNirvana() {
    late(LateAccess.NIRVANA, 4);
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.SAFE);
  }

  @Test
  void isContainedIfTheIommuHadToBlockWhoDidNotAnswer() {
    revokes = revokes(1, 1, 0, 0, List.of(10L, 20L), List.of());
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.CONTAINED);
    assertThat(judge(LYING).how()).isEqualTo(RevokeOutcome.BLOCKED);
  }

  @Test
  void isContainedIfTheMemoryHadToBeTakenAway() {
    revokes = revokes(0, 0, 2, 0, List.of(10L, 20L), List.of());
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.CONTAINED);
  }

  @Test
  void hangsIfARevokeHadNotEndedAfterTheLimit() {
    revokes = revokes(1, 0, 0, 0, List.of(10L), List.of(LIMIT));
    Cell cell = judge(LYING);
    assertThat(cell.verdict()).isEqualTo(CellVerdict.HANGS);
    assertThat(cell.worstMicros()).isEqualTo(LIMIT);
  }

  @Test
  void hangsIfARevokeEndedOnlyWhenTheRunDid() {
    revokes = revokes(1, 0, 0, 0, List.of(LIMIT), List.of());
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.HANGS);
  }

  @Test
  void aRunWithTroublesDoesNotProveThatARevokeHangs() {
    revokes = revokes(1, 0, 0, 0, List.of(10L), List.of(LIMIT));
    troubles.add("importer-1 ended by itself");
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.UNKNOWN);
    late(LateAccess.UAF, 1);
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.UNSAFE);
  }

  @Test
  void whoCannotBeRevokedAndWasLetInIsUnsafe() {
    violations.add(new Violation(Invariant.ONLY_REVOCABLE_ATTACHED, "let in"));
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.UNSAFE);
  }

  @Test
  void doesNotSayThatARevokeHangsThatWasCutOffBeforeTheLimit() {
    revokes = revokes(1, 0, 0, 0, List.of(10L), List.of(LIMIT - 1));
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.UNKNOWN);
  }

  @Test
  void isRefusedIfNobodyWasEverLetIn() {
    peak = 0;
    refused = 2;
    unknowns.add("nothing was mapped when it was revoked");
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.REFUSED);
  }

  @Test
  void isUnknownIfTooLittleHappened() {
    unknowns.add("no DMA was done");
    assertThat(judge(HONEST).verdict()).isEqualTo(CellVerdict.UNKNOWN);
    assertThat(judge(HONEST).why()).isEqualTo("no DMA was done");
  }

  @Test
  void whatAMisbehavingImporterLeavesBehindDoesNotMakeTheSequenceUnsafe() {
    violations.add(new Violation(Invariant.NOTHING_LEFT, "2 mappings"));
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.SAFE);
  }

  @Test
  void memoryThatIsHandedOnTooEarlyIsUnsafe() {
    violations.add(new Violation(Invariant.HANDED_ON_AFTER_COMPLETION, "too early"));
    assertThat(judge(LYING).verdict()).isEqualTo(CellVerdict.UNSAFE);
    assertThat(judge(LYING).evidence()).containsExactly("too early");
  }

  @Test
  void anAddressThatIsStillThereIsUnsafeOnlyWhereTheSequenceTakesItAway() {
    violations.add(new Violation(Invariant.FAILS_ONLY_AFTER_REVOKE, "still there"));
    assertThat(judge(Contract.V4, HONEST).verdict()).isEqualTo(CellVerdict.SAFE);
    assertThat(judge(Contract.ENFORCED, HONEST).verdict()).isEqualTo(CellVerdict.UNSAFE);
  }
}
