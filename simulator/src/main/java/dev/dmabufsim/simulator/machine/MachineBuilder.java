package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** From devices to a machine: the tree, the roles, and what the listing does not tell. */
final class MachineBuilder {

  private MachineBuilder() {}

  static Machine build(String source, List<PciDevice> listed, int skippedLines) {
    Topology sizesUnknown = Topology.of(source, listed);
    List<PciDevice> devices =
        UnprintedSizes.infer(listed, sizesUnknown).stream()
            .sorted(Comparator.comparing(PciDevice::address))
            .toList();
    Topology topology = Topology.of(source, devices);
    boolean driversListed =
        devices.stream().anyMatch(d -> d.driver() != null || !d.modules().isEmpty());
    List<Exporter> exporters = new ArrayList<>();
    List<Importer> importers = new ArrayList<>();
    List<Ignored> ignored = new ArrayList<>();
    for (PciDevice device : devices) {
      String notExported = whyNotExporter(device);
      if (notExported.isEmpty()) {
        exporters.add(exporter(device, driversListed));
      } else {
        ignored.add(new Ignored(device, Ignored.EXPORTER, notExported));
      }
      Optional<DriverTable.Role> role = DriverTable.importer(device, driversListed);
      if (role.isPresent()) {
        importers.add(new Importer(device, role.get().kind(), role.get().why()));
      } else {
        String reason = DriverTable.whyNotImporter(device, driversListed);
        ignored.add(new Ignored(device, Ignored.IMPORTER, reason));
      }
    }
    return new Machine(
        source,
        devices,
        topology,
        exporters,
        importers,
        ignored,
        Notes.about(devices, topology, driversListed, skippedLines));
  }

  private static Exporter exporter(PciDevice device, boolean driversListed) {
    List<Bar> candidates = device.bars().stream().filter(Bar::exportable).toList();
    Bar largest = candidates.getFirst();
    for (Bar bar : candidates) {
      if (bar.sizeBytes() > largest.sizeBytes()) {
        largest = bar;
      }
    }
    DriverTable.Role role = DriverTable.exporter(device, driversListed);
    return new Exporter(device, role.kind(), largest, candidates, role.why());
  }

  /** Why a device's memory cannot be exported, or an empty string if it can. */
  private static String whyNotExporter(PciDevice device) {
    if (device.isBridgeByClass() || device.deviceClass() == DeviceClass.HOST_BRIDGE) {
      return "bridge: VFIO binds none, and its BARs are the bridge's own registers";
    }
    if (device.unreadable()) {
      return "does not answer (asleep, or gone from the bus)";
    }
    List<Bar> memory =
        device.bars().stream().filter(Bar::memory).filter(Bar::prefetchable).toList();
    if (memory.isEmpty()) {
      return "no prefetchable memory BAR";
    }
    if (memory.stream().anyMatch(Bar::exportable)) {
      return "";
    }
    if (memory.stream().noneMatch(Bar::assigned)) {
      return "its prefetchable BAR has no address (<unassigned> or <ignored>)";
    }
    return memory.stream().anyMatch(bar -> bar.assigned() && bar.sizeBytes() == 0)
        ? "the size of its prefetchable BAR is not printed"
        : "its largest prefetchable BAR is below 1 MiB";
  }
}
