package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What was understood of a machine, for people: {@code ./dmabuf-sim machine FILE}.
 *
 * <p>The tree, who exports, who imports, who reaches whom and which way, what was left out and why.
 * No line is longer than 120 characters. The names in it are the names that scenarios use.
 */
public final class MachineReport {

  private MachineReport() {}

  /** The whole report; it ends with a line end. */
  public static String render(Machine machine, ReportOptions options) {
    StringBuilder out = new StringBuilder();
    header(machine, out);
    section("Tree (E: can export, I: can import)", out);
    TreeView.append(machine, out);
    exporters(machine, options, out);
    importers(machine, out);
    section("Who reaches whom (rows export, columns import)", out);
    ReachView.append(machine, options.hostBridge(), out);
    negotiation(machine, out);
    ignored(machine, out);
    return out.toString();
  }

  private static void section(String title, StringBuilder out) {
    out.append('\n').append(title).append('\n');
  }

  private static void header(Machine machine, StringBuilder out) {
    long bridges = machine.devices().stream().filter(PciDevice::isBridge).count();
    int roots = machine.topology().rootBuses().size();
    out.append(Layout.clip("Machine " + Layout.clean(machine.source()), Layout.WIDTH)).append('\n');
    Layout.hanging(
        out,
        "  ",
        "%s, %s, %s; %s, %s"
            .formatted(
                count(machine.devices().size(), "device", "devices"),
                bridges == 0
                    ? "none a PCI bridge"
                    : count(bridges, "a PCI bridge", "of them PCI bridges"),
                machine.topology().treeUnknown()
                    ? "on " + count(roots, "bus", "buses")
                    : "below "
                        + count(roots, "root bus", "root buses (each a root complex of its own)"),
                count(machine.exporters().size(), "can export", "can export"),
                count(machine.importers().size(), "can import", "can import")));
    machine.notes().forEach(note -> Layout.hanging(out, "  ! ", note));
  }

  private static String count(long number, String one, String many) {
    return number + " " + (number == 1 ? one : many);
  }

  private static void exporters(Machine machine, ReportOptions options, StringBuilder out) {
    section("Exporters", out);
    if (machine.exporters().isEmpty()) {
      out.append("  none: no device has a prefetchable memory BAR of 1 MiB or more\n");
      return;
    }
    List<Long> sizes = machine.exporters().stream().map(e -> e.bar().sizeBytes()).toList();
    Scaling scaling = Scaling.fit(sizes, options.budgetBytes(), options.minBytes());
    TextTable table =
        new TextTable("#", "device", "kind", "driver", "exports", "size", "scaled", "class");
    Reasons reasons = new Reasons('e');
    int number = 0;
    for (Exporter exporter : machine.exporters()) {
      Bar bar = exporter.bar();
      reasons.add(exporter.why() + (bar.disabled() ? "; decoding of its BARs is off now" : ""));
      table.row(
          "e" + ++number,
          machine.nameOf(exporter.device()),
          exporter.kind(),
          driver(exporter.device()),
          bar.label() + (exporter.candidates().size() > 1 ? " (largest)" : ""),
          (bar.sizeInferred() ? "≤ " : "") + ByteSizes.text(bar.sizeBytes()),
          ByteSizes.text(scaling.scale(bar.sizeBytes())),
          Layout.clean(exporter.device().className()));
    }
    table.appendTo(out);
    reasons.appendTo(out);
    long largest = sizes.stream().mapToLong(Long::longValue).max().orElse(0);
    String verdict =
        scaling.fits()
            ? ", of the %s that a run may use".formatted(ByteSizes.text(options.budgetBytes()))
            : ": MORE than the %s that a run may use"
                .formatted(ByteSizes.text(options.budgetBytes()));
    Layout.hanging(
        out,
        "  ",
        scaling.describe(largest) + "; together " + ByteSizes.text(scaling.totalBytes()) + verdict);
  }

  private static String driver(PciDevice device) {
    String driver = device.driver();
    return driver == null ? "-" : Layout.clean(driver);
  }

  private static void importers(Machine machine, StringBuilder out) {
    section("Importers", out);
    if (machine.importers().isEmpty()) {
      out.append("  none: no device may do DMA\n");
      return;
    }
    TextTable table = new TextTable("#", "device", "kind", "driver", "class");
    Reasons reasons = new Reasons('i');
    int number = 0;
    for (Importer importer : machine.importers()) {
      reasons.add(importer.why());
      table.row(
          "i" + ++number,
          machine.nameOf(importer.device()),
          importer.kind(),
          driver(importer.device()),
          Layout.clean(importer.device().className()));
    }
    table.appendTo(out);
    reasons.appendTo(out);
  }

  /** Reaching is not all: some kinds do not agree. That is the run's business; here only a word. */
  private static void negotiation(Machine machine, StringBuilder out) {
    boolean vfio = machine.exporters().stream().anyMatch(e -> e.kind().equals(Kinds.VFIO_PCI));
    boolean others = machine.exporters().stream().anyMatch(e -> !e.kind().equals(Kinds.VFIO_PCI));
    List<String> kinds = machine.importers().stream().map(Importer::kind).distinct().toList();
    List<String> words = new ArrayList<>();
    if (vfio && kinds.contains(Kinds.RDMA_PINNED)) {
      words.add("vfio-pci refuses rdma-pinned, which cannot be revoked (EOPNOTSUPP at attach)");
    }
    if (vfio && kinds.contains(Kinds.STATIC)) {
      words.add("vfio-pci refuses static, which does no peer-to-peer (EOPNOTSUPP at attach)");
    }
    if (others && kinds.contains(Kinds.IOMMUFD)) {
      words.add("iommufd takes memory from vfio-pci only (EOPNOTSUPP when it maps)");
    }
    if (!words.isEmpty()) {
      Layout.hanging(
          out, "  ", "Reaching is not agreeing. In the kernel, " + String.join("; ", words) + ".");
    }
  }

  private static void ignored(Machine machine, StringBuilder out) {
    section("Ignored", out);
    for (String role : List.of(Ignored.EXPORTER, Ignored.IMPORTER)) {
      Map<String, List<Ignored>> byReason =
          machine.ignored().stream()
              .filter(i -> i.role().equals(role))
              .collect(Collectors.groupingBy(Ignored::reason, TreeMap::new, Collectors.toList()));
      byReason.forEach((reason, devices) -> {
        Layout.hanging(
            out, "  ", "as " + role + ", " + devices.size() + ": " + Layout.clean(reason));
        Layout.hanging(
            out,
            "      ",
            devices.stream().map(i -> machine.nameOf(i.device())).collect(Collectors.joining(" ")));
      });
    }
    if (machine.ignored().isEmpty()) {
      out.append("  nothing\n");
    }
  }
}
