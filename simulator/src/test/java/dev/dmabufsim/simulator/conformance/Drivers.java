package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;

/** The built-in importers' drivers, as the program finds them. */
final class Drivers {
  private static final ImporterDrivers ALL = ImporterDrivers.load();

  private Drivers() {}

  static ImporterDriver of(String kind) {
    return ALL.find(kind).orElseThrow(() -> new AssertionError("no importer driver " + kind));
  }

  /** Those that can be told to invalidate, by name. */
  static List<ImporterDriver> revocable() {
    return BUILT_IN.stream().map(Drivers::of).filter(d -> d.offer().revocable()).toList();
  }

  /** Every kind that the contract's table of importers has. */
  static final List<String> BUILT_IN =
      List.of(
          "gpu-dynamic",
          "rdma-odp",
          "rdma-pinned-revocable",
          "rdma-pinned",
          "iommufd",
          "virtio-gpu",
          "scanout",
          "static");

  /** By how much an importer is late, or goes on, that behaves so. */
  static Duration overrun(Behaviour behaviour) {
    return behaviour == Behaviour.SLOW ? Duration.ofMillis(1500) : Duration.ofMillis(300);
  }

  /** Every kind that there is, for an error message. */
  static List<String> kinds() {
    return ALL.all().keySet().stream().sorted(Comparator.naturalOrder()).toList();
  }
}
