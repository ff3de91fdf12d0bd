package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.message.Span;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Binds the devices of every node, and adds them up. */
final class NodesBinder {
  private static final List<String> EXPORTER_KEYS =
      List.of("kind", "buffers", "size", "revoke-by", "begin-after");
  private static final List<String> IMPORTER_KEYS =
      List.of(
          "kind",
          "attachments",
          "behaviour",
          "overrun",
          "ats",
          "cpu-access",
          "cpu-mapping",
          "range",
          "exporters");
  private static final List<String> RANGE_KEYS = List.of("offset", "length");

  private final Inventory inventory;
  private final Importers kinds;
  private final boolean independent;
  private final Total buffers = new Total("buffers", Limits.BUFFERS);
  private final Total attachments = new Total("attachments", Limits.ATTACHMENTS);

  NodesBinder(Inventory inventory, Importers kinds, boolean independent) {
    this.inventory = inventory;
    this.kinds = kinds;
    this.independent = independent;
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
    return new ExporterSpec(name, kind, count, bytes, causes(section, kind), beginAfter(section));
  }

  private Duration beginAfter(Section section) throws ScenarioException {
    Field field = section.find("begin-after");
    if (field == null) {
      return Duration.ZERO;
    }
    if (!independent) {
      throw field.wrong(
          field.path() + " is there, but devices take turns",
          "remove it, or write 'order: independent' below revokes");
    }
    return field.duration(Limits.PAUSE_MICROS);
  }

  private static List<RevokeCause> causes(Section section, ExporterKind kind)
      throws ScenarioException {
    Field field = section.find("revoke-by");
    if (field == null) {
      return kind.causes().stream().limit(1).toList();
    }
    if (kind.causes().isEmpty()) {
      throw new ScenarioException(
          field.keyAt(),
          field.path() + " is there, but " + kind.label() + " never revokes",
          "remove it, or write another kind");
    }
    String labels =
        kind.causes().stream().map(RevokeCause::label).collect(Collectors.joining(", "));
    List<RevokeCause> causes = new ArrayList<>();
    for (Field item : field.itemsOrOne()) {
      RevokeCause cause =
          item.choice(
              "reason for " + kind.label() + " to revoke",
              t -> RevokeCause.labelled(t).filter(kind.causes()::contains),
              labels);
      if (!causes.isEmpty() && causes.getLast().after() == RevokeCause.After.DEAD) {
        throw item.wrong(
            "%s comes after %s, after which there is nothing left to revoke"
                .formatted(cause.label(), causes.getLast().label()),
            "put " + causes.getLast().label() + " last");
      }
      causes.add(cause);
    }
    if (causes.isEmpty()) {
      throw field.wrong(
          field.path() + " names no reason", "leave the key out, or write of: " + labels);
    }
    return causes;
  }

  private ImporterSpec importer(String name, Field device) throws ScenarioException {
    Section section = device.section(IMPORTER_KEYS);
    String kind = kinds.kind(section.need("kind", "gpu-dynamic"));
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
        ats(section, behaviour),
        cpu(section),
        range(section, kind),
        exporters(section));
  }

  private static Duration overrun(Section section, Behaviour behaviour) throws ScenarioException {
    Field field = section.find("overrun");
    if (behaviour.takesOverrun()) {
      return field == null ? Defaults.overrun(behaviour) : field.duration(Limits.OVERRUN_MICROS);
    }
    if (field != null) {
      throw field.wrong(
          "%s is there, but a device that is %s has none"
              .formatted(field.path(), behaviour.label()),
          "remove it, or write a behaviour that has: "
              + Arrays.stream(Behaviour.values())
                  .filter(Behaviour::takesOverrun)
                  .map(Behaviour::label)
                  .collect(Collectors.joining(", ")));
    }
    return Duration.ZERO;
  }

  private static boolean ats(Section section, Behaviour behaviour) throws ScenarioException {
    boolean implied = behaviour == Behaviour.SKIPS_IOTLB_FLUSH;
    Field field = section.find("ats");
    if (field != null && !field.yesOrNo() && implied) {
      throw field.wrong(
          field.path() + " is false, but a device that is " + behaviour.label() + " has ATS",
          "remove it: without ATS no device caches translations past the IOMMU");
    }
    return implied || yes(section, "ats");
  }

  private static CpuUse cpu(Section section) throws ScenarioException {
    Field field = section.find("cpu-mapping");
    if (yes(section, "cpu-access")) {
      return field == null
          ? CpuUse.MMAP
          : field.choice("way for a CPU to map", CpuUse::labelled, CpuUse.labels());
    }
    if (field != null) {
      throw field.wrong(
          field.path() + " is there, but no CPU accesses the buffers",
          "remove it, or write 'cpu-access: true'");
    }
    return CpuUse.NONE;
  }

  /** Whether it lies within a buffer is the exporter's to say, as it is the kernel's. */
  private Span range(Section section, String kind) throws ScenarioException {
    Field field = section.find("range");
    if (field == null) {
      return Span.WHOLE;
    }
    if (!kinds.find(kind).orElseThrow().offer().iommufdMap()) {
      throw field.wrong(
          field.path() + " is there, but " + kind + " maps whole buffers",
          "remove it, or write a kind that takes addresses of a range, such as iommufd");
    }
    Section range = field.section(RANGE_KEYS);
    Field offset = range.find("offset");
    return new Span(
        offset == null ? 0 : offset.bytes(Limits.BUFFER_BYTES, Limits.BUFFER_STEP_BYTES),
        range.need("length", "32KiB").bytes(Limits.BUFFER_BYTES, Limits.BUFFER_STEP_BYTES));
  }

  private static boolean yes(Section section, String key) throws ScenarioException {
    Field field = section.find(key);
    return field != null && field.yesOrNo();
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
