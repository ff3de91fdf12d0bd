package dev.dmabufsim.simulator.scenario;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Sizes of memory as scenarios write them: {@code 64B}, {@code 4KiB}, {@code 1MiB}. */
final class Sizes {
  private static final String EXAMPLE = "write a whole number and B, KiB, MiB or GiB, such as 1MiB";

  /** Units and their bytes, the largest first. */
  private static final Map<String, Long> UNITS = new LinkedHashMap<>();

  /** What people write and may mean either of: thousands or 1024s. */
  private static final Map<String, String> AMBIGUOUS =
      Map.ofEntries(
          Map.entry("k", "KiB"),
          Map.entry("kb", "KiB"),
          Map.entry("kib", "KiB"),
          Map.entry("m", "MiB"),
          Map.entry("mb", "MiB"),
          Map.entry("mib", "MiB"),
          Map.entry("g", "GiB"),
          Map.entry("gb", "GiB"),
          Map.entry("gib", "GiB"),
          Map.entry("b", "B"));

  static {
    UNITS.put("GiB", 1L << 30);
    UNITS.put("MiB", 1L << 20);
    UNITS.put("KiB", 1L << 10);
    UNITS.put("B", 1L);
  }

  private Sizes() {}

  /**
   * The bytes of a size that is a whole multiple of {@code step} and within the range.
   *
   * @param path what the message calls it
   */
  static long parse(String text, Origin at, String path, Range range, long step)
      throws ScenarioException {
    String is = path + " is " + Quote.of(text) + ", ";
    Quantity quantity = Quantity.of(text).orElse(null);
    if (quantity == null) {
      throw new ScenarioException(at, is + "not a size", EXAMPLE);
    }
    Long unit = UNITS.get(quantity.unit());
    if (unit == null) {
      throw new ScenarioException(at, is + wrongUnit(quantity), rightUnit(quantity));
    }
    if (quantity.negative()) {
      throw new ScenarioException(at, is + "a negative size", EXAMPLE);
    }
    if (quantity.fractional()) {
      throw new ScenarioException(at, is + "a fractional size", EXAMPLE);
    }
    long bytes = Saturating.multiply(quantity.whole(), unit);
    if (!range.contains(bytes)) {
      String right = "write a size from " + format(range.min()) + " to " + format(range.max());
      throw new ScenarioException(at, is + (bytes == 0 ? "nothing" : "out of range"), right);
    }
    if (bytes % step != 0) {
      long below = Math.max(range.min(), bytes - bytes % step);
      throw new ScenarioException(
          at, is + "not a multiple of " + format(step), "the nearest below is " + format(below));
    }
    return bytes;
  }

  private static String wrongUnit(Quantity quantity) {
    return quantity.unit().isEmpty()
        ? "a size without a unit"
        : "a size in the unknown unit " + Quote.of(quantity.unit());
  }

  private static String rightUnit(Quantity quantity) {
    String meant = AMBIGUOUS.get(quantity.unit().toLowerCase(Locale.ROOT));
    return meant == null ? EXAMPLE : "write " + meant;
  }

  /** A size in the largest unit that holds it exactly. */
  static String format(long bytes) {
    for (Map.Entry<String, Long> unit : UNITS.entrySet()) {
      if (bytes % unit.getValue() == 0 && bytes != 0) {
        return bytes / unit.getValue() + unit.getKey();
      }
    }
    return bytes + "B";
  }
}
