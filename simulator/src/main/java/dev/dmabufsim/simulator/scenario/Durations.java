package dev.dmabufsim.simulator.scenario;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** Durations as scenarios write them: {@code 50us}, {@code 250ms}, {@code 1s}, {@code 2m}. */
final class Durations {
  private static final String EXAMPLE = "write a whole number and us, ms, s or m, such as 250ms";

  /** Units and their microseconds, the largest first. */
  private static final Map<String, Long> UNITS = new LinkedHashMap<>();

  static {
    UNITS.put("m", 60_000_000L);
    UNITS.put("s", 1_000_000L);
    UNITS.put("ms", 1_000L);
    UNITS.put("us", 1L);
  }

  private Durations() {}

  /**
   * A duration within a range.
   *
   * @param path what the message calls it
   * @param rangeMicros in microseconds
   */
  static Duration parse(String text, Origin at, String path, Range rangeMicros)
      throws ScenarioException {
    String is = path + " is " + Quote.of(text) + ", ";
    Quantity quantity = Quantity.of(text).orElse(null);
    if (quantity == null) {
      throw new ScenarioException(at, is + "not a duration", EXAMPLE);
    }
    Long unit = UNITS.get(quantity.unit());
    if (unit == null) {
      String wrong =
          quantity.unit().isEmpty()
              ? "a duration without a unit"
              : "a duration in the unknown unit " + Quote.of(quantity.unit());
      throw new ScenarioException(at, is + wrong, EXAMPLE);
    }
    if (quantity.negative() || quantity.fractional()) {
      String wrong = quantity.negative() ? "a negative duration" : "a fractional duration";
      throw new ScenarioException(at, is + wrong, EXAMPLE);
    }
    long micros = Saturating.multiply(quantity.whole(), unit);
    if (!rangeMicros.contains(micros)) {
      throw new ScenarioException(
          at,
          is + "out of range",
          "write from %s to %s".formatted(format(rangeMicros.min()), format(rangeMicros.max())));
    }
    return Duration.ofNanos(micros * 1000);
  }

  /** A duration of whole microseconds in the largest unit that holds it exactly. */
  static String format(Duration duration) {
    return format(micros(duration));
  }

  static long micros(Duration duration) {
    return duration.toNanos() / 1000;
  }

  static String format(long micros) {
    if (micros == 0) {
      return "0s";
    }
    for (Map.Entry<String, Long> unit : UNITS.entrySet()) {
      if (micros % unit.getValue() == 0) {
        return micros / unit.getValue() + unit.getKey();
      }
    }
    return micros + "us";
  }
}
