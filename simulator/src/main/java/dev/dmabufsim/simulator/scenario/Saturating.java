package dev.dmabufsim.simulator.scenario;

/**
 * Sums and products of non-negative numbers that stop at {@code Long.MAX_VALUE}: a number too large
 * to hold is then simply out of range, and no user's input wraps around into a small one.
 */
final class Saturating {
  private Saturating() {}

  static long add(long a, long b) {
    long sum = a + b;
    return sum < 0 ? Long.MAX_VALUE : sum;
  }

  static long multiply(long a, long b) {
    return Math.multiplyHigh(a, b) != 0 || a * b < 0 ? Long.MAX_VALUE : a * b;
  }

  /** The value of a run of decimal digits of any length. */
  static long parse(String digits) {
    long value = 0;
    for (int i = 0; i < digits.length(); i++) {
      value = add(multiply(value, 10), digits.charAt(i) - '0');
    }
    return value;
  }
}
