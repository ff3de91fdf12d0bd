package dev.dmabufsim.simulator.machine;

import java.util.List;
import java.util.Optional;

/**
 * A machine, as its {@code lspci -vv} describes it: its devices, the tree they form, who can export
 * and import, and what was left out and why.
 *
 * @param source where the listing came from
 * @param devices every device, by address
 * @param topology the tree
 * @param exporters who can export, by address
 * @param importers who can import, by address
 * @param ignored who cannot export or import, and why, by address
 * @param notes what a reader has to know about the listing: what is missing, what was inferred
 */
public record Machine(
    String source,
    List<PciDevice> devices,
    Topology topology,
    List<Exporter> exporters,
    List<Importer> importers,
    List<Ignored> ignored,
    List<String> notes) {

  /** A machine whose lists cannot change any more. */
  public Machine {
    devices = List.copyOf(devices);
    exporters = List.copyOf(exporters);
    importers = List.copyOf(importers);
    ignored = List.copyOf(ignored);
    notes = List.copyOf(notes);
  }

  /** What scenarios call a device: its address, with the domain only where some domain is not 0. */
  public String nameOf(PciDevice device) {
    return topology.nameOf(device.address());
  }

  /** The device of that name, which may be given with the domain or, in domain 0, without. */
  public Optional<PciDevice> deviceNamed(String name) {
    return PciAddress.parse(name)
        .flatMap(address -> devices.stream().filter(d -> d.address().equals(address)).findFirst());
  }

  /** The exporter of that name. */
  public Optional<Exporter> exporterNamed(String name) {
    return deviceNamed(name)
        .flatMap(device -> exporters.stream().filter(e -> e.device().equals(device)).findFirst());
  }

  /** The importer of that name. */
  public Optional<Importer> importerNamed(String name) {
    return deviceNamed(name)
        .flatMap(device -> importers.stream().filter(i -> i.device().equals(device)).findFirst());
  }

  /**
   * The way from an importer to an exporter's memory, as the kernel decides it for these two.
   *
   * <p>An {@code iommufd} importer is not asked about: iommufd attaches with a device that is on no
   * bus, takes the BAR's physical address from VFIO ({@code vfio_pci_dma_buf_iommufd_map()}) and
   * maps it, without a word to p2pdma. So the kernel never refuses it for where it sits.
   */
  public Route route(Exporter exporter, Importer importer, HostBridgePolicy policy) {
    Route route =
        PeerToPeer.route(topology, exporter.device(), exporter.kind(), importer.device(), policy);
    boolean unasked = importer.kind().equals(Kinds.IOMMUFD) && policy != HostBridgePolicy.REFUSE;
    return unasked && route instanceof Route.NotSupported refused
        ? new Route.ThroughHostBridge(
            refused.distance(), "iommufd maps the physical address and does not ask p2pdma")
        : route;
  }
}
