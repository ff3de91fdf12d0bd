package dev.dmabufsim.simulator.conformance;

import java.nio.file.Path;

/** Where the sources are. */
final class Repository {
  private Repository() {}

  static Path root() {
    return Path.of(System.getProperty("dmabufsim.root", ".."));
  }

  /** The page that the suite makes. */
  static Path page() {
    return root().resolve("docs/conformance.md");
  }
}
