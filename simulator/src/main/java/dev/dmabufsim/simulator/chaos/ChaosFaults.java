package dev.dmabufsim.simulator.chaos;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.simulator.run.FaultPlan;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * The faults of a round: a pure function of the scenario's nodes and the round's seed. They are
 * texts, as a user writes them after {@code --fault}, so that what is repeated is what was played.
 *
 * <p>One fault at most strikes a node's process, and one importer node at least keeps its process
 * untouched: of a run in which everybody is dead nothing can be learned.
 */
public final class ChaosFaults {
  private static final int MOST_FAULTS = 4;
  private static final double ONE_MORE = 0.5;

  /** Points that a revoke passes only when others have failed before are seldom reached. */
  private static final Set<FaultPoint> SELDOM =
      Set.of(
          FaultPoint.EXPORTER_SEVER,
          FaultPoint.EXPORTER_SEVERED,
          FaultPoint.IOMMU_DEATH_NOTICED,
          FaultPoint.IOMMU_RECLAIMING,
          FaultPoint.IOMMU_RECLAIMED);

  /** What can strike, and how often each does. */
  private enum Kind {
    KILL_IMPORTER(3),
    RESTART_IMPORTER(3),
    RESTART_EXPORTER(3),
    RESTART_IOMMU(2),
    PAUSE_IMPORTER(4),
    PAUSE_OTHER(2),
    PARTITION(2),
    DROP(2),
    DUPLICATE(1),
    REORDER(1),
    DELAY(1),
    SLOW_LINK(1),
    FULL_SHM(1),
    TRUNCATE_SEGMENT(1),
    DAMAGE_SLOT(1),
    OTHER_VERSION(1);

    private final int weight;

    Kind(int weight) {
      this.weight = weight;
    }
  }

  private final Scenario scenario;
  private final Random random;
  private final Set<String> struck = new HashSet<>();

  private ChaosFaults(Scenario scenario, long seed) {
    this.scenario = scenario;
    this.random = new Random(seed);
    // The scenario's own faults count.
    FaultPlan.of(scenario, seed).faults().stream()
        .filter(f -> f.spec().deed() instanceof FaultSpec.ProcessFault)
        .forEach(f -> struck.addAll(f.nodes()));
  }

  /** The faults of the round with that seed, one to four. */
  public static List<String> of(Scenario scenario, long seed) {
    return new ChaosFaults(scenario, seed).choose();
  }

  private List<String> choose() {
    List<String> faults = new ArrayList<>();
    do {
      String fault = one(kind());
      if (!fault.isEmpty()) {
        faults.add(fault);
      }
    } while (faults.isEmpty() || (faults.size() < MOST_FAULTS && random.nextDouble() < ONE_MORE));
    return faults;
  }

  private Kind kind() {
    int at = random.nextInt(Arrays.stream(Kind.values()).mapToInt(k -> k.weight).sum());
    for (Kind kind : Kind.values()) {
      at -= kind.weight;
      if (at < 0) {
        return kind;
      }
    }
    throw new IllegalStateException("weights that do not add up");
  }

  /** A fault of that kind, or nothing if there is no node left for it. */
  private String one(Kind kind) {
    return switch (kind) {
      case KILL_IMPORTER -> process("kill", Role.IMPORTER, "");
      case RESTART_IMPORTER -> process("restart", Role.IMPORTER, ", down: " + millis(200, 1500));
      case RESTART_EXPORTER -> process("restart", Role.EXPORTER, ", down: " + millis(200, 1500));
      case RESTART_IOMMU -> process("restart", Role.IOMMU, ", down: " + millis(200, 1500));
      case PAUSE_IMPORTER -> process("pause", Role.IMPORTER, ", for: " + millis(100, 4000));
      case PAUSE_OTHER ->
          process(
              "pause",
              random.nextBoolean() ? Role.EXPORTER : Role.IOMMU,
              ", for: " + millis(50, 1000));
      case PARTITION ->
          "partition: "
              + List.of("halves", "one-node", "ring", "one-way").get(random.nextInt(4))
              + lasting(200, 2000);
      case DROP -> "drop: " + percent() + lasting(500, 4000);
      case DUPLICATE -> "duplicate: " + percent() + lasting(500, 4000);
      case REORDER -> "reorder: " + percent() + lasting(500, 4000);
      case DELAY ->
          "delay: "
              + random.nextInt(1, 10)
              + "ms.."
              + random.nextInt(10, 80)
              + "ms"
              + lasting(500, 3000);
      case SLOW_LINK -> "slow-link: " + (1 << random.nextInt(5, 10)) + "KiB/s" + lasting(500, 3000);
      case FULL_SHM -> "full-shm: true" + lasting(200, 1500);
      case TRUNCATE_SEGMENT -> "truncate-segment: random, after: " + millis(100, 3000);
      case DAMAGE_SLOT -> "damage-slot: random, after: " + millis(100, 3000);
      case OTHER_VERSION -> "other-version: true" + lasting(500, 4000);
    };
  }

  private String process(String what, Role role, String length) {
    List<String> all =
        scenario.nodes().stream().filter(n -> n.role() == role).map(NodeSpec::name).toList();
    List<String> left = all.stream().filter(n -> !struck.contains(n)).toList();
    if (left.isEmpty() || (role == Role.IMPORTER && left.size() == 1)) {
      return "";
    }
    String node = left.get(random.nextInt(left.size()));
    struck.add(node);
    return what + ": " + node + when(role, node) + length;
  }

  /** In two of three cases in the middle of a revoke, exactly. */
  private String when(Role role, String node) {
    if (random.nextInt(3) == 0) {
      return ", after: " + millis(100, 3000);
    }
    List<FaultPoint> points =
        FaultPoint.of(role.label()).stream()
            .filter(p -> !SELDOM.contains(p) && passes(node, p))
            .toList();
    if (points.isEmpty()) {
      return ", after: " + millis(100, 3000);
    }
    int latest = Math.max(1, Math.min(4, scenario.revokes().rounds() / 3));
    // The first may be a move during the set-up, before there is anything to be judged by.
    int first = Math.min(2, latest);
    return ", at: "
        + points.get(random.nextInt(points.size())).label()
        + ", revoke: "
        + random.nextInt(first, latest + 1);
  }

  /**
   * Whether a node comes by such a point: who never revokes by none, who moves restores nothing,
   * and only {@code enforced} has the IOMMU close a buffer.
   */
  private boolean passes(String node, FaultPoint point) {
    boolean never =
        point.role().equals(Role.EXPORTER.label())
            && Arrays.stream(RevokeCause.After.values()).noneMatch(a -> revokes(node, a));
    if (never) {
      return false;
    }
    return switch (point) {
      case EXPORTER_MOVE_COPYING, EXPORTER_MOVE_COPIED -> revokes(node, RevokeCause.After.MOVED);
      case EXPORTER_RESTORING, EXPORTER_RESTORED -> revokes(node, RevokeCause.After.RESTORED);
      case EXPORTER_CLOSE,
          EXPORTER_CLOSE_SENT,
          EXPORTER_CLOSED_RECEIVED,
          IOMMU_CLOSE_RECEIVED,
          IOMMU_BLOCKED,
          IOMMU_DRAINED,
          IOMMU_CLOSED_SENT ->
          scenario.contract().enforced();
      default -> true;
    };
  }

  private boolean revokes(String node, RevokeCause.After after) {
    return scenario.nodes().stream()
        .filter(n -> n.name().equals(node))
        .flatMap(n -> n.exporters().stream())
        .flatMap(e -> e.causes().stream())
        .anyMatch(c -> c.after() == after);
  }

  private String lasting(int from, int to) {
    return ", after: " + millis(100, 2000) + ", for: " + millis(from, to);
  }

  private String percent() {
    return random.nextInt(5, 21) + "%";
  }

  private String millis(int from, int to) {
    return random.nextInt(from, to) + "ms";
  }
}
