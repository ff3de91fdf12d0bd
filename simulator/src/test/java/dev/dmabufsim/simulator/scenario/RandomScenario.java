package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.driver.DescribedImporter;
import dev.dmabufsim.common.driver.Distribution;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.simulator.scenario.FaultSpec.Target;
import dev.dmabufsim.simulator.scenario.Threshold.Comparison;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/** Legal scenarios from a seed, each option at random. */
final class RandomScenario {
  /** Texts that a careless writer would get wrong. */
  private static final List<String> TEXTS =
      List.of(
          "",
          "plain",
          "on",
          "~",
          "1:30",
          "'",
          "\"",
          "a \\ b\\n",
          "# no",
          "*x",
          "ä – 🜁",
          ": -",
          " a ");

  private final Random random;
  private final List<String> exporters = new ArrayList<>();
  private final List<String> importers = new ArrayList<>();
  private final List<String> kinds =
      new ArrayList<>(new TreeSet<>(ImporterDrivers.load().all().keySet()));
  private final boolean independent;
  private int names;

  private RandomScenario(long seed) {
    random = new Random(seed);
    independent = random.nextBoolean();
  }

  /** A scenario; if it has a machine, that is this file. */
  static Scenario of(long seed, String machineFile) {
    return new RandomScenario(seed).scenario(machineFile);
  }

  private Scenario scenario(String machineFile) {
    boolean machine = random.nextInt(4) == 0;
    Bound bound = new Bound(micros(1, 300_000_000), micros(1, 1000), micros(1, 9_000_000));
    Duration limit = bound.total().plus(micros(0, 1_000_000));
    int rounds = 1 + random.nextInt(100);
    Map<String, DescribedImporter> described = described();
    kinds.addAll(described.keySet());
    List<NodeSpec> nodes = machine ? List.of() : nodes();
    long min = 64L * (1 + random.nextInt(32));
    return new Scenario(
        List.of("a", "0", "A.b_c-1").get(random.nextInt(3)),
        text(),
        text(),
        pick(Contract.values()),
        bound,
        new Revokes(independent, rounds, micros(0, 600_000_000), micros(0, 1000), limit),
        new Dma(min, min + 64L * random.nextInt(32), percent(0), percent(1)),
        described,
        nodes,
        machine ? List.of() : faults(nodes, rounds),
        thresholds(),
        machine ? Optional.of(machine(machineFile)) : Optional.empty(),
        new ClusterSpec(random.nextBoolean() ? 0 : 1024 + random.nextInt(64_512)),
        machine ? List.of() : refusals());
  }

  private List<NodeSpec> nodes() {
    List<NodeSpec> nodes = new ArrayList<>();
    nodes.add(new NodeSpec("iommu", Role.IOMMU, List.of(), List.of()));
    List<NodeSpec> exporting = new ArrayList<>();
    for (int i = 0; i <= random.nextInt(3); i++) {
      List<ExporterSpec> devices = new ArrayList<>();
      for (int j = 0; j <= random.nextInt(3); j++) {
        long bytes = 4096L * (1 + random.nextInt(1000));
        ExporterKind kind = pick(ExporterKind.values());
        devices.add(
            new ExporterSpec(
                device(exporters),
                kind,
                2,
                bytes,
                causes(kind),
                independent ? micros(0, 1000) : Duration.ZERO));
      }
      exporting.add(new NodeSpec("e-" + i, Role.EXPORTER, devices, List.of()));
    }
    nodes.addAll(exporting);
    for (int i = 0; i <= random.nextInt(3); i++) {
      List<ImporterSpec> devices = new ArrayList<>();
      for (int j = 0; j <= random.nextInt(3); j++) {
        devices.add(importer());
      }
      nodes.add(new NodeSpec("m-" + i, Role.IMPORTER, List.of(), devices));
    }
    Collections.shuffle(nodes, random);
    return nodes;
  }

  /** Some of the kind's, the last of which may be for good. */
  private List<RevokeCause> causes(ExporterKind kind) {
    List<RevokeCause> causes = new ArrayList<>();
    for (int i = 0; i <= random.nextInt(3) && !kind.causes().isEmpty(); i++) {
      causes.add(kind.causes().get(random.nextInt(kind.causes().size())));
      if (causes.getLast().after() == RevokeCause.After.DEAD) {
        break;
      }
    }
    return causes;
  }

  private Map<String, DescribedImporter> described() {
    Map<String, DescribedImporter> described = new LinkedHashMap<>();
    for (int i = 0; i < random.nextInt(3); i++) {
      String name = List.of("on", "dpu-", "n").get(random.nextInt(3)) + i;
      described.put(name, described(name));
    }
    return described;
  }

  private DescribedImporter described(String name) {
    boolean dynamic = random.nextInt(4) != 0;
    Unmap unmap = pick(Unmap.values());
    List<DescribedImporter.Fence> fences = new ArrayList<>();
    for (int i = 0; i < random.nextInt(3); i++) {
      Trigger trigger = pick(Trigger.values());
      boolean never = trigger == Trigger.NEVER;
      fences.add(
          new DescribedImporter.Fence(
              pick(FenceUsage.values()),
              trigger,
              never ? Distribution.ZERO : time(),
              !never && random.nextBoolean()));
    }
    return new DescribedImporter(
        name,
        text(),
        new ImporterOffer(
            dynamic,
            dynamic && random.nextBoolean(),
            dynamic && random.nextBoolean(),
            random.nextBoolean(),
            random.nextBoolean()),
        random.nextBoolean(),
        time(),
        time(),
        random.nextBoolean(),
        fences,
        unmap,
        unmap == Unmap.AFTER_FENCES ? time() : Distribution.ZERO,
        unmap == Unmap.NEVER ? Afterwards.MAP_AGAIN : pick(Afterwards.values()));
  }

  private Distribution time() {
    Duration one = micros(0, 5_000_000);
    return switch (random.nextInt(4)) {
      case 0 -> new Distribution.Constant(one);
      case 1 -> new Distribution.Uniform(one, one.plus(micros(0, 5_000_000)));
      case 2 -> new Distribution.Exponential(one);
      default -> new Distribution.Normal(one, micros(0, 5_000_000));
    };
  }

  private ImporterSpec importer() {
    Behaviour behaviour = pick(Behaviour.values());
    List<String> to = new ArrayList<>(exporters);
    Collections.shuffle(to, random);
    String kind = kind();
    return new ImporterSpec(
        device(importers),
        kind,
        1 + random.nextInt(1000),
        behaviour,
        behaviour.takesOverrun() ? micros(1, 600_000_000) : Duration.ZERO,
        behaviour == Behaviour.SKIPS_IOTLB_FLUSH || random.nextBoolean(),
        pick(CpuUse.values()),
        range(kind),
        to.subList(0, random.nextInt(to.size() + 1)));
  }

  private Span range(String kind) {
    return kind.equals("iommufd") && random.nextBoolean()
        ? new Span(4096L * random.nextInt(1 << 20), 4096L * (1 + random.nextInt(1 << 20)))
        : Span.WHOLE;
  }

  private List<FaultSpec> faults(List<NodeSpec> nodes, int rounds) {
    List<FaultSpec> faults = new ArrayList<>();
    Set<String> killed = new HashSet<>();
    for (int i = 0; i < random.nextInt(6); i++) {
      FaultSpec fault = fault(nodes, rounds);
      boolean twice =
          fault.deed() instanceof FaultSpec.ProcessFault p
              && p.action() == FaultSpec.Action.KILL
              && p.target().by() == Target.By.NODE
              && !killed.add(p.target().name());
      if (!twice) {
        faults.add(fault);
      }
    }
    return faults;
  }

  private FaultSpec fault(List<NodeSpec> nodes, int rounds) {
    FaultSpec.When after = new FaultSpec.When.After(micros(0, 600_000_000));
    Duration length = micros(1000, 600_000_000);
    return switch (random.nextInt(7)) {
      case 0 ->
          new FaultSpec(
              new FaultSpec.TruncateSegment(target(ofRole(nodes, Role.EXPORTER))),
              after,
              Duration.ZERO);
      case 1 -> new FaultSpec(new FaultSpec.DamageSlot(), after, Duration.ZERO);
      case 2 -> new FaultSpec(new FaultSpec.FullShm(), after, length);
      case 5 -> new FaultSpec(new FaultSpec.OtherVersion(), after, length);
      case 3 -> new FaultSpec(new FaultSpec.Partition(split(nodes)), after, length);
      case 4 -> new FaultSpec(link(nodes), after, length);
      default -> process(nodes, rounds, after, length);
    };
  }

  private FaultSpec process(
      List<NodeSpec> nodes, int rounds, FaultSpec.When after, Duration length) {
    FaultSpec.Action action = pick(FaultSpec.Action.values());
    NodeSpec node = nodes.get(random.nextInt(nodes.size()));
    List<FaultPoint> points = FaultPoint.of(node.role().label());
    FaultSpec.When at =
        new FaultSpec.When.At(
            points.get(random.nextInt(points.size())), 1 + random.nextInt(rounds));
    return new FaultSpec(
        new FaultSpec.ProcessFault(action, target(node)),
        random.nextBoolean() ? at : after,
        action == FaultSpec.Action.KILL ? Duration.ZERO : length);
  }

  private static NodeSpec ofRole(List<NodeSpec> nodes, Role role) {
    return nodes.stream().filter(n -> n.role() == role).findFirst().orElseThrow();
  }

  private Target target(NodeSpec node) {
    return switch (random.nextInt(4)) {
      case 0 -> new Target(Target.By.RANDOM, "");
      case 1 -> new Target(Target.By.ROLE, node.role().label());
      case 2 ->
          node.exporters().isEmpty()
              ? new Target(Target.By.NODE, node.name())
              : new Target(Target.By.DEVICE, node.exporters().getLast().name());
      default -> new Target(Target.By.NODE, node.name());
    };
  }

  private FaultSpec.Split split(List<NodeSpec> nodes) {
    return random.nextBoolean()
        ? pick(FaultSpec.Split.Shape.values())
        : new FaultSpec.Split.Groups(
            List.of(
                List.of(nodes.get(0).name()), List.of(nodes.get(1).name(), nodes.get(2).name())));
  }

  private FaultSpec.Link link(List<NodeSpec> nodes) {
    String a = nodes.get(0).name();
    String b = nodes.get(1).name();
    FaultSpec.Links links =
        List.of(
                new FaultSpec.Links.All(),
                new FaultSpec.Links.Between(a, b),
                new FaultSpec.Links.OneWay(b, a))
            .get(random.nextInt(3));
    LinkRule.Kind kind =
        List.of(
                LinkRule.Kind.DELAY,
                LinkRule.Kind.DROP,
                LinkRule.Kind.DUPLICATE,
                LinkRule.Kind.REORDER,
                LinkRule.Kind.SLOW)
            .get(random.nextInt(5));
    boolean timed = kind == LinkRule.Kind.DELAY || kind == LinkRule.Kind.REORDER;
    boolean shared = kind != LinkRule.Kind.DELAY && kind != LinkRule.Kind.SLOW;
    Duration min = timed ? micros(0, 1_000_000) : Duration.ZERO;
    return new FaultSpec.Link(
        kind,
        shared ? percent(1) : 1,
        min,
        timed ? min.plus(micros(0, 1_000_000)) : Duration.ZERO,
        kind == LinkRule.Kind.SLOW ? 1024L + random.nextInt(1 << 29) : 0,
        links);
  }

  private List<Threshold> thresholds() {
    List<Threshold> thresholds = new ArrayList<>();
    for (int i = 0; i < random.nextInt(4); i++) {
      String metric = Metrics.ALL.get(random.nextInt(Metrics.ALL.size()));
      Comparison comparison = pick(Comparison.values());
      double value = random.nextInt(2000) / 8.0 - 5;
      String text = metric + " " + comparison.sign() + " " + value;
      thresholds.add(new Threshold(metric, comparison, value, text));
    }
    return thresholds;
  }

  private List<Refusal> refusals() {
    List<Refusal> refusals = new ArrayList<>();
    for (String importer : importers) {
      String reason = text();
      if (!reason.isEmpty()) {
        refusals.add(new Refusal(exporters.getFirst(), importer, Errno.EBUSY, reason));
      }
    }
    return refusals;
  }

  private MachineUse machine(String file) {
    Map<String, String> kinds = new LinkedHashMap<>();
    for (int i = 0; i < random.nextInt(3); i++) {
      kinds.put(device(new ArrayList<>()), kind());
    }
    return new MachineUse(
        file, random.nextBoolean(), kinds, 1 + random.nextInt(9), 1 + random.nextInt(9), 1 << 20);
  }

  /** A new name, of the kind that YAML takes for something else. */
  private String device(List<String> devices) {
    String name = List.of("0000:", "1e", "0x", "01:", "no.").get(random.nextInt(5)) + names++;
    devices.add(name);
    return name;
  }

  private String kind() {
    return kinds.get(random.nextInt(kinds.size()));
  }

  private Duration micros(int least, int most) {
    int unit = List.of(1, 1000, 1_000_000).get(random.nextInt(3));
    int micros = least + random.nextInt(most - least + 1);
    return Duration.ofNanos(1000L * Math.max(least, micros - micros % unit));
  }

  private double percent(int least) {
    return (least + random.nextInt(100_000_001 - least)) / 1e8;
  }

  private String text() {
    return TEXTS.get(random.nextInt(TEXTS.size()));
  }

  private <E> E pick(E[] values) {
    return values[random.nextInt(values.length)];
  }
}
