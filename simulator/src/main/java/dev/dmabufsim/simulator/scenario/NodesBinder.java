package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.driver.ImporterDrivers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Binds the devices of every node, and adds them up. */
final class NodesBinder {
  private static final List<String> EXPORTER_KEYS = List.of("kind", "buffers", "size");
  private static final List<String> IMPORTER_KEYS =
      List.of("kind", "attachments", "behaviour", "overrun", "exporters");

  private final Inventory inventory;
  private final Total buffers = new Total("buffers", Limits.BUFFERS);
  private final Total attachments = new Total("attachments", Limits.ATTACHMENTS);

  NodesBinder(Inventory inventory) {
    this.inventory = inventory;
  }

  List<NodeSpec> bind() throws ScenarioException {
    List<NodeSpec> nodes = new ArrayList<>();
    for (var entry : inventory.nodes().entrySet()) {
      Section section = entry.getValue().devices();
      List<ExporterSpec> exporters = new ArrayList<>();
      List<ImporterSpec> importers = new ArrayList<>();
      for (var named : section.all().entrySet()) {
        String name = named.getKey();
        Field device = named.getValue();
        switch (entry.getValue().role()) {
          case EXPORTER -> exporters.add(exporter(name, device));
          case IMPORTER -> importers.add(importer(name, device));
          case IOMMU -> throw new IllegalStateException("an iommu with devices");
        }
      }
      nodes.add(new NodeSpec(entry.getKey(), entry.getValue().role(), exporters, importers));
    }
    return nodes;
  }

  private ExporterSpec exporter(String name, Field device) throws ScenarioException {
    Section section = device.section(EXPORTER_KEYS);
    ExporterKind kind =
        section
            .need("kind", ExporterKind.VFIO_PCI.label())
            .choice("kind of exporter", ExporterKind::labelled, ExporterKind.labels());
    int count = section.count("buffers", Limits.BUFFERS, Defaults.BUFFERS);
    buffers.add(count, section.atOf("buffers"));
    Field size = section.find("size");
    long bytes =
        size == null
            ? Defaults.BUFFER_BYTES
            : size.bytes(Limits.BUFFER_BYTES, Limits.BUFFER_STEP_BYTES);
    return new ExporterSpec(
        name,
        kind,
        count,
        bytes,
        kind.causes().isEmpty() ? List.of() : kind.causes().subList(0, 1));
  }

  private ImporterSpec importer(String name, Field device) throws ScenarioException {
    Section section = device.section(IMPORTER_KEYS);
    ImporterDrivers drivers = ImporterDrivers.load();
    String kind =
        section
            .need("kind", "gpu-dynamic")
            .choice("kind of importer", drivers::find, drivers.kinds())
            .kind();
    int count = section.count("attachments", Limits.ATTACHMENTS, Defaults.ATTACHMENTS);
    attachments.add(count, section.atOf("attachments"));
    Field behaviourField = section.find("behaviour");
    Behaviour behaviour =
        behaviourField == null
            ? Defaults.BEHAVIOUR
            : behaviourField.choice("behaviour", Behaviour::labelled, Behaviour.labels());
    return new ImporterSpec(
        name,
        kind,
        count,
        behaviour,
        overrun(section, behaviour),
        behaviour == Behaviour.SKIPS_IOTLB_FLUSH,
        false,
        exporters(section));
  }

  private static Duration overrun(Section section, Behaviour behaviour) throws ScenarioException {
    Field field = section.find("overrun");
    if (behaviour.takesOverrun()) {
      return field == null ? Defaults.OVERRUN : field.duration(Limits.OVERRUN_MICROS);
    }
    if (field != null) {
      throw field.wrong(
          field.path() + " is there, but the device is honest",
          "remove it, or add 'behaviour: lying'");
    }
    return Duration.ZERO;
  }

  private List<String> exporters(Section section) throws ScenarioException {
    Set<String> names = new LinkedHashSet<>();
    for (Field item : section.items("exporters")) {
      String name = inventory.device(item, Role.EXPORTER);
      if (!names.add(name)) {
        throw item.wrong(Quote.of(name) + " is listed twice", "name each exporter once");
      }
    }
    return List.copyOf(names);
  }

  /** Checks that a run fits into the shared memory that is free, in bytes. */
  void checkMemory(Scenario scenario, long freeBytes) throws ScenarioException {
    long needed = scenario.memoryBytes();
    if (needed <= freeBytes) {
      return;
    }
    ExporterSpec largest =
        scenario.nodes().stream()
            .flatMap(n -> n.exporters().stream())
            .max((a, b) -> Long.compare(a.totalBytes(), b.totalBytes()))
            .orElseThrow();
    Origin at = inventory.devices().getOrDefault(Role.EXPORTER, Map.of()).get(largest.name());
    throw new ScenarioException(
        at == null ? Origin.file(scenario.name()) : at,
        "%s of shared memory needed (%s x all buffers + %s, %s of it for %s), %s free"
            .formatted(
                mebibytes(needed, true),
                Limits.MEMORY_COPIES,
                Sizes.format(Limits.MEMORY_SLACK_BYTES),
                mebibytes(Saturating.multiply(Limits.MEMORY_COPIES, largest.totalBytes()), true),
                largest.name(),
                mebibytes(freeBytes, false)),
        "export fewer or smaller buffers, or free some of /dev/shm");
  }

  /** Rounded so that a message never claims that what is free would do. */
  private static String mebibytes(long bytes, boolean up) {
    long whole = bytes >> 20;
    return (up && bytes % (1 << 20) != 0 ? whole + 1 : whole) + "MiB";
  }

  /** A sum over all devices that has a limit. */
  private static final class Total {
    private final String what;
    private final Range range;
    private long sum;

    Total(String what, Range range) {
      this.what = what;
      this.range = range;
    }

    void add(int count, Origin at) throws ScenarioException {
      sum += count;
      if (!range.contains(sum)) {
        throw new ScenarioException(
            at,
            "with this device there are " + sum + " " + what,
            "at most " + range.max() + " in all");
      }
    }
  }
}
