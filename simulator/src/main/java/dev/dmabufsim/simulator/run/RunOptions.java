package dev.dmabufsim.simulator.run;

import dev.dmabufsim.simulator.scenario.Scenario;
import java.nio.file.Path;

/**
 * What to run.
 *
 * @param scenario resolved, with nodes
 * @param seed from which sizes and offsets come
 * @param directory where everything is kept; made by the run
 * @param quiet whether to print nothing but the summary
 */
public record RunOptions(Scenario scenario, long seed, Path directory, boolean quiet) {}
