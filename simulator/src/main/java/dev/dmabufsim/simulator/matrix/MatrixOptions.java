package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.driver.ImporterDriver;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which matrix to run.
 *
 * @param contracts the sequences
 * @param importers kinds of importer, with their drivers, in the order of the table
 * @param treatments what importers do
 * @param seed from which sizes, offsets and times come
 * @param directory where everything is kept; exists
 * @param command how to run the same again, for the report
 */
public record MatrixOptions(
    List<Contract> contracts,
    Map<String, ImporterDriver> importers,
    List<Treatment> treatments,
    long seed,
    Path directory,
    String command) {
  /** Takes copies. */
  public MatrixOptions {
    contracts = List.copyOf(contracts);
    importers = Collections.unmodifiableMap(new LinkedHashMap<>(importers));
    treatments = List.copyOf(treatments);
  }
}
