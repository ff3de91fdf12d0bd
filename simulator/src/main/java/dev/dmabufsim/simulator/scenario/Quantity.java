package dev.dmabufsim.simulator.scenario;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number as written, with its unit: {@code -1.5 MiB}.
 *
 * @param negative whether a minus stands before it
 * @param digits the digits before the point
 * @param fraction the digits behind the point, empty if there is none
 * @param unit the letters behind it, empty if there are none
 */
record Quantity(boolean negative, String digits, String fraction, String unit) {
  private static final Pattern FORM =
      Pattern.compile("(-?)([0-9]{1,40})(?:\\.([0-9]{1,40}))?[ ]?([A-Za-zµμ%]{0,20})");

  /** The quantity that a text is, if it is one. */
  static Optional<Quantity> of(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    String fraction = matcher.group(3);
    return Optional.of(
        new Quantity(
            matcher.group(1).equals("-"),
            matcher.group(2),
            fraction == null ? "" : fraction,
            matcher.group(4)));
  }

  /** The digits as a number, {@code Long.MAX_VALUE} if a long does not hold it. */
  long whole() {
    return Saturating.parse(digits);
  }

  boolean fractional() {
    return !fraction.isEmpty();
  }
}
