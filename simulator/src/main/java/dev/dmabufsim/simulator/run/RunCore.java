package dev.dmabufsim.simulator.run;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.simulator.scenario.ExporterSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec.Action;
import dev.dmabufsim.simulator.scenario.FaultSpec.When;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the launcher knows of its nodes, from what they report and how they end: whom it still waits
 * for, which fault is due, and what went wrong. A pure function.
 */
final class RunCore {
  private static final int SIGKILL_STATUS = 137;

  /** The exit status of a node that refuses what it finds. */
  private static final int EXIT_BAD_INPUT = 2;

  /** The exit statuses of a node that was downed: its own, and Akka's. */
  private static final Set<Integer> EXITS_GIVEN_UP = Set.of(71, 255);

  private final Scenario scenario;
  private final FaultPlan plan;
  private final boolean partitions;

  /**
   * For one run.
   *
   * @param partitions whether a partition cuts the cluster's own messages, too
   */
  RunCore(Scenario scenario, FaultPlan plan, boolean partitions) {
    this.scenario = scenario;
    this.plan = plan;
    this.partitions = partitions;
  }

  /** What every node of some role has to say. */
  enum Milestone {
    /** Whom it needs is there. */
    READY,
    /** Importer: its attachments are live or refused. */
    SETTLED,
    /** Exporter: it plays no more rounds. */
    ROUNDS_DONE,
    /** Importer: after the faults its devices do DMA again. */
    RECOVERED,
    /** What it had is given back. */
    ENDED
  }

  /** How far a fault is that has struck. */
  sealed interface Stage {
    /** It lasts, since that time. */
    record Active(long sinceNanos) implements Stage {}

    /**
     * A restart: who was killed is started again, and on its way into the cluster.
     *
     * @param otherVersion whether the control file has been of another version since
     */
    record Returning(boolean otherVersion) implements Stage {}

    /** A restart: who was started again found a control file of another version, and ended. */
    record Refused() implements Stage {}

    /** It was done, or is over. */
    record Over() implements Stage {}
  }

  /**
   * That importers were asked whether they do DMA again.
   *
   * @param number how often, so far
   * @param after the faults that were over by then
   */
  record Check(int number, Set<Integer> after) {
    Check {
      after = Set.copyOf(after);
    }
  }

  /**
   * What is known.
   *
   * @param reached which nodes have reached which milestone, since they were started last
   * @param rounds how many rounds each process of an exporter node has played so far
   * @param exits the exit status of each node that has ended and was not started again
   * @param killed nodes that were killed on purpose
   * @param restarts how often nodes were started again
   * @param struck faults that have struck, by their place in the scenario
   * @param roundsNanos when the exporters began their rounds, if they have
   * @param troubles why the run may prove nothing, each in words
   * @param unplayed which rounds were given up, each in words: what else was played counts
   * @param check when importers were asked last whether they do DMA again
   */
  record State(
      Map<Milestone, Set<String>> reached,
      Map<String, Integer> rounds,
      Map<String, Integer> exits,
      Set<String> killed,
      Map<String, Integer> restarts,
      Map<Integer, Stage> struck,
      OptionalLong roundsNanos,
      List<String> troubles,
      List<String> unplayed,
      Check check) {
    State {
      reached = Map.copyOf(reached);
      rounds = Map.copyOf(rounds);
      exits = Map.copyOf(exits);
      killed = Set.copyOf(killed);
      restarts = Map.copyOf(restarts);
      struck = Map.copyOf(struck);
      troubles = List.copyOf(troubles);
      unplayed = List.copyOf(unplayed);
    }

    /** Before any node was started. */
    static State begin() {
      return new State(
          Map.of(),
          Map.of(),
          Map.of(),
          Set.of(),
          Map.of(),
          Map.of(),
          OptionalLong.empty(),
          List.of(),
          List.of(),
          new Check(0, Set.of()));
    }

    /** Whether a node has reached a milestone. */
    boolean reached(Milestone milestone, String node) {
      return reached.getOrDefault(milestone, Set.of()).contains(node);
    }

    /** Whether a node has not ended. */
    boolean running(String node) {
      return !exits.containsKey(node);
    }

    /** How often a node was started again. */
    int restarts(String node) {
      return restarts.getOrDefault(node, 0);
    }

    /** How many rounds a node has played, all its processes together. */
    int rounds(String node) {
      return rounds.entrySet().stream()
          .filter(e -> e.getKey().startsWith(node + "."))
          .mapToInt(Map.Entry::getValue)
          .sum();
    }

    private State reach(Milestone milestone, String node) {
      Map<Milestone, Set<String>> more = new EnumMap<>(Milestone.class);
      more.putAll(reached);
      more.merge(milestone, Set.of(node), RunCore::union);
      return new State(
          more, rounds, exits, killed, restarts, struck, roundsNanos, troubles, unplayed, check);
    }

    /** Importers are asked again: what they have answered before is past. */
    private State asked(Check next) {
      Map<Milestone, Set<String>> less = new EnumMap<>(Milestone.class);
      less.putAll(reached);
      less.remove(Milestone.RECOVERED);
      return new State(
          less, rounds, exits, killed, restarts, struck, roundsNanos, troubles, unplayed, next);
    }

    private State round(String node, int total) {
      return new State(
          reached,
          with(rounds, node + "." + restarts(node), total),
          exits,
          killed,
          restarts,
          struck,
          roundsNanos,
          troubles,
          unplayed,
          check);
    }

    private State exited(String node, int status) {
      return new State(
          reached,
          rounds,
          with(exits, node, status),
          killed,
          restarts,
          struck,
          roundsNanos,
          troubles,
          unplayed,
          check);
    }

    private State strike(int fault, Stage stage) {
      return new State(
          reached,
          rounds,
          exits,
          killed,
          restarts,
          with(struck, fault, stage),
          roundsNanos,
          troubles,
          unplayed,
          check);
    }

    /** The exporters begin their rounds, from when faults count their time. */
    State begun(long nowNanos) {
      return new State(
          reached,
          rounds,
          exits,
          killed,
          restarts,
          struck,
          OptionalLong.of(nowNanos),
          troubles,
          unplayed,
          check);
    }

    /** A node is killed on purpose. */
    State kill(String node) {
      return new State(
          reached,
          rounds,
          exits,
          union(killed, Set.of(node)),
          restarts,
          struck,
          roundsNanos,
          troubles,
          unplayed,
          check);
    }

    /** A node is started again: nothing is known of it. */
    private State restart(String node) {
      Map<Milestone, Set<String>> less = new EnumMap<>(Milestone.class);
      reached.forEach((m, nodes) -> less.put(m, without(nodes, node)));
      Map<String, Integer> running = new HashMap<>(exits);
      running.remove(node);
      return new State(
          less,
          rounds,
          running,
          without(killed, node),
          with(restarts, node, restarts(node) + 1),
          struck,
          roundsNanos,
          troubles,
          unplayed,
          check);
    }

    /** Who was started again has ended before it was anybody: it has left no history. */
    private State neverStarted(String node) {
      return new State(
          reached,
          rounds,
          exits,
          killed,
          with(restarts, node, restarts(node) - 1),
          struck,
          roundsNanos,
          troubles,
          unplayed,
          check);
    }

    /** Something went wrong. */
    State trouble(String what) {
      List<String> more = new ArrayList<>(troubles);
      more.add(what);
      return new State(
          reached, rounds, exits, killed, restarts, struck, roundsNanos, more, unplayed, check);
    }
  }

  /** What to do. */
  sealed interface Effect {
    /** Something worth a line. */
    record Say(String line) implements Effect {}

    /** To be written down first: a fault strikes. */
    record Struck(FaultPlan.Planned fault) implements Effect {}

    /** To be written down: a fault is over. */
    record Over(FaultPlan.Planned fault) implements Effect {}

    /** SIGKILL. */
    record Kill(String node) implements Effect {}

    /** SIGSTOP. */
    record Stop(String node) implements Effect {}

    /** SIGCONT. */
    record Resume(String node) implements Effect {}

    /** Start a node again that has ended. */
    record Restart(String node) implements Effect {}

    /**
     * Tell a node that was started again what the others were told.
     *
     * @param begins whether they were told to begin: during the set-up exporters were not
     */
    record Begin(String node, boolean begins) implements Effect {}

    /**
     * These are the rules for messages now.
     *
     * @param atDoors what the nodes do to messages
     * @param cuts what the network itself does not carry
     */
    record Network(List<LinkRule> atDoors, List<LinkRule> cuts) implements Effect {
      public Network {
        atDoors = List.copyOf(atDoors);
        cuts = List.copyOf(cuts);
      }
    }

    /** There is no more shared memory, or there is again. */
    record RefuseMemory(boolean refused) implements Effect {}

    /** Truncate the memory of one of a node's buffers. */
    record Truncate(String node) implements Effect {}

    /** Write garbage over a slot. */
    record DamageSlot() implements Effect {}

    /** The control file is of another version, or is right again. */
    record OtherVersion(boolean other) implements Effect {}

    /** Ask every importer whether it does DMA again. */
    record Ask(int number) implements Effect {}
  }

  /** What follows. */
  record Step(State state, List<Effect> effects) {
    Step {
      effects = List.copyOf(effects);
    }
  }

  /** A node reports. */
  Step reported(State s, NodeReport report, long nowNanos) {
    return switch (report) {
      case NodeReport.Ready r -> {
        State next = s.reach(Milestone.READY, r.node());
        boolean late = s.restarts(r.node()) > 0 && !s.reached(Milestone.READY, r.node());
        yield late ? returned(next, r.node()) : quietly(next);
      }
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
      case NodeReport.Recovered r ->
          quietly(r.number() == s.check().number() ? s.reach(Milestone.RECOVERED, r.node()) : s);
      case NodeReport.Ended r -> quietly(s.reach(Milestone.ENDED, r.node()));
      case NodeReport.AtPoint r -> atPoint(s, r, nowNanos);
      case NodeReport.Failed r -> {
        String what = r.node() + " failed: " + r.why();
        yield new Step(s.trouble(what), List.of(new Effect.Say(what)));
      }
    };
  }

  private static Step quietly(State next) {
    return new Step(next, List.of());
  }

  /**
   * A node that was started again is a member of the cluster: only now its restart is over. How
   * long a JVM takes to start on a busy machine is not what devices are judged by.
   */
  private Step returned(State s, String node) {
    State next = s;
    List<Effect> effects = new ArrayList<>();
    effects.add(new Effect.Say(node + " is there again"));
    for (FaultPlan.Planned fault : plan.faults()) {
      if (s.struck().get(fault.index()) instanceof Stage.Returning
          && fault.nodes().stream().allMatch(n -> s.reached(Milestone.READY, n))) {
        next = over(next, fault, effects);
      }
    }
    boolean begins = s.roundsNanos().isPresent() || role(node) != Role.EXPORTER;
    effects.add(new Effect.Begin(node, begins));
    return new Step(next, effects);
  }

  private Role role(String node) {
    return scenario.nodes().stream()
        .filter(n -> n.name().equals(node))
        .map(NodeSpec::role)
        .findFirst()
        .orElseThrow();
  }

  private static State over(State s, FaultPlan.Planned fault, List<Effect> effects) {
    effects.add(new Effect.Say("over: %s %s".formatted(fault.spec().text(), fault.nodes())));
    effects.add(new Effect.Over(fault));
    return s.strike(fault.index(), new Stage.Over());
  }

  /** A process is about to strike itself: the first fault there that has not struck yet. */
  private Step atPoint(State s, NodeReport.AtPoint report, long nowNanos) {
    for (FaultPlan.Planned fault : plan.faults()) {
      if (fault.spec().when() instanceof When.At at
          && at.point().label().equals(report.point())
          && at.revoke() <= report.revoke()
          && fault.nodes().contains(report.node())
          && !s.struck().containsKey(fault.index())) {
        List<Effect> effects = new ArrayList<>();
        effects.add(new Effect.Struck(fault));
        State next = s.strike(fault.index(), after(fault, nowNanos));
        if (fault.spec().deed() instanceof FaultSpec.ProcessFault p) {
          switch (p.action()) {
            case KILL, RESTART -> next = next.kill(report.node());
            case PAUSE, STALL -> {}
          }
          effects.add(
              new Effect.Say(
                  "%s %s at %s, its round %d"
                      .formatted(
                          fault.spec().kind(), report.node(), report.point(), report.revoke())));
        }
        return new Step(next, effects);
      }
    }
    return quietly(s);
  }

  private static Stage after(FaultPlan.Planned fault, long nowNanos) {
    return fault.spec().length().isZero() ? new Stage.Over() : new Stage.Active(nowNanos);
  }

  /** Time passes: what is due strikes, and what has lasted long enough ends. */
  Step tick(State s, long nowNanos) {
    State next = s;
    List<Effect> effects = new ArrayList<>();
    for (FaultPlan.Planned fault : plan.faults()) {
      Stage stage = next.struck().get(fault.index());
      if (stage == null && due(next, fault, nowNanos)) {
        next = strike(next, fault, nowNanos, effects);
      } else if (stage instanceof Stage.Active a
          && nowNanos - a.sinceNanos() >= fault.spec().length().toNanos()
          && mayEnd(next, fault)) {
        next = end(next, fault, effects);
      } else if (stage instanceof Stage.Refused && !otherVersion(next)) {
        next = end(next, fault, effects);
      }
    }
    return new Step(next, effects);
  }

  private boolean due(State s, FaultPlan.Planned fault, long nowNanos) {
    return fault.spec().when() instanceof When.After after
        && s.roundsNanos().isPresent()
        && nowNanos - s.roundsNanos().getAsLong() >= after.time().toNanos()
        && possible(s, fault)
        && !waits(s, fault);
  }

  /**
   * Restarts by time come one after the other, each when the one before is there again: otherwise
   * the cluster has no majority any more, and ends. Who wants several nodes dead at once has them
   * die at points.
   */
  private boolean waits(State s, FaultPlan.Planned fault) {
    boolean under =
        refused(s)
            || active(s).stream()
                .anyMatch(f -> restarts(f) && f.spec().when() instanceof When.After);
    return restarts(fault) && (under || !missingAgain(s).isEmpty());
  }

  private static boolean possible(State s, FaultPlan.Planned fault) {
    return !(fault.spec().deed() instanceof FaultSpec.ProcessFault)
        || fault.nodes().stream().allMatch(s::running);
  }

  private static boolean restarts(FaultPlan.Planned fault) {
    return fault.spec().deed() instanceof FaultSpec.ProcessFault p && p.action() == Action.RESTART;
  }

  /** Who is to be started again must have ended. */
  private static boolean mayEnd(State s, FaultPlan.Planned fault) {
    return !restarts(fault) || fault.nodes().stream().noneMatch(s::running);
  }

  private State strike(State s, FaultPlan.Planned fault, long nowNanos, List<Effect> effects) {
    effects.add(new Effect.Struck(fault));
    effects.add(new Effect.Say("%s %s".formatted(fault.spec().text(), fault.nodes())));
    State next = s.strike(fault.index(), after(fault, nowNanos));
    switch (fault.spec().deed()) {
      case FaultSpec.ProcessFault p -> {
        for (String node : fault.nodes()) {
          switch (p.action()) {
            case KILL, RESTART -> {
              next = next.kill(node);
              effects.add(new Effect.Kill(node));
            }
            case PAUSE, STALL -> effects.add(new Effect.Stop(node));
          }
        }
      }
      case FaultSpec.Partition p -> effects.add(network(next));
      case FaultSpec.Link l -> effects.add(network(next));
      case FaultSpec.FullShm f -> effects.add(new Effect.RefuseMemory(true));
      case FaultSpec.TruncateSegment t ->
          fault.nodes().forEach(n -> effects.add(new Effect.Truncate(n)));
      case FaultSpec.DamageSlot d -> effects.add(new Effect.DamageSlot());
      case FaultSpec.OtherVersion v -> {
        for (FaultPlan.Planned other : plan.faults()) {
          if (next.struck().get(other.index()) instanceof Stage.Returning) {
            next = next.strike(other.index(), new Stage.Returning(true));
          }
        }
        effects.add(new Effect.OtherVersion(true));
      }
    }
    return next;
  }

  private State end(State s, FaultPlan.Planned fault, List<Effect> effects) {
    if (restarts(fault)) {
      State next = s.strike(fault.index(), new Stage.Returning(otherVersion(s)));
      for (String node : fault.nodes()) {
        next = next.restart(node);
        effects.add(new Effect.Restart(node));
      }
      return next;
    }
    State next = s.strike(fault.index(), new Stage.Over());
    switch (fault.spec().deed()) {
      case FaultSpec.ProcessFault p -> {
        for (String node : fault.nodes()) {
          switch (p.action()) {
            case KILL, RESTART -> {}
            case PAUSE, STALL -> {
              if (!frozen(next, node)) {
                effects.add(new Effect.Resume(node));
              }
            }
          }
        }
      }
      case FaultSpec.Partition p -> effects.add(network(next));
      case FaultSpec.Link l -> effects.add(network(next));
      case FaultSpec.FullShm f -> {
        if (!memoryRefused(next)) {
          effects.add(new Effect.RefuseMemory(false));
        }
      }
      case FaultSpec.TruncateSegment t -> {}
      case FaultSpec.DamageSlot d -> {}
      case FaultSpec.OtherVersion v -> {
        if (!otherVersion(next)) {
          effects.add(new Effect.OtherVersion(false));
        }
      }
    }
    return over(next, fault, effects);
  }

  /** The run is at its end: what still lasts ends, but nobody is started again. */
  Step finish(State s) {
    State next = s;
    List<Effect> effects = new ArrayList<>();
    for (FaultPlan.Planned fault : active(s)) {
      if (!restarts(fault)) {
        next = end(next, fault, effects);
      }
    }
    for (FaultPlan.Planned fault : plan.faults()) {
      if (next.struck().get(fault.index()) instanceof Stage.Refused) {
        next =
            next.strike(fault.index(), new Stage.Over())
                .trouble(fault.nodes() + " refused the control file, and was not let in again");
      }
    }
    return new Step(next, effects);
  }

  private List<FaultPlan.Planned> active(State s) {
    return plan.faults().stream()
        .filter(f -> s.struck().get(f.index()) instanceof Stage.Active)
        .toList();
  }

  private boolean frozen(State s, String node) {
    return active(s).stream()
        .anyMatch(f ->
            f.nodes().contains(node)
                && f.spec().deed() instanceof FaultSpec.ProcessFault p
                && (p.action() == Action.PAUSE || p.action() == Action.STALL));
  }

  private boolean memoryRefused(State s) {
    return active(s).stream().anyMatch(f -> f.spec().deed() instanceof FaultSpec.FullShm);
  }

  private boolean otherVersion(State s) {
    return active(s).stream().anyMatch(f -> f.spec().deed() instanceof FaultSpec.OtherVersion);
  }

  private boolean refused(State s) {
    return s.struck().values().stream().anyMatch(Stage.Refused.class::isInstance);
  }

  /** What happens to messages now, by all faults together, and who does it. */
  Effect.Network network(State s) {
    List<LinkRule> atDoors = new ArrayList<>();
    List<LinkRule> cuts = new ArrayList<>();
    for (FaultPlan.Planned fault : active(s)) {
      for (LinkRule rule : fault.rules()) {
        (partitions && rule.kind() == LinkRule.Kind.CUT ? cuts : atDoors).add(rule);
      }
    }
    return new Effect.Network(atDoors, cuts);
  }

  /**
   * How long until {@link #tick} has something to do; empty if only a report can change that. What
   * strikes at a point may do so before the rounds begin, since a move is a revoke as well; it then
   * lasts no longer than it would later.
   */
  OptionalLong untilDue(State s, long nowNanos) {
    if (refused(s) && !otherVersion(s)) {
      return OptionalLong.of(0);
    }
    return plan.faults().stream()
        .flatMap(f -> {
          Stage stage = s.struck().get(f.index());
          if (stage == null
              && s.roundsNanos().isPresent()
              && f.spec().when() instanceof When.After after
              && possible(s, f)
              && !waits(s, f)) {
            return Stream.of(after.time().toNanos() - (nowNanos - s.roundsNanos().getAsLong()));
          }
          return stage instanceof Stage.Active a && mayEnd(s, f)
              ? Stream.of(f.spec().length().toNanos() - (nowNanos - a.sinceNanos()))
              : Stream.of();
        })
        .mapToLong(Long::longValue)
        .min();
  }

  /**
   * Whether no fault lasts, none is to come by time, and who was started again is there: what is
   * still to strike at a point may never do so.
   */
  boolean faultsOver(State s) {
    boolean pending =
        plan.faults().stream()
            .anyMatch(f ->
                f.spec().when() instanceof When.After
                    && !s.struck().containsKey(f.index())
                    && possible(s, f));
    return !pending && active(s).isEmpty() && !refused(s) && missingAgain(s).isEmpty();
  }

  /**
   * Asks importers whether they do DMA again, whenever no fault lasts any more: the time to recover
   * counts from there. What has yet to strike at a point may never do so; if it does, it is asked
   * again.
   *
   * @param atLast whether this is the last time: then whoever has not answered is asked anyhow
   */
  Step check(State s, boolean atLast) {
    Set<Integer> over = over(s);
    boolean anew = !over.equals(s.check().after());
    boolean again = atLast && !all(s, Role.IMPORTER, Milestone.RECOVERED);
    if (!plan.anyEnds() || over.isEmpty() || !(anew || again) || !(atLast || faultsOver(s))) {
      return quietly(s);
    }
    int number = s.check().number() + 1;
    return new Step(s.asked(new Check(number, over)), List.of(new Effect.Ask(number)));
  }

  /** Whether every importer has said that it does DMA again, since the last fault was over. */
  boolean recovered(State s) {
    return faultsOver(s)
        && over(s).equals(s.check().after())
        && all(s, Role.IMPORTER, Milestone.RECOVERED);
  }

  private static Set<Integer> over(State s) {
    return s.struck().entrySet().stream()
        .filter(e -> e.getValue() instanceof Stage.Over)
        .map(Map.Entry::getKey)
        .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * Who was started again and is not as far as the others were before the faults. When the rounds
   * are over there may be nothing left to attach to: what was revoked for good is gone.
   */
  Set<String> missingAgain(State s) {
    Milestone importers = roundsOver(s) ? Milestone.READY : Milestone.SETTLED;
    Set<String> missing = new TreeSet<>();
    scenario.nodes().stream()
        .filter(n -> s.restarts(n.name()) > 0 && s.running(n.name()))
        .filter(n -> !s.reached(n.role() == Role.IMPORTER ? importers : Milestone.READY, n.name()))
        .map(NodeSpec::name)
        .forEach(missing::add);
    return missing;
  }

  /**
   * A node ended.
   *
   * @param log where it logged
   */
  State exited(State s, String node, int status, String log) {
    State next = s.exited(node, status);
    boolean wanted = s.killed().contains(node) && status == SIGKILL_STATUS;
    // Who is frozen or cut off for so long that the others give it up ends itself when it finds
    // out.
    boolean givenUp = EXITS_GIVEN_UP.contains(status) && wasOutOfReach(s, node);
    for (FaultPlan.Planned fault : plan.faults()) {
      if (s.struck().get(fault.index()) instanceof Stage.Returning returning
          && fault.nodes().contains(node)
          && !s.reached(Milestone.READY, node)) {
        if (status == EXIT_BAD_INPUT && returning.otherVersion()) {
          // As it should: it is started again when the file is right again.
          return next.neverStarted(node).strike(fault.index(), new Stage.Refused());
        }
        next =
            next.strike(fault.index(), new Stage.Over())
                .trouble(node + " was started again, and ended before it was there");
      }
    }
    return status == 0 || wanted || givenUp
        ? next
        : next.trouble("%s ended by itself with status %d, see %s".formatted(node, status, log));
  }

  private boolean wasOutOfReach(State s, String node) {
    return plan.faults().stream()
        .anyMatch(f ->
            s.struck().containsKey(f.index())
                && f.nodes().contains(node)
                && switch (f.spec().deed()) {
                  case FaultSpec.ProcessFault p ->
                      p.action() == Action.PAUSE || p.action() == Action.STALL;
                  // At the nodes' doors it is no business of the cluster's.
                  case FaultSpec.Partition p -> partitions;
                  case FaultSpec.Link l -> false;
                  case FaultSpec.FullShm x -> false;
                  case FaultSpec.TruncateSegment x -> false;
                  case FaultSpec.DamageSlot x -> false;
                  case FaultSpec.OtherVersion x -> false;
                });
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
        s.reached(),
        s.rounds(),
        s.exits(),
        s.killed(),
        s.restarts(),
        s.struck(),
        s.roundsNanos(),
        s.troubles(),
        unplayed,
        s.check());
  }

  private static boolean revokes(ExporterSpec exporter) {
    return !exporter.causes().isEmpty();
  }

  /** What went wrong because of faults that did not strike, each in words. */
  State judgeFaults(State s) {
    State next = s;
    for (FaultPlan.Planned fault : plan.faults()) {
      if (!s.struck().containsKey(fault.index())) {
        next = next.trouble("the fault %s did not fire".formatted(fault.spec().text()));
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

  private static <T> Set<T> without(Set<T> some, T one) {
    Set<T> rest = new HashSet<>(some);
    rest.remove(one);
    return rest;
  }

  private static <K, V> Map<K, V> with(Map<K, V> some, K key, V value) {
    Map<K, V> all = new HashMap<>(some);
    all.put(key, value);
    return all;
  }
}
