package dev.dmabufsim.simulator.run;

import dev.dmabufsim.simulator.scenario.Scenario;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What to run.
 *
 * @param scenario resolved, with nodes
 * @param seed from which sizes and offsets come
 * @param directory where everything is kept; must exist
 * @param quiet whether to print nothing but the summary
 * @param slack how long to wait for a round beyond what the scenario's own times add up to: a busy
 *     host is slow, and that proves nothing. Whoever expects revokes that hang wants less
 * @param namespaces whether each node has a network namespace of its own, in which a partition is
 *     real; needs root
 */
public record RunOptions(
    Scenario scenario,
    long seed,
    Path directory,
    boolean quiet,
    Duration slack,
    boolean namespaces) {
  /** For a run that should end by itself. */
  public static final Duration SLACK = Duration.ofSeconds(15);

  /** With {@link #SLACK}, and the host's own network. */
  public RunOptions(Scenario scenario, long seed, Path directory, boolean quiet) {
    this(scenario, seed, directory, quiet, SLACK, false);
  }
}
