package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A device while its indented lines are being read.
 *
 * <p>Depth of indentation is not trusted, because pasting changes it. lspci prints a device's own
 * BARs, flags and bus numbers before its first capability, and everything that looks like them
 * afterwards belongs to a capability (an SR-IOV capability has {@code Region} lines, a slot has a
 * {@code Control:} line): so the first {@code Capabilities:} line is the divide.
 */
final class DeviceLines {

  private static final Pattern BUSES =
      Pattern.compile(
          "Bus: primary=([0-9a-f]{2}), secondary=([0-9a-f]{2}), subordinate=([0-9a-f]{2}).*");
  private static final Pattern WINDOW = Pattern.compile("([0-9a-f]{1,16})-([0-9a-f]{1,16})");
  private static final Pattern NUMA = Pattern.compile("NUMA node:? (\\d{1,6})");
  private static final Pattern GROUP = Pattern.compile("IOMMU group:? (\\S+)");
  private static final Pattern DEVICE_NAME =
      Pattern.compile("DeviceName:.*?(?:\\s)((?:Subsystem|Control|Flags|Physical Slot): .*)");

  private final String source;
  private final int line;
  private final DeviceHeader header;
  private final List<Bar> bars = new ArrayList<>();
  private List<String> modules = List.of();
  private @Nullable String driver;
  private BusMaster busMaster = BusMaster.UNKNOWN;
  private ExpressType express = ExpressType.NONE;
  private @Nullable Acs acsCapability;
  private @Nullable Acs acsControl;
  private boolean acsListed;
  private boolean hidden;
  private @Nullable BusRange buses;
  private @Nullable MemoryWindow prefetchWindow;
  private int numaNode = -1;
  private @Nullable String iommuGroup;
  private boolean unreadable;
  private boolean inCapabilities;
  private boolean verbose;
  private int lineCount;

  DeviceLines(String source, int line, DeviceHeader header) {
    this.source = source;
    this.line = line;
    this.header = header;
  }

  PciAddress address() {
    return header.address();
  }

  int line() {
    return line;
  }

  /** Whether anything stood below the header. */
  boolean hasLines() {
    return lineCount > 0;
  }

  /** Whether a line was seen that only lspci -v prints. */
  boolean isVerbose() {
    return verbose;
  }

  /** Takes one indented line, without its indentation. */
  void accept(int number, String text) {
    lineCount++;
    if (text.startsWith("Kernel driver in use: ") || text.startsWith("Driver in use: ")) {
      driver = text.substring(text.indexOf(": ") + 2).strip();
    } else if (text.startsWith("Kernel modules: ")) {
      modules = Pattern.compile(", *").splitAsStream(text.substring(16).strip()).toList();
    } else if (text.startsWith("Capabilities: ")) {
      inCapabilities = true;
      verbose = true;
      capability(text);
    } else if (text.startsWith("<access denied to the rest>")) {
      hidden = true;
    } else if (inCapabilities) {
      acceptInCapability(text);
    } else {
      acceptOwn(number, text);
    }
  }

  private void capability(String text) {
    if (text.contains("<access denied>")) {
      hidden = true;
    } else if (text.contains("] Express ")) {
      express = ExpressType.parse(text);
    } else if (text.contains("Access Control Services")) {
      acsListed = true;
    }
  }

  private void acceptInCapability(String text) {
    if (text.startsWith("ACSCap:")) {
      acsCapability = Acs.parse(text);
    } else if (text.startsWith("ACSCtl:")) {
      acsControl = Acs.parse(text);
    }
  }

  private void acceptOwn(int number, String text) {
    if (text.startsWith("Control: ")) {
      verbose = true;
      busMaster = text.contains("BusMaster+") ? BusMaster.ON : BusMaster.OFF;
    } else if (text.startsWith("Flags: ")) {
      verbose = true;
      busMaster = text.startsWith("Flags: bus master") ? BusMaster.ON : BusMaster.OFF;
      near(text);
    } else if (text.startsWith("NUMA node: ") || text.startsWith("IOMMU group: ")) {
      near(text);
    } else if (RegionLine.isOne(text)) {
      region(number, text);
    } else if (text.startsWith("Bus: ")) {
      buses = busRange(number, text);
    } else if (text.startsWith("Prefetchable memory behind bridge: ")) {
      prefetchWindow = window(text);
    } else if (text.startsWith("!!! Unknown header type")) {
      verbose = true;
      unreadable = true;
    } else if (text.startsWith("DeviceName:")) {
      // lspci 3.x ends a firmware label with no newline: the next line follows on the same one.
      Matcher joined = DEVICE_NAME.matcher(text);
      if (joined.matches()) {
        acceptOwn(number, joined.group(1));
      }
    }
  }

  private void near(String text) {
    Matcher numa = NUMA.matcher(text);
    if (numa.find()) {
      numaNode = Integer.parseInt(numa.group(1));
    }
    Matcher group = GROUP.matcher(text);
    if (group.find()) {
      iommuGroup = group.group(1);
    }
  }

  private void region(int number, String text) {
    Bar bar = RegionLine.parse(text);
    if (bar == null) {
      throw new MachineFormatException(
          source,
          number,
          "BAR not understood: '"
              + Quote.of(text)
              + "'; expected 'Region 0: Memory at f8000000 (64-bit, prefetchable) [size=16M]'");
    }
    bars.add(bar);
  }

  private BusRange busRange(int number, String text) {
    Matcher parts = BUSES.matcher(text);
    if (!parts.matches()) {
      throw new MachineFormatException(
          source,
          number,
          "bus numbers not understood: '"
              + Quote.of(text)
              + "'; expected 'Bus: primary=00, secondary=01, subordinate=0a'");
    }
    return new BusRange(
        Integer.parseInt(parts.group(1), 16),
        Integer.parseInt(parts.group(2), 16),
        Integer.parseInt(parts.group(3), 16));
  }

  private static @Nullable MemoryWindow window(String text) {
    Matcher parts = WINDOW.matcher(text);
    if (!parts.find() || text.contains("[disabled]")) {
      return null;
    }
    long base = Long.parseUnsignedLong(parts.group(1), 16);
    long limit = Long.parseUnsignedLong(parts.group(2), 16);
    return Long.compareUnsigned(base, limit) < 0 ? new MemoryWindow(base, limit) : null;
  }

  PciDevice finish() {
    return new PciDevice(
        header.address(),
        line,
        header.className(),
        header.classCode(),
        DeviceClass.of(header.className(), header.classCode()),
        header.title(),
        header.ids(),
        driver,
        modules,
        bars,
        busMaster,
        express,
        acsCapability,
        acsControl,
        acsControl == null && (hidden || acsListed),
        hidden,
        buses,
        prefetchWindow,
        numaNode,
        iommuGroup,
        unreadable || (header.revisionOfNothing() && busMaster == BusMaster.UNKNOWN));
  }
}
