package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.Distribution;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Reaction;
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

  /** A VM of which amdgpu's callback cannot take the lock, and which it therefore leaves mapped. */
  static final ImporterDriver SKIPPED_VM =
      new DescribedImporter(
          "skipped-vm",
          "its callback found the VM's lock taken",
          ImporterOffer.DYNAMIC,
          true,
          Distribution.ZERO,
          Distribution.constant(Duration.ofDays(365)),
          false,
          List.of(),
          Reaction.Unmap.NEVER,
          Distribution.ZERO,
          Reaction.Afterwards.MAP_AGAIN);

  /** By how much an importer is late, or goes on, that behaves so. */
  static Duration overrun(Behaviour behaviour) {
    return behaviour == Behaviour.SLOW ? Duration.ofMillis(1500) : Duration.ofMillis(300);
  }

  /** Every kind that there is, for an error message. */
  static List<String> kinds() {
    return ALL.all().keySet().stream().sorted(Comparator.naturalOrder()).toList();
  }
}
