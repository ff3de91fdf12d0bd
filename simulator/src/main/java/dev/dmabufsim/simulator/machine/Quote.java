package dev.dmabufsim.simulator.machine;

/** A piece of the input inside a message: short enough to read. */
final class Quote {

  private static final int LONGEST = 80;

  private Quote() {}

  static String of(String text) {
    String stripped = text.strip();
    if (stripped.length() <= LONGEST) {
      return stripped;
    }
    // Never half of a surrogate pair: the message goes to a terminal.
    int end = Character.isHighSurrogate(stripped.charAt(LONGEST - 1)) ? LONGEST - 1 : LONGEST;
    return stripped.substring(0, end) + "...";
  }
}
