package dev.dmabufsim.simulator.machine;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Listings for the tests, whole and in pieces. */
final class Given {

  static final String ZEN = "zen-without-root.lspci";
  static final String SWITCHES = "switches-vvv-nn-D-k.lspci";
  static final String SRIOV = "sriov-vf-regions.lspci";
  static final String MULTIFUNCTION = "multifunction-v.lspci";
  static final String NO_BRIDGES = "no-bridges.lspci";
  static final String NO_SIZES = "sizes-not-printed.lspci";

  static final List<String> ALL =
      List.of(ZEN, SWITCHES, SRIOV, MULTIFUNCTION, NO_BRIDGES, NO_SIZES);

  private Given() {}

  static String text(String name) {
    try (InputStream in = Given.class.getResourceAsStream("/machine/" + name)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Machine machine(String name) {
    return LspciParser.parse(name, text(name));
  }

  /** One device: its header, and lines below it, which are indented here. */
  static String device(String header, String... lines) {
    StringBuilder text = new StringBuilder(header).append('\n');
    for (String line : lines) {
      text.append('\t').append(line).append('\n');
    }
    return text.append('\n').toString();
  }

  static String control(boolean busMaster) {
    return "Control: I/O- Mem+ BusMaster" + (busMaster ? "+" : "-") + " SpecCycle- DisINTx-";
  }

  /** An endpoint that may do DMA, with 16 MiB to export, driven by a driver or by none. */
  static String endpoint(String address, String driver) {
    return device(
        address + " Ethernet controller: Example Corporation Card",
        control(true),
        "Region 0: Memory at 90000000 (64-bit, prefetchable) [size=16M]",
        "Capabilities: [60] Express (v2) Endpoint, MSI 00",
        "Kernel driver in use: " + driver);
  }

  /** A bridge with bus numbers, and what access control is on: letters of {@code R C E U}. */
  static String bridge(
      String address, String type, String secondary, String subordinate, String acs) {
    return device(
        address + " PCI bridge: Example Corporation Port",
        control(true),
        "Bus: primary=00, secondary="
            + secondary
            + ", subordinate="
            + subordinate
            + ", sec-latency=0",
        "Capabilities: [68] Express (v2) " + type + ", MSI 00",
        "Capabilities: [148 v1] Access Control Services",
        "\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl+"
            + " DirectTrans+",
        "\tACSCtl:\tSrcValid- TransBlk- ReqRedir%s CmpltRedir%s UpstreamFwd%s EgressCtrl%s DirectTrans-"
            .formatted(sign(acs, "R"), sign(acs, "C"), sign(acs, "U"), sign(acs, "E")));
  }

  private static String sign(String acs, String letter) {
    return acs.contains(letter) ? "+" : "-";
  }

  static String hostBridge(String address, String name) {
    return device(address + " Host bridge: " + name, control(false));
  }

  static Machine parse(String... devices) {
    return LspciParser.parse("listing", String.join("", devices));
  }

  static Exporter exporter(Machine machine, String name) {
    return machine.exporterNamed(name).orElseThrow();
  }

  static Importer importer(Machine machine, String name) {
    return machine.importerNamed(name).orElseThrow();
  }

  static PciDevice device(Machine machine, String name) {
    return machine.deviceNamed(name).orElseThrow();
  }
}
