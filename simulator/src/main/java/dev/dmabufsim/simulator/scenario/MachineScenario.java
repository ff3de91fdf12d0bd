package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.simulator.machine.Exporter;
import dev.dmabufsim.simulator.machine.HostBridgePolicy;
import dev.dmabufsim.simulator.machine.Importer;
import dev.dmabufsim.simulator.machine.Machine;
import dev.dmabufsim.simulator.machine.Route;
import dev.dmabufsim.simulator.machine.Scaling;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Makes a scenario's nodes from a machine: each device that can export its memory does so by way of
 * vfio-pci, each that can do DMA imports from all others.
 *
 * @param scenario with nodes, and without the machine
 * @param notes what a user has to know about how it was made, a line each
 */
public record MachineScenario(Scenario scenario, List<String> notes) {
  private static final long LEAST_BAR_BYTES = 1 << 20;
  private static final long PAGE_BYTES = 4096;

  /** All engines together leave the cluster something of two cores. */
  private static final double DUTY_OF_ALL = 0.8;

  /**
   * Makes it.
   *
   * @throws ScenarioException if the machine has nothing to play with, or a kind is given to a
   *     device that is not there
   */
  public static MachineScenario make(Scenario base, MachineUse use, Machine machine)
      throws ScenarioException {
    Importers kinds = Importers.load().with(base.importers());
    checkKinds(use, machine);
    if (machine.exporters().isEmpty()) {
      throw nothing(machine, "no device of it has a prefetchable memory BAR of 1 MiB or more");
    }
    List<Importer> importers =
        machine.importers().stream().map(i -> overruled(i, use, machine)).toList();
    if (importers.isEmpty()) {
      throw nothing(machine, "no device of it can do DMA");
    }
    List<String> notes = new ArrayList<>(machine.notes());
    List<Long> sizes = machine.exporters().stream().map(e -> size(e)).toList();
    Scaling scaling = Scaling.fit(sizes, use.memoryBytes(), LEAST_BAR_BYTES);
    notes.add(scaling.describe(sizes.stream().max(Long::compare).orElse(0L)));
    List<ExporterSpec> exports = new ArrayList<>();
    for (Exporter e : machine.exporters()) {
      long buffer = scaling.scale(size(e)) / use.buffersPerExporter() / PAGE_BYTES * PAGE_BYTES;
      exports.add(
          new ExporterSpec(
              machine.nameOf(e.device()),
              ExporterKind.VFIO_PCI,
              use.buffersPerExporter(),
              Math.max(PAGE_BYTES, buffer),
              List.of(RevokeCause.RESET)));
    }
    List<Refusal> refusals = new ArrayList<>();
    List<ImporterSpec> imports = new ArrayList<>();
    for (Importer importer : importers) {
      List<String> from = others(machine, importer);
      if (from.isEmpty()) {
        notes.add(machine.nameOf(importer.device()) + " has nobody but itself to import from");
        continue;
      }
      imports.add(importer(use, machine, importer, kinds, from));
      refusals.addAll(refusals(use, machine, importer));
    }
    if (imports.isEmpty()) {
      throw nothing(machine, "no two devices of it could share memory");
    }
    if (!refusals.isEmpty()) {
      notes.add(refusals.size() + " pairs cannot do peer-to-peer; ./dmabuf-sim machine shows why");
    }
    if (imports.stream().noneMatch(i -> usable(i, kinds, refusals))) {
      notes.add(
          "no importer will get in: allow the host bridge (--allow-host-bridge), or give devices"
              + " another kind (machine.kinds)");
    }
    return new MachineScenario(
        scenario(base, machine, nodes(exports, imports), refusals, imports.size()),
        List.copyOf(notes));
  }

  /** Whether a vfio-pci exporter would let it in and map for it. */
  private static boolean usable(ImporterSpec importer, Importers kinds, List<Refusal> refusals) {
    long refused = refusals.stream().filter(r -> r.importer().equals(importer.name())).count();
    boolean welcome =
        kinds
            .find(importer.kind())
            .map(ImporterDriver::offer)
            .filter(o -> o.revocable() && o.peer2peer())
            .isPresent();
    return welcome && refused < importer.exporters().size();
  }

  private static ScenarioException nothing(Machine machine, String why) {
    return new ScenarioException(
        machine.source()
            + ": "
            + why
            + "; './dmabuf-sim machine "
            + machine.source()
            + "' shows what was understood");
  }

  private static void checkKinds(MachineUse use, Machine machine) throws ScenarioException {
    for (String device : use.importerKinds().keySet()) {
      if (machine.importerNamed(device).isEmpty()) {
        throw new ScenarioException(
            "machine.kinds: "
                + Quote.of(device)
                + " is no importer of "
                + machine.source()
                + "; './dmabuf-sim machine "
                + machine.source()
                + "' lists them");
      }
    }
  }

  private static Importer overruled(Importer importer, MachineUse use, Machine machine) {
    for (Map.Entry<String, String> kind : use.importerKinds().entrySet()) {
      if (machine.importerNamed(kind.getKey()).filter(importer::equals).isPresent()) {
        return new Importer(importer.device(), kind.getValue(), "the scenario says so");
      }
    }
    return importer;
  }

  private static long size(Exporter exporter) {
    return exporter.bar().sizeBytes();
  }

  private static List<String> others(Machine machine, Importer importer) {
    return machine.exporters().stream()
        .filter(e -> !e.device().address().equals(importer.device().address()))
        .map(e -> machine.nameOf(e.device()))
        .toList();
  }

  private static ImporterSpec importer(
      MachineUse use, Machine machine, Importer importer, Importers kinds, List<String> from)
      throws ScenarioException {
    if (kinds.find(importer.kind()).isEmpty()) {
      throw nothing(machine, "kind " + importer.kind() + " does not exist");
    }
    return new ImporterSpec(
        machine.nameOf(importer.device()),
        importer.kind(),
        use.attachmentsPerImporter(),
        Behaviour.HONEST,
        Duration.ZERO,
        false,
        CpuUse.NONE,
        Span.WHOLE,
        from);
  }

  private static List<Refusal> refusals(MachineUse use, Machine machine, Importer importer)
      throws ScenarioException {
    HostBridgePolicy policy = HostBridgePolicy.allowedIf(use.allowHostBridge());
    List<Refusal> refusals = new ArrayList<>();
    for (Exporter e : machine.exporters()) {
      if (e.device().address().equals(importer.device().address())) {
        continue;
      }
      // Here every exporter is a vfio-pci one, and answers as that does.
      Exporter vfio =
          new Exporter(e.device(), ExporterKind.VFIO_PCI.label(), e.bar(), e.candidates(), e.why());
      if (machine.route(vfio, importer, policy) instanceof Route.NotSupported no) {
        refusals.add(
            new Refusal(
                machine.nameOf(e.device()),
                machine.nameOf(importer.device()),
                Errno.valueOf(no.errno()),
                no.reason()));
      }
    }
    return refusals;
  }

  /** One node of exporters, two of importers if there are two, one IOMMU. */
  private static List<NodeSpec> nodes(List<ExporterSpec> exports, List<ImporterSpec> imports) {
    List<NodeSpec> nodes = new ArrayList<>();
    nodes.add(new NodeSpec("iommu-1", Role.IOMMU, List.of(), List.of()));
    nodes.add(new NodeSpec("exporter-1", Role.EXPORTER, exports, List.of()));
    int half = (imports.size() + 1) / 2;
    nodes.add(new NodeSpec("importer-1", Role.IMPORTER, List.of(), imports.subList(0, half)));
    if (half < imports.size()) {
      nodes.add(
          new NodeSpec(
              "importer-2", Role.IMPORTER, List.of(), imports.subList(half, imports.size())));
    }
    return nodes;
  }

  private static Scenario scenario(
      Scenario base, Machine machine, List<NodeSpec> nodes, List<Refusal> refusals, int importers) {
    long smallest =
        nodes.stream()
            .flatMap(n -> n.exporters().stream())
            .mapToLong(ExporterSpec::bufferBytes)
            .min()
            .orElse(PAGE_BYTES);
    Dma dma = base.dma();
    return new Scenario(
        base.name(),
        base.description(),
        "the machine of " + machine.source(),
        base.contract(),
        base.bound(),
        base.revokes(),
        new Dma(
            Math.min(dma.minBytes(), smallest),
            Math.min(dma.maxBytes(), smallest),
            dma.readFraction(),
            Math.min(
                dma.duty(), Math.max(0.01, Math.round(DUTY_OF_ALL / importers * 100) / 100.0))),
        base.importers(),
        nodes,
        base.faults(),
        base.thresholds(),
        Optional.empty(),
        base.cluster(),
        refusals);
  }
}
