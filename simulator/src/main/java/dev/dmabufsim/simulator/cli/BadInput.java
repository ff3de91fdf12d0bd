package dev.dmabufsim.simulator.cli;

/** What the user gave cannot be used. Its message is the one line that he gets. */
final class BadInput extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The exit status of bad input. */
  static final int EXIT = 2;

  BadInput(String line) {
    super(line);
  }
}
