package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The tree, as far as it leads to somebody who exports or imports; the rest of each bus in one
 * line.
 */
final class TreeView {

  private final Machine machine;
  private final Set<PciAddress> exporters;
  private final Set<PciAddress> importers;
  private final StringBuilder out;

  private TreeView(Machine machine, StringBuilder out) {
    this.machine = machine;
    this.out = out;
    this.exporters =
        machine.exporters().stream().map(e -> e.device().address()).collect(Collectors.toSet());
    this.importers =
        machine.importers().stream().map(i -> i.device().address()).collect(Collectors.toSet());
  }

  static void append(Machine machine, StringBuilder out) {
    TreeView view = new TreeView(machine, out);
    for (RootBus root : machine.topology().rootBuses()) {
      view.root(root);
    }
  }

  private void root(RootBus root) {
    List<PciDevice> on = machine.topology().on(root);
    String bus =
        machine.topology().namesHaveDomain() ? root.toString() : "%02x".formatted(root.bus());
    String host =
        machine
            .topology()
            .hostBridge(root)
            .filter(d -> d.deviceClass() == DeviceClass.HOST_BRIDGE)
            .map(d -> "host bridge " + d.description())
            .orElse("no host bridge listed");
    String heading =
        machine.topology().treeUnknown()
            ? "bus " + bus + " (what leads to it is not listed)"
            : "root bus " + bus + ": " + host;
    line("  " + heading);
    children("  ", on);
  }

  private void children(String indent, List<PciDevice> devices) {
    List<PciDevice> shown = devices.stream().filter(this::leadsToUse).toList();
    List<PciDevice> others = devices.stream().filter(d -> !leadsToUse(d)).toList();
    for (PciDevice device : shown) {
      boolean last = others.isEmpty() && device.equals(shown.getLast());
      line(indent + (last ? "└─ " : "├─ ") + label(device));
      children(indent + (last ? "   " : "│  "), machine.topology().below(device));
    }
    if (!others.isEmpty()) {
      line(indent + "└─ " + summary(others));
    }
  }

  private boolean leadsToUse(PciDevice device) {
    if (exporters.contains(device.address()) || importers.contains(device.address())) {
      return true;
    }
    // As deep as bridges nest: a bus number is higher than the one above it, so 256 at most.
    return machine.topology().below(device).stream().anyMatch(this::leadsToUse);
  }

  private String label(PciDevice device) {
    String name = machine.nameOf(device);
    BusRange buses = device.buses();
    if (buses != null) {
      return name
          + "  "
          + device.express().label()
          + ", "
          + buses
          + acs(device)
          + " · "
          + device.description();
    }
    String roles =
        (exporters.contains(device.address()) ? "E" : " ")
            + (importers.contains(device.address()) ? "I" : " ");
    return name + " " + roles + " " + device.className() + " · " + device.description();
  }

  private static String acs(PciDevice bridge) {
    @Nullable Acs control = bridge.acsControl();
    if (control == null) {
      return bridge.acsUnknown() ? ", ACS not shown" : "";
    }
    return control.redirectsPeerToPeer() ? ", ACS redirects" : ", ACS off";
  }

  private static String summary(List<PciDevice> others) {
    Map<String, Integer> classes = new LinkedHashMap<>();
    others.forEach(d -> classes.merge(d.className(), 1, Integer::sum));
    List<String> parts = new ArrayList<>();
    classes.forEach((name, count) -> parts.add(count == 1 ? name : count + " × " + name));
    return "and " + others.size() + " more: " + String.join(", ", parts);
  }

  private void line(String text) {
    out.append(Layout.clip(Layout.clean(text), Layout.WIDTH)).append('\n');
  }
}
