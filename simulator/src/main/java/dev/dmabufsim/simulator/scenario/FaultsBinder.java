package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.simulator.scenario.FaultSpec.Action;
import dev.dmabufsim.simulator.scenario.FaultSpec.Links;
import dev.dmabufsim.simulator.scenario.FaultSpec.Split;
import dev.dmabufsim.simulator.scenario.FaultSpec.Target;
import dev.dmabufsim.simulator.scenario.FaultSpec.When;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Binds {@code faults}. */
final class FaultsBinder {
  private static final String CRASH_AT = "crash-at";

  /** Each kind of fault and the other keys that it has. */
  private static final Map<String, List<String>> KEYS = new LinkedHashMap<>();

  static {
    KEYS.put("kill", List.of("at", "revoke", "after"));
    KEYS.put(CRASH_AT, List.of("node", "revoke"));
    KEYS.put("restart", List.of("at", "revoke", "after", "down"));
    KEYS.put("pause", List.of("at", "revoke", "after", "for"));
    KEYS.put("stall", List.of("at", "revoke", "after", "for"));
    KEYS.put("partition", List.of("after", "for"));
    KEYS.put("delay", List.of("links", "after", "for"));
    KEYS.put("drop", List.of("links", "after", "for"));
    KEYS.put("duplicate", List.of("links", "after", "for"));
    KEYS.put("reorder", List.of("by", "links", "after", "for"));
    KEYS.put("slow-link", List.of("links", "after", "for"));
    KEYS.put("full-shm", List.of("after", "for"));
    KEYS.put("truncate-segment", List.of("after"));
    KEYS.put("damage-slot", List.of("after"));
    KEYS.put("other-version", List.of("after", "for"));
  }

  private final Optional<Inventory> inventory;
  private final int rounds;

  private FaultsBinder(Optional<Inventory> inventory, int rounds) {
    this.inventory = inventory;
    this.rounds = rounds;
  }

  /** Binds them; without an inventory (the nodes are still to be made) any node may be named. */
  static List<FaultSpec> bind(Section root, Optional<Inventory> inventory, int rounds)
      throws ScenarioException {
    FaultsBinder binder = new FaultsBinder(inventory, rounds);
    List<FaultSpec> faults = new ArrayList<>();
    Set<String> killed = new HashSet<>();
    for (Field item : root.items("faults")) {
      FaultSpec fault = binder.fault(item);
      if (fault.deed() instanceof FaultSpec.ProcessFault p
          && p.action() == Action.KILL
          && p.target().by() == Target.By.NODE
          && !killed.add(p.target().name())) {
        throw item.wrong(
            p.target().name() + " is killed twice", "a killed node does not come back");
      }
      faults.add(fault);
    }
    return faults;
  }

  private FaultSpec fault(Field item) throws ScenarioException {
    Section any = item.names();
    List<String> kinds = KEYS.keySet().stream().filter(any::has).toList();
    if (kinds.isEmpty()) {
      if (any.all().isEmpty()) {
        any.need("kill", "importer-1");
      }
      String first = any.all().keySet().iterator().next();
      if (KEYS.values().stream().noneMatch(k -> k.contains(first))) {
        throw new ScenarioException(
            any.atOf(first),
            "unknown key " + Quote.of(first) + " in " + item.path(),
            Nearest.advice(first, KEYS.keySet()));
      }
      any.need("kill", "importer-1");
    }
    if (kinds.size() > 1) {
      throw item.wrong(
          item.path() + " is both " + kinds.get(0) + " and " + kinds.get(1),
          "write each fault as an item of its own");
    }
    String kind = kinds.getFirst();
    List<String> legal = new ArrayList<>(List.of(kind));
    legal.addAll(KEYS.getOrDefault(kind, List.of()));
    Section section = item.section(legal);
    Field what = section.need(kind, "importer-1");
    return switch (kind) {
      case "kill" -> process(section, what, Action.KILL, Duration.ZERO);
      case CRASH_AT -> crash(section, what);
      case "restart" -> process(section, what, Action.RESTART, length(section, "down", "500ms"));
      case "pause" -> process(section, what, Action.PAUSE, length(section, "for", "3s"));
      case "stall" -> process(section, what, Action.STALL, length(section, "for", "3s"));
      case "partition" -> lasting(section, new FaultSpec.Partition(split(what)));
      case "delay" -> lasting(section, delay(section, what));
      case "drop" -> lasting(section, share(section, what, LinkRule.Kind.DROP));
      case "duplicate" -> lasting(section, share(section, what, LinkRule.Kind.DUPLICATE));
      case "reorder" -> lasting(section, share(section, what, LinkRule.Kind.REORDER));
      case "slow-link" -> lasting(section, slow(section, what));
      case "full-shm" -> {
        onlyTrue(what);
        yield lasting(section, new FaultSpec.FullShm());
      }
      case "other-version" -> {
        onlyTrue(what);
        yield lasting(section, new FaultSpec.OtherVersion());
      }
      case "truncate-segment" ->
          new FaultSpec(
              new FaultSpec.TruncateSegment(target(what, Optional.of(Role.EXPORTER))),
              after(section),
              Duration.ZERO);
      default -> {
        what.choice("slot", FaultsBinder::random, "random");
        yield new FaultSpec(new FaultSpec.DamageSlot(), after(section), Duration.ZERO);
      }
    };
  }

  private static Optional<String> random(String text) {
    return Optional.of(text).filter("random"::equals);
  }

  private static void onlyTrue(Field field) throws ScenarioException {
    if (!field.yesOrNo()) {
      throw field.wrong(field.path() + " is false", "write true, or remove the fault");
    }
  }

  private static FaultSpec lasting(Section section, FaultSpec.Deed deed) throws ScenarioException {
    return new FaultSpec(deed, after(section), length(section, "for", "2s"));
  }

  private static When.After after(Section section) throws ScenarioException {
    return new When.After(section.need("after", "1s").duration(Limits.PAUSE_MICROS));
  }

  private static Duration length(Section section, String key, String example)
      throws ScenarioException {
    return section.need(key, example).duration(Limits.FAULT_MICROS);
  }

  private FaultSpec crash(Section section, Field what) throws ScenarioException {
    FaultPoint point = point(what);
    Field node = section.need("node", "importer-1");
    Target target = targetAt(node, point);
    When when = new When.At(point, round(section));
    return new FaultSpec(new FaultSpec.ProcessFault(Action.KILL, target), when, Duration.ZERO);
  }

  private FaultSpec process(Section section, Field what, Action action, Duration length)
      throws ScenarioException {
    Field at = section.find("at");
    if (section.has("after")) {
      for (String other : List.of("at", "revoke")) {
        if (section.has(other)) {
          throw new ScenarioException(
              section.atOf(other),
              section.pathOf(other) + " and " + section.pathOf("after") + " are both there",
              "a fault strikes at a point, or after a time");
        }
      }
      return new FaultSpec(
          new FaultSpec.ProcessFault(action, target(what, Optional.empty())),
          after(section),
          length);
    }
    if (at == null && action != Action.KILL) {
      throw new ScenarioException(
          section.at(),
          "neither 'at' nor 'after' in " + section.path(),
          "such as 'after: 1s' or 'at: importer.copying'");
    }
    FaultPoint point = at == null ? Defaults.FAULT_POINT : point(at);
    Target target = targetAt(what, point);
    return new FaultSpec(
        new FaultSpec.ProcessFault(action, target), new When.At(point, round(section)), length);
  }

  private static FaultPoint point(Field field) throws ScenarioException {
    return field.choice("point of a fault", FaultPoint::labelled, FaultPoint.labels());
  }

  private int round(Section section) throws ScenarioException {
    int round = section.count("revoke", Limits.ROUNDS, Defaults.FAULT_ROUND);
    if (round > rounds) {
      throw new ScenarioException(
          section.atOf("revoke"),
          "the fault would strike in round %s of %s".formatted(round, rounds),
          "write a round from 1 to " + rounds + ", or raise revokes.rounds");
    }
    return round;
  }

  /** A target that passes a point. */
  private Target targetAt(Field field, FaultPoint point) throws ScenarioException {
    Target target = target(field, Optional.empty());
    if (inventory.isPresent() && candidates(target, Role.labelled(point.role())).isEmpty()) {
      String name = target.text();
      Role role =
          target.by() == Target.By.ROLE
              ? Role.labelled(target.name()).orElseThrow()
              : roleOf(candidates(target, Optional.empty()).getFirst());
      throw field.wrong(
          "%s is an %s, which never passes %s".formatted(name, role.label(), point.label()),
          "nodes that do: " + Nearest.listed(ofRole(point.role())));
    }
    return target;
  }

  /** A target that is there, and of that role if there is one. */
  private Target target(Field field, Optional<Role> role) throws ScenarioException {
    String text = field.text();
    Target target = Target.of(text);
    if (target.by() == Target.By.ROLE && Role.labelled(target.name()).isEmpty()) {
      throw field.wrong(
          field.path() + " is " + Quote.of(text) + ", and there is no such role",
          "legal here: role:exporter, role:importer, role:iommu");
    }
    if (inventory.isEmpty()) {
      return target;
    }
    if (candidates(target, Optional.empty()).isEmpty()) {
      String what = target.by() == Target.By.DEVICE ? "no device" : "no node";
      throw field.wrong(
          field.path() + " is " + Quote.of(text) + ", which is " + what + " of this scenario",
          Nearest.advice(text, legal(target)));
    }
    if (candidates(target, role).isEmpty()) {
      throw field.wrong(
          "%s is no %s".formatted(text, role.orElseThrow().label()),
          "nodes that are: " + Nearest.listed(ofRole(role.orElseThrow().label())));
    }
    return target;
  }

  private List<String> legal(Target target) {
    Map<String, Inventory.Node> nodes = inventory.orElseThrow().nodes();
    return target.by() == Target.By.DEVICE
        ? nodes.values().stream()
            .flatMap(n -> n.devices().all().keySet().stream())
            .distinct()
            .map(d -> "device:" + d)
            .toList()
        : List.copyOf(nodes.keySet());
  }

  private List<String> candidates(Target target, Optional<Role> role) {
    return inventory.orElseThrow().nodes().entrySet().stream()
        .filter(e -> role.isEmpty() || e.getValue().role() == role.get())
        .filter(e ->
            target.fits(
                e.getKey(),
                e.getValue().role(),
                List.copyOf(e.getValue().devices().all().keySet())))
        .map(Map.Entry::getKey)
        .toList();
  }

  private Role roleOf(String node) {
    Inventory.Node found = inventory.orElseThrow().nodes().get(node);
    return found == null ? Role.IOMMU : found.role();
  }

  private List<String> ofRole(String role) {
    return inventory.orElseThrow().nodes().entrySet().stream()
        .filter(e -> e.getValue().role().label().equals(role))
        .map(Map.Entry::getKey)
        .toList();
  }

  private Split split(Field field) throws ScenarioException {
    if (field.tree() instanceof YamlTree.Scalar) {
      return field.choice("partition", FaultsBinder::shape, shapes());
    }
    List<List<String>> groups = new ArrayList<>();
    Set<String> named = new HashSet<>();
    for (Field group : field.items()) {
      List<String> names = new ArrayList<>();
      for (Field node : group.items()) {
        String name = node(node);
        if (!named.add(name)) {
          throw node.wrong(name + " is in two groups of a partition", "name it once");
        }
        names.add(name);
      }
      if (names.isEmpty()) {
        throw group.wrong(group.path() + " is an empty group", "name nodes, or remove it");
      }
      groups.add(names);
    }
    if (groups.size() < 2) {
      throw field.wrong(
          field.path() + " has fewer than two groups", "write such as [[iommu-1], [importer-1]]");
    }
    return new Split.Groups(groups);
  }

  private static Optional<Split> shape(String word) {
    return Arrays.stream(Split.Shape.values())
        .filter(s -> FaultSpec.word(s).equals(word))
        .map(s -> (Split) s)
        .findFirst();
  }

  private static String shapes() {
    return Arrays.stream(Split.Shape.values())
        .map(FaultSpec::word)
        .collect(Collectors.joining(", "));
  }

  private FaultSpec.Link delay(Section section, Field field) throws ScenarioException {
    Duration[] range = range(field);
    return new FaultSpec.Link(
        LinkRule.Kind.DELAY, 1, range[0], range[1], 0, links(section.find("links")));
  }

  private FaultSpec.Link share(Section section, Field field, LinkRule.Kind kind)
      throws ScenarioException {
    Duration[] by = {Duration.ZERO, Duration.ZERO};
    if (kind == LinkRule.Kind.REORDER) {
      Field field2 = section.find("by");
      by =
          field2 == null
              ? new Duration[] {Defaults.REORDER_MIN, Defaults.REORDER_MAX}
              : range(field2);
    }
    return new FaultSpec.Link(
        kind, field.percent(false), by[0], by[1], 0, links(section.find("links")));
  }

  private FaultSpec.Link slow(Section section, Field field) throws ScenarioException {
    String text = field.text();
    if (!text.endsWith("/s")) {
      throw field.wrong(
          field.path() + " is " + Quote.of(text) + ", not a size for each second",
          "write such as 1MiB/s");
    }
    long bytes =
        Sizes.parse(
            text.substring(0, text.length() - 2),
            field.tree().at(),
            field.path(),
            Limits.LINK_BYTES,
            1);
    return new FaultSpec.Link(
        LinkRule.Kind.SLOW, 1, Duration.ZERO, Duration.ZERO, bytes, links(section.find("links")));
  }

  /** {@code 5ms..50ms}, or one duration for both ends. */
  private static Duration[] range(Field field) throws ScenarioException {
    String text = field.text();
    int dots = text.indexOf("..");
    String low = dots < 0 ? text : text.substring(0, dots).strip();
    String high = dots < 0 ? text : text.substring(dots + 2).strip();
    Duration min = Durations.parse(low, field.tree().at(), field.path(), Limits.LINK_MICROS);
    Duration max = Durations.parse(high, field.tree().at(), field.path(), Limits.LINK_MICROS);
    if (min.compareTo(max) > 0) {
      throw field.wrong(
          field.path() + " is " + Quote.of(text) + ", from more to less",
          "write the shorter time first");
    }
    return new Duration[] {min, max};
  }

  private Links links(@org.jspecify.annotations.Nullable Field field) throws ScenarioException {
    if (field == null) {
      return new Links.All();
    }
    if (field.tree() instanceof YamlTree.Scalar) {
      String text = field.text();
      if (text.equals("all")) {
        return new Links.All();
      }
      String[] ends = text.split("->", -1);
      if (ends.length == 2) {
        checkNode(field, ends[0].strip());
        checkNode(field, ends[1].strip());
        checkDistinct(field, ends[0].strip(), ends[1].strip());
        return new Links.OneWay(ends[0].strip(), ends[1].strip());
      }
      throw field.wrong(
          field.path() + " is " + Quote.of(text), "write all, [a, b] for both ways, or 'a->b'");
    }
    List<Field> ends = field.items();
    if (ends.size() != 2) {
      throw field.wrong(
          field.path() + " has " + ends.size() + " nodes", "a link has two: write [a, b]");
    }
    String one = node(ends.get(0));
    String other = node(ends.get(1));
    checkDistinct(field, one, other);
    return new Links.Between(one, other);
  }

  private static void checkDistinct(Field field, String one, String other)
      throws ScenarioException {
    if (one.equals(other)) {
      throw field.wrong(
          field.path() + " is from " + one + " to itself", "name two nodes that are not the same");
    }
  }

  private String node(Field field) throws ScenarioException {
    checkNode(field, field.text());
    return field.text();
  }

  private void checkNode(Field field, String name) throws ScenarioException {
    if (inventory.isPresent() && !inventory.get().nodes().containsKey(name)) {
      throw field.wrong(
          field.path() + " is " + Quote.of(name) + ", which is no node of this scenario",
          Nearest.advice(name, inventory.get().nodes().keySet()));
    }
  }
}
