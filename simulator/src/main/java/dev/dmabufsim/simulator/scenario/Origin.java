package dev.dmabufsim.simulator.scenario;

/**
 * Where a part of a scenario was written.
 *
 * @param source the file as the user named it, or a {@code --set} argument
 * @param line counted from 1; 0 where the source has no lines
 */
record Origin(String source, int line) {
  private static final int SET_CHARACTERS_MAX = 80;

  /** The file as a whole. */
  static Origin file(String source) {
    return new Origin(source, 0);
  }

  /** A {@code --set} argument. */
  static Origin set(String argument) {
    return new Origin("--set " + Quote.shortened(argument, SET_CHARACTERS_MAX), 0);
  }

  /** That line of the same file; a {@code --set} argument is one line. */
  Origin atLine(int number) {
    return new Origin(source, number);
  }

  /** As it begins a message: {@code FILE:LINE}. */
  @Override
  public String toString() {
    return line == 0 ? source : source + ":" + line;
  }

  /** As it stands within a message. */
  String within() {
    return line == 0 ? source : "line " + line;
  }
}
