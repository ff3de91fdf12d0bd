package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The nodes and devices of a scenario by name, and what they are: taken first, because any part of
 * a scenario may name a device that comes later.
 *
 * @param nodes in the order of the file
 * @param devices of all nodes, in the order of the file
 */
record Inventory(Map<String, Node> nodes, Map<Role, Map<String, Origin>> devices) {
  private static final List<String> NODE_KEYS = List.of("role", "devices");
  private static final String NODE_NAME = "[a-z0-9-]{1,32}";
  private static final String LAUNCHER = "launcher";
  private static final String DEVICE_NAME = "[A-Za-z0-9:._-]{1,64}";

  /** A node and the section of its devices (empty for the IOMMU). */
  record Node(Role role, Origin at, Section devices) {}

  static Inventory of(Field field) throws ScenarioException {
    Section section = field.names();
    Inventory inventory = new Inventory(new LinkedHashMap<>(), new LinkedHashMap<>());
    if (section.all().size() > Limits.NODES.max()) {
      throw new ScenarioException(
          field.keyAt(),
          section.all().size() + " nodes",
          "at most " + Limits.NODES.max() + " are possible");
    }
    for (var entry : section.all().entrySet()) {
      inventory.addNode(entry.getKey(), entry.getValue());
    }
    for (Role role : Role.values()) {
      if (inventory.nodes.values().stream().noneMatch(n -> n.role() == role)) {
        throw new ScenarioException(
            field.keyAt(),
            "no node with 'role: " + role.label() + "'",
            "at least one exporter, one importer and exactly one iommu are needed");
      }
    }
    return inventory;
  }

  private void addNode(String name, Field field) throws ScenarioException {
    if (!name.matches(NODE_NAME)) {
      throw new ScenarioException(
          field.keyAt(),
          Quote.of(name) + " is no name for a node",
          "write 1 to 32 lower-case letters, digits and hyphens");
    }
    if (name.equals(LAUNCHER)) {
      throw new ScenarioException(
          field.keyAt(), "the launcher calls itself 'launcher'", "name the node something else");
    }
    Section node = field.section(NODE_KEYS);
    Field roleField = node.need("role", Role.IMPORTER.label());
    Role role = roleField.choice("role", Role::labelled, Role.labels());
    for (var other : nodes.entrySet()) {
      if (role == Role.IOMMU && other.getValue().role() == Role.IOMMU) {
        throw roleField.wrong(
            "a second iommu, the first is " + other.getKey(),
            "a scenario is one host with one iommu for now: keep one");
      }
    }
    nodes.put(name, new Node(role, field.keyAt(), devices(name, role, node)));
  }

  private Section devices(String name, Role role, Section node) throws ScenarioException {
    Field field = node.find("devices");
    if (role == Role.IOMMU) {
      if (field != null) {
        throw new ScenarioException(
            field.keyAt(), name + " is an iommu, which has no devices", "remove 'devices'");
      }
      return Section.absent(node.at(), node.pathOf("devices"));
    }
    if (field == null || (field.tree() instanceof YamlTree.Mapping m && m.entries().isEmpty())) {
      throw new ScenarioException(
          field == null ? node.at() : field.keyAt(),
          name + " is an " + role.label() + " without devices",
          "write at least one below 'devices:'");
    }
    Section section = field.names();
    for (var entry : section.all().entrySet()) {
      addDevice(entry.getKey(), role, entry.getValue().keyAt());
    }
    return section;
  }

  private void addDevice(String name, Role role, Origin at) throws ScenarioException {
    if (!name.matches(DEVICE_NAME)) {
      throw new ScenarioException(
          at,
          Quote.of(name) + " is no name for a device",
          "write 1 to 64 letters, digits and any of : . _ -");
    }
    // A device may well both export and import, as a GPU does: it is on two nodes then.
    Origin earlier =
        devices.computeIfAbsent(role, r -> new LinkedHashMap<>()).putIfAbsent(name, at);
    if (earlier != null) {
      throw new ScenarioException(
          at,
          "a second "
              + role.label()
              + " "
              + Quote.of(name)
              + ", the first is in "
              + earlier.within(),
          "give each its own name");
    }
  }

  /** Checks that a field names a device of that role, and returns the name. */
  String device(Field field, Role role) throws ScenarioException {
    String name = field.text();
    if (devices(role).contains(name)) {
      return name;
    }
    for (Role other : devices.keySet()) {
      if (devices(other).contains(name)) {
        throw field.wrong(
            "%s is %s, which is an %s".formatted(field.path(), Quote.of(name), other.label()),
            role.label() + "s here: " + Nearest.listed(devices(role)));
      }
    }
    throw field.wrong(
        field.path() + " is " + Quote.of(name) + ", which is no device of this scenario",
        Nearest.advice(name, devices(role)));
  }

  private List<String> devices(Role role) {
    return List.copyOf(devices.getOrDefault(role, Map.of()).keySet());
  }
}
