package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeOutcome;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A cell, judged.
 *
 * @param exporter the exporter's kind and why it revoked
 * @param verdict what it says
 * @param why the evidence, one line
 * @param revokes how many revokes were requested
 * @param worstMicros the longest of them, of one that did not end until it was given up
 * @param how the gravest way in which the memory was proven free; null if no revoke completed
 * @param outcomes revokes by outcome
 * @param late late accesses by class
 * @param worstLate the gravest class of late access; null if there was none
 * @param plays how often it was played; everything here is of all of them together
 * @param evidence what else the judge found, as it says it; the first few
 */
public record Cell(
    CellKey key,
    String exporter,
    CellVerdict verdict,
    String why,
    long revokes,
    long worstMicros,
    @Nullable RevokeOutcome how,
    Map<RevokeOutcome, Long> outcomes,
    Map<LateAccess, Long> late,
    @Nullable LateAccess worstLate,
    int plays,
    List<String> evidence) {
  /** Takes copies. */
  public Cell {
    outcomes = Map.copyOf(outcomes);
    late = Map.copyOf(late);
    evidence = List.copyOf(evidence);
  }
}
