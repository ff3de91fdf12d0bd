package dev.dmabufsim.simulator.scenario;

import java.io.Serial;

/**
 * A scenario that cannot be run as it is written. The message is one line, complete as it is:
 * {@code FILE:LINE: what is wrong; what would be right}.
 */
public final class ScenarioException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  ScenarioException(String message) {
    super(Quote.oneLine(message));
  }

  ScenarioException(Origin at, String wrong, String right) {
    this(at + ": " + wrong + "; " + right);
  }
}
