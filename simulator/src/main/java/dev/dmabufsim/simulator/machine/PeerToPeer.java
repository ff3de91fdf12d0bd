package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Whether one device's DMA reaches another's memory, and which way: {@code
 * calc_map_type_and_dist()} of {@code drivers/pci/p2pdma.c}.
 *
 * <p>With a bridge above both, and no access control on the way that redirects, a request turns
 * around at that bridge. Otherwise it has to cross the host bridge, which the kernel lets it do
 * only where it knows that the hardware forwards it.
 */
public final class PeerToPeer {

  private PeerToPeer() {}

  /**
   * The way from an importer to an exporter's memory.
   *
   * @param exporterKind says which error a refusal is
   */
  public static Route route(
      Topology topology,
      PciDevice exporter,
      String exporterKind,
      PciDevice importer,
      HostBridgePolicy policy) {
    return new Walk(topology, exporter, exporterKind, importer, policy).route();
  }

  /** One question, with what it needs. */
  private record Walk(
      Topology topology,
      PciDevice exporter,
      String exporterKind,
      PciDevice importer,
      HostBridgePolicy policy) {

    Route route() {
      List<PciDevice> up = topology.pathToRoot(exporter);
      List<PciDevice> down = topology.pathToRoot(importer);
      List<PciAddress> redirecting = new ArrayList<>();
      for (int i = 0; i < up.size(); i++) {
        // As the kernel: the devices themselves and the common bridge count too.
        addIfRedirecting(up.get(i), redirecting);
        int j = down.indexOf(up.get(i));
        if (j >= 0) {
          down.subList(0, j).forEach(bridge -> addIfRedirecting(bridge, redirecting));
          return redirecting.isEmpty()
              ? new Route.BusAddress(i + j, up.get(i).address())
              : acrossHostBridge(i + j, redirectedBy(redirecting));
        }
      }
      int distance = up.size() + down.size();
      return topology.treeUnknown()
          ? withoutTree(distance)
          : acrossHostBridge(distance, "no common upstream bridge");
    }

    private static void addIfRedirecting(PciDevice device, List<PciAddress> redirecting) {
      if (device.redirectsPeerToPeer()) {
        redirecting.add(device.address());
      }
    }

    private String redirectedBy(List<PciAddress> redirecting) {
      // Sorted, so that both directions of a pair read the same.
      return redirecting.stream()
          .sorted()
          .map(topology::nameOf)
          .collect(Collectors.joining(", ", "ACS redirects at ", ""));
    }

    private Route withoutTree(int distance) {
      String cause = "the listing has no bridges";
      boolean kernelUnknown = policy == HostBridgePolicy.AS_KERNEL && topology.zenRoot().isEmpty();
      return kernelUnknown
          ? new Route.ThroughHostBridge(
              distance, cause + ": taken to be behind a host bridge that forwards")
          : acrossHostBridge(distance, cause);
    }

    private Route acrossHostBridge(int distance, String cause) {
      return switch (policy) {
        case ALLOW -> new Route.ThroughHostBridge(distance, cause + "; the scenario lets it pass");
        case REFUSE -> refused(distance, cause + "; the scenario lets none pass");
        case AS_KERNEL -> asKernel(distance, cause);
      };
    }

    private Route asKernel(int distance, String cause) {
      if (topology.zenRoot().isPresent()) {
        return new Route.ThroughHostBridge(distance, cause + "; the CPU (AMD Zen) forwards");
      }
      RootBus from = topology.rootBus(exporter);
      RootBus to = topology.rootBus(importer);
      boolean same = from.equals(to);
      for (RootBus root : same ? List.of(from) : List.of(from, to)) {
        Optional<PciDevice> bridge = topology.hostBridge(root);
        if (bridge.isEmpty()) {
          return refused(
              distance, cause + "; nothing identifies the host bridge of root bus " + root);
        }
        if (!HostBridgeWhitelist.allows(bridge.get(), same)) {
          return refused(distance, cause + "; " + notAllowed(bridge.get(), same));
        }
      }
      return new Route.ThroughHostBridge(
          distance, cause + "; the host bridge is on the kernel's whitelist");
    }

    private String notAllowed(PciDevice bridge, boolean same) {
      if (!same && HostBridgeWhitelist.allows(bridge, true)) {
        return "the kernel's whitelist has host bridge "
            + topology.nameOf(bridge.address())
            + " only for devices that are both behind it";
      }
      String name = bridge.ids() == null ? "" : " [" + bridge.ids() + "]";
      return "host bridge "
          + topology.nameOf(bridge.address())
          + name
          + " is not on the kernel's whitelist";
    }

    private Route refused(int distance, String reason) {
      Unreachable answer = Unreachable.from(exporterKind);
      String remark = answer.remark().isEmpty() ? "" : " (" + answer.remark() + ")";
      return new Route.NotSupported(distance, answer.errno(), answer.operation(), reason + remark);
    }
  }
}
