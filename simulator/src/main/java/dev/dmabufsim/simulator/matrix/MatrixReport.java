package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code matrix.json}: field names are the components' names here.
 *
 * @param verdict pass, fail or unknown
 * @param reasons why it is not a pass; empty if it is
 * @param claimsChecked how many cells there is a claim of the threads about
 * @param seed from which sizes, offsets and times came
 * @param startedAt ISO 8601, the launcher's wall clock
 * @param seconds from start to verdict
 * @param boundMicros the bound of every revoke under {@code enforced}
 * @param hangLimitMicros after which a revoke hangs
 * @param command what was run
 * @param cells every cell
 */
public record MatrixReport(
    String verdict,
    List<String> reasons,
    int claimsChecked,
    long seed,
    String startedAt,
    double seconds,
    long boundMicros,
    long hangLimitMicros,
    String command,
    List<Row> cells) {

  /**
   * A cell.
   *
   * @param verdict safe, contained, unsafe, hangs, refused or unknown
   * @param how how the memory was proven free, at worst: acked, blocked, severed, assumed
   * @param worstLate the gravest class of late access, null if there was none
   * @param plays how often it was played; what is told is of all of them together
   */
  public record Row(
      String contract,
      String importer,
      String behaviour,
      String exporter,
      String verdict,
      String why,
      long revokes,
      long worstMicros,
      @Nullable String how,
      Map<String, Long> outcomes,
      Map<String, Long> late,
      @Nullable String worstLate,
      int plays,
      List<String> evidence) {}

  /** The rows of cells. */
  public static List<Row> rows(List<Cell> cells) {
    List<Row> rows = new ArrayList<>();
    for (Cell c : cells) {
      LateAccess worst = c.worstLate();
      Map<String, Long> outcomes = new LinkedHashMap<>();
      for (RevokeOutcome outcome : RevokeOutcome.values()) {
        outcomes.put(outcome.label(), c.outcomes().getOrDefault(outcome, 0L));
      }
      Map<String, Long> late = new LinkedHashMap<>();
      for (LateAccess access : LateAccess.values()) {
        late.put(access.label(), c.late().getOrDefault(access, 0L));
      }
      RevokeOutcome how = c.how();
      rows.add(
          new Row(
              c.key().contract().label(),
              c.key().importer(),
              c.key().treatment().label(),
              c.exporter(),
              c.verdict().label(),
              c.why(),
              c.revokes(),
              c.worstMicros(),
              how == null ? null : how.label(),
              outcomes,
              late,
              worst == null ? null : worst.label(),
              c.plays(),
              c.evidence()));
    }
    return List.copyOf(rows);
  }
}
