package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The kinds of importer that a scenario may name: those that are classes, and those that it
 * describes itself.
 *
 * @param described by name, in the order of the file
 */
record Importers(ImporterDrivers classes, Map<String, DescribedImporter> described) {
  Importers {
    described = Collections.unmodifiableMap(new LinkedHashMap<>(described));
  }

  /** Those of the class path. */
  static Importers load() throws ScenarioException {
    try {
      return new Importers(ImporterDrivers.load(), Map.of());
    } catch (IllegalArgumentException e) {
      throw new ScenarioException(
          e.getMessage() + "; mend it, or take it off the class path (DMABUF_SIM_CLASSPATH)");
    }
  }

  Importers with(Map<String, DescribedImporter> more) {
    return new Importers(classes, more);
  }

  Optional<ImporterDriver> find(String kind) {
    ImporterDriver own = described.get(kind);
    return own != null ? Optional.of(own) : classes.find(kind);
  }

  /** The kind that a field names. */
  String kind(Field field) throws ScenarioException {
    List<String> kinds = new ArrayList<>(described.keySet());
    kinds.addAll(List.of(classes.kinds().split(", ")));
    return field.choice("kind of importer", this::find, String.join(", ", kinds)).kind();
  }
}
