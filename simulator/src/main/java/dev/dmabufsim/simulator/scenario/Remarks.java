package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.util.ArrayList;
import java.util.List;

/** What is legal in a scenario, and may still not be what its author meant. */
public final class Remarks {
  private Remarks() {}

  /** A line each, most often none. */
  public static List<String> about(Scenario scenario) {
    List<String> remarks = new ArrayList<>();
    if (scenario.nodes().stream()
        .flatMap(n -> n.exporters().stream())
        .allMatch(e -> e.causes().isEmpty())) {
      remarks.add("no exporter of it ever revokes: there will be nothing to judge");
    }
    for (DescribedImporter importer : scenario.importers().values()) {
      if (scenario.nodes().stream()
          .flatMap(n -> n.importers().stream())
          .noneMatch(i -> i.kind().equals(importer.kind()))) {
        remarks.add("importers." + importer.kind() + ": no device is of this kind");
      }
      if (importer.unmap() == Unmap.AFTER_FENCES
          && importer.fences().stream().anyMatch(f -> f.trigger() == Trigger.NEVER)) {
        remarks.add(
            "importers."
                + importer.kind()
                + ": it unmaps after its fences, one of which never signals: it never unmaps");
      }
    }
    return List.copyOf(remarks);
  }
}
