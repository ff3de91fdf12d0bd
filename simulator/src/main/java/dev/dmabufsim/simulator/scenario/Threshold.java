package dev.dmabufsim.simulator.scenario;

import java.util.Arrays;
import java.util.Optional;

/**
 * Something the report of a run must show, such as {@code revokes.outcomes.severed == 0}.
 *
 * @param metric a dotted path into {@code report.json}, one of {@link Metrics#ALL}
 * @param comparison how the two are compared
 * @param value the value on the right
 * @param text the whole of it, as printed: metric, sign and number with one space in between
 */
public record Threshold(String metric, Comparison comparison, double value, String text) {
  /** Whether a run with this value of the metric passes. */
  public boolean holds(double actual) {
    return comparison.holds(actual, value);
  }

  /** How a metric is compared with a value. */
  public enum Comparison {
    /** Equal. */
    EQUAL("=="),
    /** Not equal. */
    NOT_EQUAL("!="),
    /** At most. */
    AT_MOST("<="),
    /** At least. */
    AT_LEAST(">="),
    /** Less. */
    BELOW("<"),
    /** More. */
    ABOVE(">");

    private final String sign;

    Comparison(String sign) {
      this.sign = sign;
    }

    /** The sign in scenarios and reports. */
    public String sign() {
      return sign;
    }

    /** Whether it is true of the two; never, except for {@link #NOT_EQUAL}, of a NaN. */
    public boolean holds(double left, double right) {
      return switch (this) {
        case EQUAL -> left == right;
        case NOT_EQUAL -> left != right;
        case AT_MOST -> left <= right;
        case AT_LEAST -> left >= right;
        case BELOW -> left < right;
        case ABOVE -> left > right;
      };
    }

    /** The comparison with that sign, if there is one. */
    public static Optional<Comparison> signed(String sign) {
      return Arrays.stream(values()).filter(c -> c.sign.equals(sign)).findFirst();
    }
  }
}
