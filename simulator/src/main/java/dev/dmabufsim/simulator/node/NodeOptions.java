package dev.dmabufsim.simulator.node;

import dev.dmabufsim.cluster.NodeAddress;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.nio.file.Path;
import java.util.List;

/**
 * What a node is started with.
 *
 * @param scenario of which it plays one part
 * @param spec that part
 * @param listen where it listens
 * @param seeds whom it joins
 * @param fabric its host's shared memory
 * @param history where it writes down what happens
 * @param seed from which sizes and offsets come
 * @param driven whether a launcher drives it through its standard input; if not, it begins by
 *     itself as soon as all it needs is there, goes on for ever, and ends on SIGINT
 */
public record NodeOptions(
    Scenario scenario,
    NodeSpec spec,
    NodeAddress listen,
    List<NodeAddress> seeds,
    Path fabric,
    Path history,
    long seed,
    boolean driven) {
  /** Takes a copy of the seeds. */
  public NodeOptions {
    seeds = List.copyOf(seeds);
  }
}
