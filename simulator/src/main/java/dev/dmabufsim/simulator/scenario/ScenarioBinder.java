package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import java.util.List;
import java.util.Optional;

/** Binds a whole scenario: strict about every key and value, and about how they fit together. */
final class ScenarioBinder {
  private static final List<String> KEYS =
      List.of(
          "name",
          "description",
          "modelled-on",
          "contract",
          "bound",
          "revokes",
          "dma",
          "importers",
          "nodes",
          "faults",
          "thresholds",
          "machine",
          "cluster",
          "refusals");

  private final Section root;
  private final ScenarioPaths paths;

  private ScenarioBinder(Section root, ScenarioPaths paths) {
    this.root = root;
    this.paths = paths;
  }

  /**
   * The scenario that a tree is.
   *
   * @param fallbackName its name if it states none
   * @param freeBytes how much shared memory a run may take
   */
  static Scenario bind(Mapping tree, String fallbackName, ScenarioPaths paths, long freeBytes)
      throws ScenarioException {
    Section root = new Section(tree, tree.at(), "");
    root.refuseUnknown(KEYS);
    return new ScenarioBinder(root, paths).scenario(fallbackName, freeBytes);
  }

  private Scenario scenario(String fallbackName, long freeBytes) throws ScenarioException {
    Importers importers = ImportersBinder.bind(root, Importers.load());
    Optional<MachineUse> machine = machine(importers);
    Bound bound = TimingBinder.bound(root);
    Revokes revokes = TimingBinder.revokes(root, bound);
    Optional<Inventory> inventory =
        machine.isPresent() ? Optional.empty() : Optional.of(Inventory.of(nodes()));
    Optional<NodesBinder> nodesBinder =
        inventory.map(i -> new NodesBinder(i, importers, revokes.independent()));
    List<NodeSpec> nodes = nodesBinder.isPresent() ? nodesBinder.get().bind() : List.of();
    Scenario scenario =
        new Scenario(
            name(fallbackName),
            root.textOrEmpty("description"),
            root.textOrEmpty("modelled-on"),
            contract(),
            bound,
            revokes,
            DmaBinder.bind(root, smallestBufferBytes(nodes)),
            importers.described(),
            nodes,
            FaultsBinder.bind(root, inventory, revokes.rounds()),
            ThresholdsBinder.bind(root),
            machine,
            cluster(),
            RefusalsBinder.bind(root, inventory));
    if (nodesBinder.isPresent()) {
      nodesBinder.get().checkMemory(scenario, freeBytes);
    }
    return scenario;
  }

  private Field nodes() throws ScenarioException {
    Field field = root.find("nodes");
    if (field == null) {
      throw new ScenarioException(
          root.at(),
          "neither 'nodes' nor 'machine' is there",
          "write who takes part below 'nodes:'");
    }
    return field;
  }

  private Optional<MachineUse> machine(Importers importers) throws ScenarioException {
    Field field = root.find("machine");
    if (field == null) {
      return Optional.empty();
    }
    if (root.has("nodes")) {
      throw new ScenarioException(
          field.keyAt(),
          "both 'nodes' and 'machine' are there",
          "keep one: a machine's nodes are made from its devices");
    }
    return Optional.of(MachineBinder.bind(field, paths, importers));
  }

  private String name(String fallback) throws ScenarioException {
    Field field = root.find("name");
    if (field == null) {
      return fallback;
    }
    String name = field.text();
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
      throw field.wrong(
          "name is " + Quote.of(name),
          "write up to 64 letters, digits and any of . _ -, a letter or digit first");
    }
    return name;
  }

  private Contract contract() throws ScenarioException {
    Field field = root.find("contract");
    return field == null
        ? Defaults.CONTRACT
        : field.choice("contract", Contract::labelled, Contract.labels());
  }

  private ClusterSpec cluster() throws ScenarioException {
    Section section = root.section("cluster", List.of("port"));
    Field field = section.find("port");
    int port = field == null ? Defaults.PORT : field.count(Limits.PORT);
    if (field != null && port != Defaults.PORT && port < Limits.UNPRIVILEGED_PORT) {
      throw field.wrong(
          field.path() + " is " + port + ", which only root may open",
          "write 0 for a free one, or a port from " + Limits.UNPRIVILEGED_PORT);
    }
    return new ClusterSpec(port);
  }

  private static long smallestBufferBytes(List<NodeSpec> nodes) {
    return nodes.stream()
        .flatMap(n -> n.exporters().stream())
        .mapToLong(ExporterSpec::bufferBytes)
        .min()
        .orElse(Defaults.BUFFER_BYTES);
  }
}
