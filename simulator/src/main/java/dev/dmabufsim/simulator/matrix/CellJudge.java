package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Violation;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Says what a cell shows, from what the judge found in the cell's own part of the histories. A pure
 * function, which knows no expectation: what was said of a cell stands in {@link Claims}.
 */
public final class CellJudge {
  private static final int MOST_EVIDENCE = 3;

  private CellJudge() {}

  /** A verdict with the evidence for it. */
  private record Said(CellVerdict verdict, String why) {}

  /**
   * Judges a cell.
   *
   * @param exporter its exporter's kind and cause, for tables
   * @param troubles of the run as a whole, for which what did not happen proves nothing
   * @param hangLimitMicros after which a revoke that has not ended hangs
   */
  public static Cell judge(
      CellKey key, String exporter, Findings found, List<String> troubles, long hangLimitMicros) {
    Findings.Figures figures = found.figures();
    Findings.Revokes revokes = figures.revokes();
    Map<LateAccess, Long> late = new EnumMap<>(LateAccess.class);
    LateAccess worst = null;
    for (LateAccess access : LateAccess.values()) {
      long count = count(figures, access);
      late.put(access, count);
      worst = count > 0 ? access : worst;
    }
    Map<RevokeOutcome, Long> outcomes = new EnumMap<>(RevokeOutcome.class);
    outcomes.put(RevokeOutcome.ACKED, revokes.acked());
    outcomes.put(RevokeOutcome.BLOCKED, revokes.blocked());
    outcomes.put(RevokeOutcome.SEVERED, revokes.severed());
    outcomes.put(RevokeOutcome.ASSUMED, revokes.assumed());
    long longest =
        LongStream.concat(
                revokes.latenciesMicros().stream().mapToLong(Long::longValue),
                revokes.unfinishedMicros().stream().mapToLong(Long::longValue))
            .max()
            .orElse(0);
    Said said = say(key, found, troubles, longest, hangLimitMicros);
    return new Cell(
        key,
        exporter,
        said.verdict,
        said.why,
        revokes.requested(),
        longest,
        gravest(outcomes),
        outcomes,
        late,
        worst,
        1,
        found.violations().stream().map(Violation::detail).limit(MOST_EVIDENCE).toList());
  }

  private static boolean honestAlive(CellKey key) {
    return key.treatment().honest() && !key.treatment().killed();
  }

  private static Said say(
      CellKey key, Findings found, List<String> troubles, long longest, long hangLimitMicros) {
    Findings.Figures f = found.figures();
    Findings.Revokes revokes = f.revokes();
    if (f.attachmentsPeak() == 0 && f.attachmentsRefused() > 0) {
      return new Said(
          CellVerdict.REFUSED, f.attachmentsRefused() + " attachments, all of them refused");
    }
    long uaf = count(f, LateAccess.UAF);
    if (uaf > 0) {
      return new Said(
          CellVerdict.UNSAFE, uaf + " accesses reached what was somebody else's memory by then");
    }
    Optional<String> broken = broken(found, key.contract().enforced() && key.treatment().honest());
    if (broken.isPresent()) {
      return new Said(CellVerdict.UNSAFE, broken.get());
    }
    long faults = count(f, LateAccess.IOMMU_FAULT) + count(f, LateAccess.AER);
    if (faults > 0 && honestAlive(key)) {
      return new Said(CellVerdict.UNSAFE, faults + " faults were caused by an honest importer");
    }
    // Before the revoke completed nothing is late, and it is a fault all the same.
    if (f.dmaFailed() > 0 && honestAlive(key)) {
      return new Said(
          CellVerdict.UNSAFE,
          "DMA of an honest importer failed on " + f.dmaFailed() + " mappings that it had live");
    }
    if (!troubles.isEmpty()) {
      return new Said(CellVerdict.UNKNOWN, troubles.get(0));
    }
    // One that ended when everything was given back at the end of the run hung until then.
    if (longest >= hangLimitMicros) {
      return new Said(CellVerdict.HANGS, "a revoke took " + longest + " us, or had not ended then");
    }
    if (!found.unknowns().isEmpty()) {
      return new Said(CellVerdict.UNKNOWN, found.unknowns().get(0));
    }
    if (revokes.completed() < revokes.requested()) {
      return new Said(CellVerdict.UNKNOWN, "a revoke was cut off before that limit");
    }
    if (revokes.severed() > 0) {
      return new Said(
          CellVerdict.CONTAINED, revokes.severed() + " times the memory had to be taken away");
    }
    if (revokes.blocked() > 0) {
      return new Said(CellVerdict.CONTAINED, revokes.blocked() + " times the IOMMU had to block");
    }
    if (faults > 0) {
      return new Said(CellVerdict.CONTAINED, faults + " late accesses were stopped");
    }
    return new Said(CellVerdict.SAFE, revokes.completed() + " revokes, and nothing came late");
  }

  /**
   * A violation that makes a cell unsafe. What a misbehaving importer leaves behind does not; nor
   * does an address that is still there when a sequence which does not wait for unmaps is over, as
   * long as nobody uses it.
   */
  private static Optional<String> broken(Findings found, boolean addressesMustBeGone) {
    return found.violations().stream()
        .filter(v ->
            v.invariant() == Invariant.NO_LATE_DMA
                || v.invariant() == Invariant.ONLY_REVOCABLE_ATTACHED
                || v.invariant() == Invariant.HANDED_ON_AFTER_COMPLETION
                || (addressesMustBeGone && v.invariant() == Invariant.FAILS_ONLY_AFTER_REVOKE))
        .map(Violation::detail)
        .findFirst();
  }

  private static @Nullable RevokeOutcome gravest(Map<RevokeOutcome, Long> outcomes) {
    RevokeOutcome gravest = null;
    for (RevokeOutcome outcome : List.of(RevokeOutcome.values())) {
      if (outcomes.getOrDefault(outcome, 0L) > 0) {
        gravest = outcome;
      }
    }
    return gravest;
  }

  private static long count(Findings.Figures figures, LateAccess access) {
    Findings.Late late = figures.late().get(access);
    return late == null ? 0 : late.count();
  }
}
