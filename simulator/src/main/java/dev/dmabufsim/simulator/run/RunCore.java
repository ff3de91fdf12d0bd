package dev.dmabufsim.simulator.run;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.simulator.scenario.ExporterSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the launcher knows of its nodes, from what they report and how they end: whom it still waits
 * for, which fault is due, and what went wrong. A pure function.
 */
final class RunCore {
  private static final int SIGKILL_STATUS = 137;

  private final Scenario scenario;

  RunCore(Scenario scenario) {
    this.scenario = scenario;
  }

  /** What every node of some role has to say once. */
  enum Milestone {
    /** Whom it needs is there. */
    READY,
    /** Importer: its attachments are live or refused. */
    SETTLED,
    /** Exporter: it plays no more rounds. */
    ROUNDS_DONE,
    /** What it had is given back. */
    ENDED
  }

  /**
   * What is known.
   *
   * @param reached which nodes have reached which milestone
   * @param rounds how many rounds each exporter node has played so far
   * @param exits the exit status of each node that has ended
   * @param killed nodes that were killed on purpose
   * @param fired faults that have struck
   * @param troubles why the run may prove nothing, each in words
   * @param unplayed which rounds were given up, each in words: what else was played counts
   */
  record State(
      Map<Milestone, Set<String>> reached,
      Map<String, Integer> rounds,
      Map<String, Integer> exits,
      Set<String> killed,
      Set<FaultSpec> fired,
      List<String> troubles,
      List<String> unplayed) {
    State {
      reached = Map.copyOf(reached);
      rounds = Map.copyOf(rounds);
      exits = Map.copyOf(exits);
      killed = Set.copyOf(killed);
      fired = Set.copyOf(fired);
      troubles = List.copyOf(troubles);
      unplayed = List.copyOf(unplayed);
    }

    /** Before any node was started. */
    static State begin() {
      return new State(Map.of(), Map.of(), Map.of(), Set.of(), Set.of(), List.of(), List.of());
    }

    /** Whether a node has reached a milestone. */
    boolean reached(Milestone milestone, String node) {
      return reached.getOrDefault(milestone, Set.of()).contains(node);
    }

    /** Whether a node has not ended. */
    boolean running(String node) {
      return !exits.containsKey(node);
    }

    private State reach(Milestone milestone, String node) {
      Map<Milestone, Set<String>> more = new EnumMap<>(Milestone.class);
      more.putAll(reached);
      more.merge(milestone, Set.of(node), RunCore::union);
      return new State(more, rounds, exits, killed, fired, troubles, unplayed);
    }

    private State round(String node, int total) {
      return new State(
          reached, with(rounds, node, total), exits, killed, fired, troubles, unplayed);
    }

    private State exited(String node, int status) {
      return new State(
          reached, rounds, with(exits, node, status), killed, fired, troubles, unplayed);
    }

    private State fire(FaultSpec fault) {
      return new State(
          reached, rounds, exits, killed, union(fired, Set.of(fault)), troubles, unplayed);
    }

    /** A node is killed on purpose. */
    State kill(String node) {
      return new State(
          reached, rounds, exits, union(killed, Set.of(node)), fired, troubles, unplayed);
    }

    /** Something went wrong. */
    State trouble(String what) {
      List<String> more = new ArrayList<>(troubles);
      more.add(what);
      return new State(reached, rounds, exits, killed, fired, more, unplayed);
    }
  }

  /** What to do. */
  sealed interface Effect {
    /** Something worth a line. */
    record Say(String line) implements Effect {}

    /** A fault strikes: kill that node, which stands at that point for that time. */
    record Kill(String node, String point, int revoke) implements Effect {}
  }

  /** What follows. */
  record Step(State state, List<Effect> effects) {}

  /** A node reports. */
  Step reported(State s, NodeReport report) {
    return switch (report) {
      case NodeReport.Ready r -> quietly(s.reach(Milestone.READY, r.node()));
      case NodeReport.Settled r -> {
        State next = s.reach(Milestone.SETTLED, r.node());
        yield s.reached(Milestone.SETTLED, r.node())
            ? quietly(next)
            : new Step(
                next,
                List.of(
                    new Effect.Say(
                        "%s: %d attachments live, %d refused"
                            .formatted(r.node(), r.live(), r.refused()))));
      }
      case NodeReport.RoundDone r -> quietly(s.round(r.node(), r.round()));
      case NodeReport.RoundsDone r -> quietly(s.reach(Milestone.ROUNDS_DONE, r.node()));
      case NodeReport.Ended r -> quietly(s.reach(Milestone.ENDED, r.node()));
      case NodeReport.AtPoint r -> atPoint(s, r);
      case NodeReport.Failed r -> {
        String what = r.node() + " failed: " + r.why();
        yield new Step(s.trouble(what), List.of(new Effect.Say(what)));
      }
    };
  }

  private static Step quietly(State next) {
    return new Step(next, List.of());
  }

  private Step atPoint(State s, NodeReport.AtPoint at) {
    State next = s;
    List<Effect> effects = new ArrayList<>();
    for (FaultSpec fault : scenario.faults()) {
      boolean due = fault.node().equals(at.node()) && fault.at().equals(at.point());
      if (due && !next.fired().contains(fault)) {
        next = next.fire(fault).kill(at.node());
        effects.add(new Effect.Kill(at.node(), at.point(), at.revoke()));
      }
    }
    return new Step(next, effects);
  }

  /**
   * A node ended.
   *
   * @param log where it logged
   */
  State exited(State s, String node, int status, String log) {
    State next = s.exited(node, status);
    boolean wanted = s.killed().contains(node) && status == SIGKILL_STATUS;
    return status == 0 || wanted
        ? next
        : next.trouble("%s ended by itself with status %d, see %s".formatted(node, status, log));
  }

  /** Whether every node is ready. */
  boolean formed(State s) {
    return missingToForm(s).isEmpty();
  }

  /** Which nodes are not ready. */
  Set<String> missingToForm(State s) {
    Set<String> missing = new TreeSet<>();
    scenario.nodes().stream()
        .map(NodeSpec::name)
        .filter(n -> !s.reached(Milestone.READY, n))
        .forEach(missing::add);
    return missing;
  }

  /** Which nodes of a role have yet to reach a milestone; of those that have ended none will. */
  Set<String> missing(State s, Role role, Milestone milestone) {
    Set<String> missing = new TreeSet<>();
    scenario.nodes().stream()
        .filter(n -> n.role() == role)
        .map(NodeSpec::name)
        .filter(n -> s.running(n) && !s.reached(milestone, n))
        .forEach(missing::add);
    return missing;
  }

  /** Whether every node of a role that runs has reached a milestone. */
  boolean all(State s, Role role, Milestone milestone) {
    return missing(s, role, milestone).isEmpty();
  }

  /** Whether no node of a role runs any more. */
  boolean gone(State s, Role role) {
    return scenario.nodes().stream()
        .filter(n -> n.role() == role)
        .noneMatch(n -> s.running(n.name()));
  }

  /** Whether no exporter plays any more rounds. */
  boolean roundsOver(State s) {
    return all(s, Role.EXPORTER, Milestone.ROUNDS_DONE);
  }

  /** How many rounds were played. */
  int roundsPlayed(State s) {
    return s.rounds().values().stream().mapToInt(Integer::intValue).sum();
  }

  /**
   * How many rounds there are to play, if no device dies of one: so many for each exporter node, or
   * for each of its devices that revokes if these are independent of each other.
   */
  int roundsExpected() {
    return scenario.nodes().stream()
        .mapToInt(n -> (int) n.exporters().stream().filter(RunCore::revokes).count())
        .map(devices -> scenario.revokes().independent() ? devices : Math.min(1, devices))
        .map(players -> players * scenario.revokes().rounds())
        .sum();
  }

  /**
   * No more rounds are waited for.
   *
   * @param limit how long there was none that ended
   */
  State gaveUp(State s, Duration limit) {
    int played = roundsPlayed(s);
    List<String> unplayed = new ArrayList<>(s.unplayed());
    unplayed.add(
        "%d of %d rounds did not run to their end: none ended within %d s"
            .formatted(
                Math.max(0, roundsExpected() - played), roundsExpected(), limit.toSeconds()));
    return new State(
        s.reached(), s.rounds(), s.exits(), s.killed(), s.fired(), s.troubles(), unplayed);
  }

  private static boolean revokes(ExporterSpec exporter) {
    return !exporter.causes().isEmpty();
  }

  /** What went wrong because of faults that did not strike, each in words. */
  State judgeFaults(State s) {
    State next = s;
    for (FaultSpec fault : scenario.faults()) {
      if (!s.fired().contains(fault)) {
        next =
            next.trouble(
                "the fault {%s: %s, at: %s, revoke: %d} did not fire"
                    .formatted(fault.kind().label(), fault.node(), fault.at(), fault.revoke()));
      }
    }
    return next;
  }

  /**
   * How long to wait for the next round: so long after the one before.
   *
   * @param limitNanos for one round
   * @param played rounds so far
   * @param sinceNanos when the last of them was over
   */
  record Patience(long limitNanos, int played, long sinceNanos) {
    /** So many rounds were played by now. */
    Patience seen(int now, long nowNanos) {
      return now > played ? new Patience(limitNanos, now, nowNanos) : this;
    }

    /** How long it lasts; not positive if it is over. */
    long leftNanos(long nowNanos) {
      return limitNanos - (nowNanos - sinceNanos);
    }
  }

  private static <T> Set<T> union(Set<T> some, Set<T> more) {
    Set<T> all = new HashSet<>(some);
    all.addAll(more);
    return all;
  }

  private static Map<String, Integer> with(Map<String, Integer> some, String key, int value) {
    Map<String, Integer> all = new HashMap<>(some);
    all.put(key, value);
    return all;
  }
}
