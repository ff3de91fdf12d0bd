package dev.dmabufsim.simulator.conformance;

import org.junit.jupiter.api.function.Executable;

/** Something that the contract requires. */
sealed interface Requirement {
  /** A short name, unique in the suite; its first part is its section's. */
  String id();

  /** A sentence that could be false. */
  String text();

  /** Where the kernel documents it: a file and a function, or a section of its documentation. */
  String source();

  /** One that a case holds the program to. */
  record Case(String id, String text, String source, Executable check) implements Requirement {
    @Override
    public String toString() {
      return id + ": " + text;
    }
  }

  /**
   * One that the program does not model, so that nothing holds it to that.
   *
   * @param reason why not
   */
  record NotModelled(String id, String text, String source, String reason) implements Requirement {}
}
