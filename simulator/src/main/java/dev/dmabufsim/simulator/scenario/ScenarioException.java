package dev.dmabufsim.simulator.scenario;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * A scenario that cannot be run as it is written. The message is one line, complete as it is:
 * {@code FILE:LINE: what is wrong; what would be right}.
 */
public final class ScenarioException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  /** Where, or null if that is in the message or nowhere. */
  private final transient @Nullable Origin at;

  private final String problem;

  ScenarioException(String message) {
    this(null, message);
  }

  ScenarioException(Origin at, String wrong, String right) {
    this(at, wrong + "; " + right);
  }

  ScenarioException(@Nullable Origin at, String problem) {
    super(Quote.oneLine(at == null ? problem : at + ": " + problem));
    this.at = at;
    this.problem = problem;
  }

  /** The line where it is, 0 if that is not known. */
  int line() {
    return at == null ? 0 : at.line();
  }

  /** What is wrong and what would be right, without where. */
  String problem() {
    return problem;
  }
}
