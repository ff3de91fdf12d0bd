package dev.dmabufsim.simulator.explore;

import java.util.List;

/** Worlds for tests. */
final class Plans {
  private Plans() {}

  static WorldPlan of(String contract, List<String> importers, List<String> faults) {
    return of(contract, "vfio-pci", null, importers, faults, false);
  }

  static WorldPlan small(String contract, List<String> importers, List<String> faults) {
    return of(contract, "vfio-pci", null, importers, faults, true);
  }

  static WorldPlan of(
      String contract,
      String exporter,
      @org.jspecify.annotations.Nullable String cause,
      List<String> importers,
      List<String> faults,
      boolean small) {
    return Worlds.of(
        new Worlds.Words(
            contract,
            exporter,
            cause,
            importers,
            1500,
            faults,
            small ? 1 : 2,
            small ? 1 : 2,
            small,
            !small));
  }
}
