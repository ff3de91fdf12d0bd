package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.simulator.scenario.Bound;
import dev.dmabufsim.simulator.scenario.ClusterSpec;
import dev.dmabufsim.simulator.scenario.Defaults;
import dev.dmabufsim.simulator.scenario.Dma;
import dev.dmabufsim.simulator.scenario.ExporterSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.ImporterSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Revokes;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The cells of one sequence as one scenario: each cell has an exporter device with a buffer of its
 * own and an importer device that attaches to that one only, and all play their rounds by
 * themselves. A device that is revoked for good plays one round, so that a cell has several of
 * those.
 *
 * @param scenario what is played
 * @param cells which devices are which cell's
 */
public record MatrixScenario(Scenario scenario, List<Place> cells) {
  /**
   * How long a revoke may take before a cell says that it hangs. More than twice what the slowest
   * importer needs that answers in the end.
   */
  public static final Duration HANG_LIMIT = Duration.ofSeconds(8);

  /**
   * The bound of {@code enforced}, which is judged in every cell of it. Wide, for a busy host: an
   * honest importer must have answered when importers' time is over.
   */
  private static final Bound BOUND =
      new Bound(Duration.ofSeconds(3), Duration.ofSeconds(2), Duration.ofSeconds(2));

  /** Several, for what one round does not show by chance. */
  private static final int ROUNDS = 4;

  /**
   * Exporter devices of a cell, where they are revoked for good: each is one chance to see what
   * comes late.
   */
  private static final int ONCE = 6;

  /**
   * From one of those to the next: half a second and a sixth of a display's frame. A display goes
   * on until its next blank, which may be so near that nothing of it is late even where nobody
   * waits; at whole frames it would be as near each time.
   */
  private static final Duration ONCE_APART = Duration.ofMillis(503);

  /**
   * The pause between a cell's rounds. The cells' first revokes are spread over it: at the same
   * time they would keep each other's messages waiting, and an engine that runs on for a few
   * milliseconds would have stopped before an exporter that does not wait for it is done.
   */
  private static final Duration EVERY = Duration.ofSeconds(1);

  private static final long LEAST_BUFFER_BYTES = 128 << 10;
  private static final long PAGE_BYTES = 4096;
  private static final int ATTACHMENTS = 2;
  private static final String KILLED_NODE = "importer-killed";

  /** Takes a copy. */
  public MatrixScenario {
    cells = List.copyOf(cells);
  }

  /**
   * Where a cell is in the scenario.
   *
   * @param key which cell
   * @param exporters its exporter devices' names
   * @param importer its importer device's name
   * @param meets the exporters' kind and cause, for tables
   */
  public record Place(CellKey key, List<String> exporters, String importer, String meets) {
    /** Takes a copy. */
    public Place {
      exporters = List.copyOf(exporters);
    }
  }

  /**
   * Lays the cells of a sequence out.
   *
   * @param importers the kinds, with their drivers
   */
  public static MatrixScenario of(
      Contract contract, Map<String, ImporterDriver> importers, List<Treatment> treatments) {
    List<CellKey> keys = new ArrayList<>();
    importers
        .keySet()
        .forEach(kind -> treatments.forEach(t -> keys.add(new CellKey(contract, kind, t))));
    return of(keys, importers, 1);
  }

  /**
   * Lays some cells of one sequence out, to be played once more: with more revokes of each, the
   * later of which meet programs that are quick by then.
   *
   * @param keys at least one, all of the same sequence
   * @param importers the kinds, with their drivers
   */
  static MatrixScenario again(List<CellKey> keys, Map<String, ImporterDriver> importers) {
    return of(keys, importers, 2);
  }

  private static MatrixScenario of(
      List<CellKey> keys, Map<String, ImporterDriver> importers, int times) {
    Contract contract = keys.getFirst().contract();
    List<Place> places = new ArrayList<>();
    List<ExporterSpec> exporters = new ArrayList<>();
    List<ImporterSpec> alive = new ArrayList<>();
    List<ImporterSpec> killed = new ArrayList<>();
    Map<String, DescribedImporter> described = new HashMap<>();
    for (CellKey key : keys) {
      ImporterDriver driver = Objects.requireNonNull(importers.get(key.importer()));
      if (driver instanceof DescribedImporter d) {
        described.put(key.importer(), d);
      }
      ExporterChoice choice = ExporterChoice.of(driver.offer());
      boolean once = choice.cause().after() == RevokeCause.After.DEAD;
      Treatment treatment = key.treatment();
      String importer = key.importer() + "." + treatment.label();
      Duration first = first(treatment, places.size(), keys.size());
      List<String> its = new ArrayList<>();
      // Each cell's of another size: memory goes from a buffer to its next owner and back to
      // buffers of the same size, so that what one cell does to memory never meets another cell's
      // importer.
      long bytes = LEAST_BUFFER_BYTES + places.size() * PAGE_BYTES;
      for (int i = 0; i < (once ? times * ONCE : 1); i++) {
        String exporter = "for." + importer + (once ? "." + (i + 1) : "");
        its.add(exporter);
        exporters.add(
            new ExporterSpec(
                exporter,
                choice.kind(),
                1,
                bytes,
                List.of(choice.cause()),
                once && !treatment.killed() ? first.plus(warm(i)) : first));
      }
      (treatment.killed() ? killed : alive).add(importer(importer, key.importer(), treatment, its));
      places.add(new Place(key, its, importer, choice.label()));
    }
    List<NodeSpec> nodes = new ArrayList<>();
    nodes.add(new NodeSpec("iommu-1", Role.IOMMU, List.of(), List.of()));
    nodes.add(new NodeSpec("exporter-1", Role.EXPORTER, exporters, List.of()));
    List<FaultSpec> faults = new ArrayList<>();
    if (!alive.isEmpty()) {
      nodes.add(new NodeSpec("importer-1", Role.IMPORTER, List.of(), alive));
    }
    if (!killed.isEmpty()) {
      nodes.add(new NodeSpec(KILLED_NODE, Role.IMPORTER, List.of(), killed));
      faults.add(
          new FaultSpec(
              new FaultSpec.ProcessFault(
                  FaultSpec.Action.KILL,
                  new FaultSpec.Target(FaultSpec.Target.By.NODE, KILLED_NODE)),
              new FaultSpec.When.At(FaultPoint.IMPORTER_INVALIDATED, 1),
              Duration.ZERO));
    }
    // All engines together use half of a core, so that messages get through on two.
    double share = 0.5 / (alive.size() + killed.size());
    double duty = Math.max(0.002, Math.round(share * 1000) / 1000.0);
    return new MatrixScenario(
        new Scenario(
            "matrix-" + contract.label(),
            "The cells of " + contract.label(),
            "",
            contract,
            BOUND,
            new Revokes(true, times * ROUNDS, EVERY, Duration.ofMillis(50), HANG_LIMIT),
            new Dma(64, 16 << 10, Defaults.READ_FRACTION, duty),
            described,
            nodes,
            faults,
            List.of(),
            Optional.empty(),
            new ClusterSpec(0),
            List.of()),
        places);
  }

  /**
   * How much later those begin that are revoked once: after a round of the others, since a program
   * that has just started is slow.
   */
  private static Duration warm(int i) {
    return EVERY.plus(ONCE_APART.multipliedBy(i));
  }

  /** When a cell begins: those whose process is killed all at the same moment, with it. */
  private static Duration first(Treatment treatment, int cell, int cells) {
    return treatment.killed() ? EVERY : Duration.ofMillis(EVERY.toMillis() * cell / cells);
  }

  private static ImporterSpec importer(
      String name, String kind, Treatment treatment, List<String> exporters) {
    Behaviour behaviour = treatment.behaviour();
    return new ImporterSpec(
        name,
        kind,
        // One at each of several: the engine takes them by turns, and is to come round soon.
        Math.max(ATTACHMENTS, exporters.size()),
        behaviour,
        overrun(behaviour),
        behaviour == Behaviour.SKIPS_IOTLB_FLUSH,
        CpuUse.NONE,
        Span.WHOLE,
        exporters);
  }

  /** As scenarios have it by default, but for what must outlast a restore on a busy host. */
  private static Duration overrun(Behaviour behaviour) {
    return switch (behaviour) {
      case SLOW -> Duration.ofMillis(1500);
      case LYING, KEEPS_ADDRESS, SKIPS_IOTLB_FLUSH -> Duration.ofMillis(500);
      case HONEST, SILENT, NEVER_UNMAPS, WRITES_AFTER_FENCE, MAPS_AGAIN -> Duration.ZERO;
    };
  }
}
