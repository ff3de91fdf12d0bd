package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryLine;
import java.util.Optional;

/**
 * An invariant that did not hold.
 *
 * @param invariant which
 * @param detail who, when and where, in one line
 * @param line the event that broke it, or after which what had to follow did not; empty if it is
 *     known from what was left or counted
 */
public record Violation(Invariant invariant, String detail, Optional<HistoryLine> line) {
  /** One that no event tells of. */
  public Violation(Invariant invariant, String detail) {
    this(invariant, detail, Optional.empty());
  }
}
