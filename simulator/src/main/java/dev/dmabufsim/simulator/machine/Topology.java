package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The PCI tree: which bridge leads to which bus.
 *
 * <p>lspci does not print it; it follows from the bridges' secondary and subordinate bus numbers.
 * lspci alone does not show host bridges as parents either: a bus that no bridge leads to is a root
 * bus, with a hierarchy of its own.
 */
public final class Topology {

  private final Map<PciAddress, PciDevice> parents;
  private final Map<PciAddress, List<PciDevice>> children;
  private final SortedMap<RootBus, List<PciDevice>> roots;
  private final boolean treeUnknown;
  private final Optional<PciDevice> zenRoot;
  private final boolean namesHaveDomain;

  private Topology(
      Map<PciAddress, PciDevice> parents,
      Map<PciAddress, List<PciDevice>> children,
      SortedMap<RootBus, List<PciDevice>> roots,
      boolean treeUnknown,
      Optional<PciDevice> zenRoot) {
    this.parents = parents;
    this.children = children;
    this.roots = roots;
    this.treeUnknown = treeUnknown;
    this.zenRoot = zenRoot;
    this.namesHaveDomain = roots.keySet().stream().anyMatch(root -> root.domain() != 0);
  }

  /**
   * The tree of these devices.
   *
   * @param source for messages
   * @throws MachineFormatException if the bridges' bus numbers contradict each other
   */
  static Topology of(String source, List<PciDevice> devices) {
    List<PciDevice> bridges =
        devices.stream().filter(d -> d.buses() != null && d.buses().configured()).toList();
    BusNumbers.check(source, bridges);
    Map<Integer, List<PciDevice>> byDomain = new HashMap<>();
    for (PciDevice bridge : bridges) {
      byDomain.computeIfAbsent(bridge.address().domain(), d -> new ArrayList<>()).add(bridge);
    }
    Map<PciAddress, PciDevice> parents = new HashMap<>();
    Map<PciAddress, List<PciDevice>> children = new HashMap<>();
    SortedMap<RootBus, List<PciDevice>> roots = new TreeMap<>();
    List<PciDevice> sorted =
        devices.stream().sorted(Comparator.comparing(PciDevice::address)).toList();
    for (PciDevice device : sorted) {
      PciAddress at = device.address();
      Optional<PciDevice> parent =
          leadingTo(at.bus(), byDomain.getOrDefault(at.domain(), List.of()));
      if (parent.isPresent()) {
        parents.put(at, parent.get());
        children.computeIfAbsent(parent.get().address(), p -> new ArrayList<>()).add(device);
      } else {
        roots
            .computeIfAbsent(new RootBus(at.domain(), at.bus()), r -> new ArrayList<>())
            .add(device);
      }
    }
    boolean treeUnknown = bridges.isEmpty() && !allHaveHostBridge(roots);
    return new Topology(parents, children, roots, treeUnknown, HostBridgeWhitelist.zen(sorted));
  }

  /**
   * The innermost bridge with that bus behind it. Mostly its secondary bus; not so for the virtual
   * functions that spill over to the next bus number, which share their physical function's bridge,
   * nor where a bridge in between is not in the listing.
   */
  private static Optional<PciDevice> leadingTo(int bus, List<PciDevice> bridges) {
    PciDevice innermost = null;
    int narrowest = Integer.MAX_VALUE;
    for (PciDevice bridge : bridges) {
      BusRange range = bridge.buses();
      if (range == null || !range.contains(bus)) {
        continue;
      }
      if (range.secondary() == bus) {
        return Optional.of(bridge);
      }
      if (range.width() < narrowest) {
        narrowest = range.width();
        innermost = bridge;
      }
    }
    return Optional.ofNullable(innermost);
  }

  private static boolean allHaveHostBridge(SortedMap<RootBus, List<PciDevice>> roots) {
    return roots.values().stream()
        .allMatch(
            onBus -> onBus.stream().anyMatch(d -> d.deviceClass() == DeviceClass.HOST_BRIDGE));
  }

  /**
   * Whether the listing shows devices and nothing that leads to them: neither a PCI bridge, nor a
   * host bridge on each of their buses. Then where they sit relative to each other is not known.
   */
  public boolean treeUnknown() {
    return treeUnknown;
  }

  /**
   * Whether names need the domain: as {@code lspci}, which prints it where there is another than 0.
   */
  public boolean namesHaveDomain() {
    return namesHaveDomain;
  }

  /** What a device is called here: its address, with the domain only where one is not 0. */
  public String nameOf(PciAddress address) {
    return namesHaveDomain ? address.toString() : address.shortName();
  }

  /**
   * A device that shows the CPU to be an AMD Zen or later, if one is listed: the kernel lets every
   * such machine forward ({@code cpu_supports_p2pdma()}).
   */
  public Optional<PciDevice> zenRoot() {
    return zenRoot;
  }

  /** The bridge above a device ({@code pci_upstream_bridge()}); none for one on a root bus. */
  public Optional<PciDevice> upstreamBridge(PciDevice device) {
    return Optional.ofNullable(parents.get(device.address()));
  }

  /** The device itself, then each bridge above it, up to the root port. */
  public List<PciDevice> pathToRoot(PciDevice device) {
    List<PciDevice> path = new ArrayList<>();
    // It ends: a bridge's own bus number is below every bus number behind it (BusNumbers).
    for (Optional<PciDevice> at = Optional.of(device); at.isPresent(); ) {
      path.add(at.get());
      at = upstreamBridge(at.get());
    }
    return path;
  }

  /** The top of the hierarchy that a device belongs to. */
  public RootBus rootBus(PciDevice device) {
    PciAddress top = pathToRoot(device).getLast().address();
    return new RootBus(top.domain(), top.bus());
  }

  /** Every root bus, in order. */
  public List<RootBus> rootBuses() {
    return List.copyOf(roots.keySet());
  }

  /** The devices directly on a root bus, in order. */
  public List<PciDevice> on(RootBus root) {
    return Collections.unmodifiableList(roots.getOrDefault(root, List.of()));
  }

  /** The devices directly below a bridge, in order. */
  public List<PciDevice> below(PciDevice bridge) {
    return Collections.unmodifiableList(children.getOrDefault(bridge.address(), List.of()));
  }

  /**
   * The device by which the kernel knows a host bridge ({@code pci_host_bridge_dev()}): the first
   * on its root bus, if that is function 00.0 or a root port.
   */
  public Optional<PciDevice> hostBridge(RootBus root) {
    return on(root).stream()
        .findFirst()
        .filter(first ->
            (first.address().device() == 0 && first.address().function() == 0)
                || first.express() == ExpressType.ROOT_PORT);
  }
}
