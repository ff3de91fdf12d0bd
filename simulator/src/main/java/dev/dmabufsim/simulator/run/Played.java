package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Facts;
import dev.dmabufsim.simulator.report.Report;
import java.util.List;

/**
 * A run that was played and judged, and what it was judged by, so that parts of it can be judged by
 * themselves.
 *
 * @param report as it was written
 * @param directory where the run is kept
 * @param facts what is known of it besides its histories
 * @param lines the histories of all nodes, merged by time
 */
public record Played(Report report, RunDirectory directory, Facts facts, List<HistoryLine> lines) {
  /** Takes a copy. */
  public Played {
    lines = List.copyOf(lines);
  }
}
