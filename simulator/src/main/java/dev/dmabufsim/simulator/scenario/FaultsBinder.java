package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.simulator.scenario.FaultSpec.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Binds {@code faults}. */
final class FaultsBinder {
  private static final List<String> KEYS = List.of("kill", "at", "revoke");

  private FaultsBinder() {}

  /** Binds them; without an inventory (the nodes are still to be made) any node may be named. */
  static List<FaultSpec> bind(Section root, Optional<Inventory> inventory, int rounds)
      throws ScenarioException {
    List<FaultSpec> faults = new ArrayList<>();
    for (Field item : root.items("faults")) {
      Section section = item.section(KEYS);
      Field nodeField = section.need(Kind.KILL.label(), "importer-1");
      String node = nodeField.text();
      FaultPoint point = point(section);
      if (inventory.isPresent()) {
        checkNode(nodeField, point, inventory.get());
      }
      if (faults.stream().anyMatch(f -> f.node().equals(node))) {
        throw nodeField.wrong(node + " is killed twice", "a killed node does not come back");
      }
      int round = section.count("revoke", Limits.ROUNDS, Defaults.FAULT_ROUND);
      if (round > rounds) {
        throw new ScenarioException(
            section.atOf("revoke"),
            "the fault would strike in round %s of %s".formatted(round, rounds),
            "write a round from 1 to " + rounds + ", or raise revokes.rounds");
      }
      faults.add(new FaultSpec(Kind.KILL, node, point.label(), round));
    }
    return faults;
  }

  private static FaultPoint point(Section section) throws ScenarioException {
    Field field = section.find("at");
    return field == null
        ? Defaults.FAULT_POINT
        : field.choice("point of a revoke", FaultPoint::labelled, FaultPoint.labels());
  }

  private static void checkNode(Field field, FaultPoint point, Inventory inventory)
      throws ScenarioException {
    String name = field.text();
    Inventory.Node node = inventory.nodes().get(name);
    if (node == null) {
      throw field.wrong(
          field.path() + " is " + Quote.of(name) + ", which is no node of this scenario",
          Nearest.advice(name, inventory.nodes().keySet()));
    }
    if (!node.role().label().equals(point.role())) {
      List<String> legal =
          inventory.nodes().entrySet().stream()
              .filter(e -> e.getValue().role().label().equals(point.role()))
              .map(e -> e.getKey())
              .toList();
      throw field.wrong(
          "%s is an %s, which never passes %s".formatted(name, node.role().label(), point.label()),
          "nodes that do: " + Nearest.listed(legal));
    }
  }
}
