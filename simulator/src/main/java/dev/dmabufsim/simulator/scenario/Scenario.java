package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.driver.DescribedImporter;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a run plays: the machine, the workload, the faults, and what its report must show.
 *
 * <p>Made by {@link ScenarioLoader}, which has checked all of it; written out by {@link
 * ScenarioWriter}.
 *
 * @param name names the run: letters, digits, dots, hyphens and underscores
 * @param description one line for people; may be empty
 * @param modelledOn the real machine it is taken from; may be empty
 * @param contract what a revoke waits for
 * @param bound how long each step of a revoke may take
 * @param revokes how often and how fast memory is revoked
 * @param dma what the importers' engines do in between
 * @param importers kinds of importer that the scenario describes itself, by name
 * @param nodes one JVM each, in the order of the file; empty if {@code machine} is there
 * @param faults what breaks, and when
 * @param thresholds what the report must show for a run to pass, beside the memory being safe
 * @param machine lspci output that the nodes are still to be made from
 * @param cluster how the nodes find each other
 * @param refusals pairs of devices between which peer-to-peer does not work
 */
public record Scenario(
    String name,
    String description,
    String modelledOn,
    Contract contract,
    Bound bound,
    Revokes revokes,
    Dma dma,
    Map<String, DescribedImporter> importers,
    List<NodeSpec> nodes,
    List<FaultSpec> faults,
    List<Threshold> thresholds,
    Optional<MachineUse> machine,
    ClusterSpec cluster,
    List<Refusal> refusals) {

  /** Takes copies of the lists. */
  public Scenario {
    // Not Map.copyOf: it has an order of its own in each process.
    importers = Collections.unmodifiableMap(new LinkedHashMap<>(importers));
    nodes = List.copyOf(nodes);
    faults = List.copyOf(faults);
    thresholds = List.copyOf(thresholds);
    refusals = List.copyOf(refusals);
  }

  /** The same scenario with another number of rounds. */
  public Scenario withRounds(int rounds) {
    Revokes other =
        new Revokes(
            revokes.independent(), rounds, revokes.every(), revokes.hold(), revokes.limit());
    return new Scenario(
        name,
        description,
        modelledOn,
        contract,
        bound,
        other,
        dma,
        importers,
        nodes,
        faults,
        thresholds,
        machine,
        cluster,
        refusals);
  }

  /**
   * The shared memory a run takes, in bytes: see {@link Limits#MEMORY_COPIES}. {@code
   * Long.MAX_VALUE} if it is more than a long holds. Without nodes (see {@code machine}) it is the
   * slack alone.
   */
  public long memoryBytes() {
    long bytes = 0;
    long buffers = 0;
    for (NodeSpec node : nodes) {
      for (ExporterSpec exporter : node.exporters()) {
        bytes = Saturating.add(bytes, exporter.totalBytes());
        buffers += exporter.buffers();
      }
    }
    // The page behind each segment, as far as the slack does not cover them.
    long pages = Limits.MEMORY_COPIES * buffers * Limits.BUFFER_STEP_BYTES;
    return Saturating.add(
        Saturating.multiply(Limits.MEMORY_COPIES, bytes),
        Math.max(Limits.MEMORY_SLACK_BYTES, Limits.MEMORY_SLACK_BYTES / 2 + pages));
  }
}
