package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.simulator.matrix.Claims.Claim;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which cells are worth being played once more, and what the plays of a cell say together.
 *
 * <p>A late access is a race, and in a cluster that plays eighty cells at once an exporter which
 * waits for nobody can be so busy that even an engine that goes on has stopped before it is done.
 * That nothing came late then shows little. So whoever was said to be unsafe, and is not, is played
 * again with few others beside it. No play takes anything back: a cell is as bad as its worst.
 */
final class Replays {
  /** How often a cell is played, at most. */
  static final int MOST_PLAYS = 3;

  /** From what shows least to what shows most. */
  private static final List<CellVerdict> WORSE =
      List.of(
          CellVerdict.UNKNOWN,
          CellVerdict.REFUSED,
          CellVerdict.SAFE,
          CellVerdict.CONTAINED,
          CellVerdict.HANGS,
          CellVerdict.UNSAFE);

  private static final int MOST_EVIDENCE = 3;

  private Replays() {}

  /** Of cells those of which one more play could show what the ones so far did not. */
  static List<CellKey> wanted(List<Cell> cells, List<Claim> claims) {
    return cells.stream()
        .filter(c -> c.plays() < MOST_PLAYS)
        .filter(c ->
            switch (c.verdict()) {
              case SAFE, CONTAINED ->
                  claims.stream()
                      .anyMatch(q -> q.concerns(c.key()) && q.expected() == CellVerdict.UNSAFE);
              // What kept a run from saying anything may be a defect, which a repetition would
              // hide.
              case UNSAFE, HANGS, REFUSED, UNKNOWN -> false;
            })
        .map(Cell::key)
        .toList();
  }

  /** The cells, with those that were played again as bad as their worst play. */
  static List<Cell> together(List<Cell> cells, List<Cell> again) {
    return cells.stream()
        .map(c ->
            again.stream()
                .filter(a -> a.key().equals(c.key()))
                .findFirst()
                .map(a -> together(c, a))
                .orElse(c))
        .toList();
  }

  private static Cell together(Cell a, Cell b) {
    Cell worse = WORSE.indexOf(b.verdict()) > WORSE.indexOf(a.verdict()) ? b : a;
    Map<RevokeOutcome, Long> outcomes = new EnumMap<>(RevokeOutcome.class);
    for (RevokeOutcome outcome : RevokeOutcome.values()) {
      outcomes.put(outcome, count(a.outcomes(), outcome) + count(b.outcomes(), outcome));
    }
    Map<LateAccess, Long> late = new EnumMap<>(LateAccess.class);
    for (LateAccess access : LateAccess.values()) {
      late.put(access, count(a.late(), access) + count(b.late(), access));
    }
    return new Cell(
        a.key(),
        a.exporter(),
        worse.verdict(),
        worse.why(),
        a.revokes() + b.revokes(),
        Math.max(a.worstMicros(), b.worstMicros()),
        graver(a.how(), b.how()),
        outcomes,
        late,
        graver(a.worstLate(), b.worstLate()),
        a.plays() + b.plays(),
        Stream.of(worse, worse.equals(a) ? b : a)
            .flatMap(c -> c.evidence().stream())
            .limit(MOST_EVIDENCE)
            .toList());
  }

  private static <E> long count(Map<E, Long> counts, E kind) {
    return counts.getOrDefault(kind, 0L);
  }

  /** Both enums go from what is harmless to what is not. */
  private static <E extends Enum<E>> @Nullable E graver(@Nullable E a, @Nullable E b) {
    return a == null ? b : b == null || a.compareTo(b) >= 0 ? a : b;
  }
}
