package dev.dmabufsim.simulator.scenario;

import java.math.BigDecimal;

/** Shares as scenarios write them: {@code 30%}, which is 0.3. */
final class Percents {
  /** As many decimals as print and read back the same. */
  private static final int DECIMALS_MAX = 6;

  private Percents() {}

  /**
   * A share, 0 to 1.
   *
   * @param path what the message calls it
   * @param zeroToo whether 0% is legal
   */
  static double parse(String text, Origin at, String path, boolean zeroToo)
      throws ScenarioException {
    String is = path + " is " + Quote.of(text) + ", ";
    String right =
        "write a percentage " + (zeroToo ? "from 0% to 100%" : "above 0% and up to 100%");
    Quantity quantity = Quantity.of(text).orElse(null);
    if (quantity == null || !quantity.unit().equals("%")) {
      throw new ScenarioException(at, is + "not a percentage", right);
    }
    if (quantity.fraction().length() > DECIMALS_MAX) {
      throw new ScenarioException(at, is + "too exact", "write at most 6 decimals");
    }
    double value =
        new BigDecimal(quantity.digits() + "." + quantity.fraction() + "0")
            .movePointLeft(2)
            .doubleValue();
    if (quantity.negative() || value > 1 || (value == 0 && !zeroToo)) {
      throw new ScenarioException(at, is + "out of range", right);
    }
    return value;
  }

  /** A share as a percentage that reads back as the same share. */
  static String format(double share) {
    return BigDecimal.valueOf(share).movePointRight(2).stripTrailingZeros().toPlainString() + "%";
  }
}
