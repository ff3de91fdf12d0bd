package dev.dmabufsim.simulator.scenario;

import java.nio.file.Path;
import java.util.List;

/** Scenarios for tests, called {@code s.yaml} in messages. */
final class Given {
  /** Enough for any scenario of these tests: 1 GiB. */
  static final long PLENTY = 1L << 30;

  /** The least that a scenario may say, in 10 lines: what is appended stands in line 11. */
  static final String LEAST =
      """
      nodes:
        iommu-1: {role: iommu}
        exporter-1:
          role: exporter
          devices:
            gpu: {kind: vfio-pci, buffers: 4, size: 1MiB}
        importer-1:
          role: importer
          devices:
            nic: {kind: gpu-dynamic, attachments: 8}
      """;

  private Given() {}

  /** {@link #LEAST} and more behind it. */
  static String plus(String more) {
    return LEAST + more;
  }

  /** {@link #LEAST} with something else in place of a part of it. */
  static String with(String part, String instead) {
    if (!LEAST.contains(part)) {
      throw new IllegalArgumentException("not in the scenario: " + part);
    }
    return LEAST.replace(part, instead);
  }

  static Scenario load(String yaml, String... sets) throws ScenarioException {
    return ScenarioLoader.parse(
        yaml, "s.yaml", Path.of("").toAbsolutePath(), List.of(sets), PLENTY);
  }

  /** The message that a scenario is refused with, or a text that says it was not. */
  static String refusal(String yaml, String... sets) {
    try {
      return "accepted: " + load(yaml, sets);
    } catch (ScenarioException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
