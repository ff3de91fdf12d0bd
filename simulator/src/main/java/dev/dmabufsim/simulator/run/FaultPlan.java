package dev.dmabufsim.simulator.run;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.simulator.scenario.ExporterSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec;
import dev.dmabufsim.simulator.scenario.FaultSpec.Action;
import dev.dmabufsim.simulator.scenario.FaultSpec.Links;
import dev.dmabufsim.simulator.scenario.FaultSpec.Split;
import dev.dmabufsim.simulator.scenario.FaultSpec.When;
import dev.dmabufsim.simulator.scenario.ImporterSpec;
import dev.dmabufsim.simulator.scenario.NodeSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A scenario's faults, with all that is random in them chosen: a pure function of the scenario and
 * the run's seed.
 *
 * @param faults in the order of the scenario
 */
public record FaultPlan(List<Planned> faults) {
  /**
   * A fault.
   *
   * @param index its place in the scenario
   * @param spec what the scenario says
   * @param nodes whom it concerns
   * @param rules of a fault of the network: what happens to messages
   */
  public record Planned(int index, FaultSpec spec, List<String> nodes, List<LinkRule> rules) {
    /** Takes copies. */
    public Planned {
      nodes = List.copyOf(nodes);
      rules = List.copyOf(rules);
    }
  }

  /** Takes a copy. */
  public FaultPlan {
    faults = List.copyOf(faults);
  }

  /** The faults of a scenario with nodes. */
  public static FaultPlan of(Scenario scenario, long seed) {
    List<Planned> planned = new ArrayList<>();
    Set<String> dead = new HashSet<>();
    for (FaultSpec spec : scenario.faults()) {
      int index = planned.size();
      // Of its own: one more fault, or one less, does not change what the others hit.
      Random random = new Random(seed * 31 + index);
      List<String> nodes = nodes(scenario, spec, dead, random);
      List<LinkRule> rules = rules(scenario, spec, random);
      if (nodes.isEmpty()) {
        nodes =
            rules.stream().flatMap(r -> Stream.of(r.from(), r.to())).distinct().sorted().toList();
      }
      if (spec.deed() instanceof FaultSpec.ProcessFault p && p.action() == Action.KILL) {
        dead.addAll(nodes);
      }
      planned.add(new Planned(index, spec, nodes, rules));
    }
    return new FaultPlan(planned);
  }

  /** Where that node's process strikes itself: all faults at points. */
  public List<FaultTrap.Trap> traps(String node, Set<Integer> but) {
    List<FaultTrap.Trap> traps = new ArrayList<>();
    for (Planned fault : faults) {
      if (fault.spec().when() instanceof When.At at
          && fault.spec().deed() instanceof FaultSpec.ProcessFault p
          && fault.nodes().contains(node)
          && !but.contains(fault.index())) {
        FaultTrap.Action action =
            switch (p.action()) {
              case KILL, RESTART -> FaultTrap.Action.KILL;
              case PAUSE, STALL -> FaultTrap.Action.STOP;
            };
        traps.add(new FaultTrap.Trap(at.point(), at.revoke(), action));
      }
    }
    return traps;
  }

  /**
   * The nodes whose process or messages faults befall: of their importers nobody can demand that
   * they keep the contract, since their engines go on while they do not hear, or wake up first.
   */
  public Set<String> befallen() {
    return faults.stream()
        .filter(f ->
            switch (f.spec().deed()) {
              case FaultSpec.ProcessFault p -> true;
              case FaultSpec.Partition p -> true;
              case FaultSpec.Link l -> true;
              case FaultSpec.FullShm x -> false;
              case FaultSpec.TruncateSegment x -> false;
              case FaultSpec.DamageSlot x -> false;
              case FaultSpec.OtherVersion x -> false;
            })
        .flatMap(f -> f.nodes().stream())
        .collect(Collectors.toUnmodifiableSet());
  }

  /** Whether it has faults that end, after which all must be well again. */
  public boolean anyEnds() {
    return faults.stream().anyMatch(f -> !f.spec().length().isZero());
  }

  private static List<String> nodes(
      Scenario scenario, FaultSpec spec, Set<String> dead, Random random) {
    return switch (spec.deed()) {
      case FaultSpec.ProcessFault p ->
          one(scenario, p.target(), roleAt(spec.when()), dead, random).stream().toList();
      case FaultSpec.TruncateSegment t ->
          one(scenario, t.target(), Optional.of(Role.EXPORTER), dead, random).stream().toList();
      case FaultSpec.Partition p -> List.of();
      case FaultSpec.Link l -> List.of();
      case FaultSpec.FullShm f -> List.of();
      case FaultSpec.DamageSlot d -> List.of();
      case FaultSpec.OtherVersion v -> List.of();
    };
  }

  private static Optional<Role> roleAt(When when) {
    return switch (when) {
      case When.At at -> Role.labelled(at.point().role());
      case When.After after -> Optional.empty();
    };
  }

  /** One node at random of those that a target fits, of the living if there is one. */
  private static Optional<String> one(
      Scenario scenario,
      FaultSpec.Target target,
      Optional<Role> role,
      Set<String> dead,
      Random random) {
    List<String> all =
        scenario.nodes().stream()
            .filter(n -> role.isEmpty() || n.role() == role.get())
            .filter(n -> target.fits(n.name(), n.role(), devices(n)))
            .map(NodeSpec::name)
            .toList();
    List<String> living = all.stream().filter(n -> !dead.contains(n)).toList();
    List<String> choice = living.isEmpty() ? all : living;
    return choice.isEmpty()
        ? Optional.empty()
        : Optional.of(choice.get(random.nextInt(choice.size())));
  }

  private static List<String> devices(NodeSpec node) {
    return Stream.concat(
            node.exporters().stream().map(ExporterSpec::name),
            node.importers().stream().map(ImporterSpec::name))
        .toList();
  }

  private static List<LinkRule> rules(Scenario scenario, FaultSpec spec, Random random) {
    List<String> names = new ArrayList<>(scenario.nodes().stream().map(NodeSpec::name).toList());
    return switch (spec.deed()) {
      case FaultSpec.Partition p -> {
        Collections.shuffle(names, random);
        yield cuts(p.split(), names);
      }
      case FaultSpec.Link l ->
          switch (l.links()) {
            case Links.All all -> pairs(names, names).map(e -> rule(l, e[0], e[1])).toList();
            case Links.Between b ->
                List.of(rule(l, b.one(), b.other()), rule(l, b.other(), b.one()));
            case Links.OneWay w -> List.of(rule(l, w.from(), w.to()));
          };
      case FaultSpec.ProcessFault x -> List.of();
      case FaultSpec.FullShm x -> List.of();
      case FaultSpec.TruncateSegment x -> List.of();
      case FaultSpec.DamageSlot x -> List.of();
      case FaultSpec.OtherVersion x -> List.of();
    };
  }

  private static LinkRule rule(FaultSpec.Link l, String from, String to) {
    return new LinkRule(
        from, to, l.kind(), l.share(), l.min().toNanos(), l.max().toNanos(), l.bytesPerSecond());
  }

  private static List<LinkRule> cuts(Split split, List<String> shuffled) {
    int half = shuffled.size() / 2;
    return switch (split) {
      case Split.Shape shape ->
          switch (shape) {
            case HALVES ->
                between(shuffled.subList(0, half), shuffled.subList(half, shuffled.size()));
            case ONE_NODE -> between(shuffled.subList(0, 1), shuffled.subList(1, shuffled.size()));
            case ONE_WAY ->
                oneWay(shuffled.subList(0, half), shuffled.subList(half, shuffled.size()));
            case RING -> ring(shuffled);
          };
      case Split.Groups groups -> {
        List<LinkRule> cuts = new ArrayList<>();
        for (List<String> one : groups.groups()) {
          for (List<String> other : groups.groups()) {
            if (!one.equals(other)) {
              cuts.addAll(oneWay(one, other));
            }
          }
        }
        yield cuts;
      }
    };
  }

  private static List<LinkRule> ring(List<String> names) {
    int size = names.size();
    List<LinkRule> cuts = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        int apart = Math.floorMod(i - j, size);
        if (apart > 1 && apart < size - 1) {
          cuts.add(cut(names.get(i), names.get(j)));
        }
      }
    }
    return cuts;
  }

  private static List<LinkRule> between(List<String> some, List<String> others) {
    return Stream.concat(oneWay(some, others).stream(), oneWay(others, some).stream()).toList();
  }

  private static List<LinkRule> oneWay(List<String> from, List<String> to) {
    return pairs(from, to).map(e -> cut(e[0], e[1])).toList();
  }

  private static LinkRule cut(String from, String to) {
    return new LinkRule(from, to, LinkRule.Kind.CUT, 1, 0, 0, 0);
  }

  private static Stream<String[]> pairs(List<String> from, List<String> to) {
    return from.stream()
        .flatMap(f -> to.stream().filter(t -> !t.equals(f)).map(t -> new String[] {f, t}));
  }
}
