package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import java.util.List;

/**
 * One node of the cluster: one JVM.
 *
 * @param name its name in the cluster, the report and the faults
 * @param role which kind of devices it runs
 * @param exporters the devices of an exporter node, empty for any other
 * @param importers the devices of an importer node, empty for any other
 */
public record NodeSpec(
    String name, Role role, List<ExporterSpec> exporters, List<ImporterSpec> importers) {

  /** Takes copies of the lists. */
  public NodeSpec {
    exporters = List.copyOf(exporters);
    importers = List.copyOf(importers);
  }
}
