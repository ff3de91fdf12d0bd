package dev.dmabufsim.simulator.machine;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which root complexes the kernel trusts to forward peer-to-peer requests: {@code
 * cpu_supports_p2pdma()} and {@code pci_p2pdma_whitelist[]} of {@code drivers/pci/p2pdma.c}.
 *
 * <p>By id where the listing gives ids ({@code -nn}), else by the name that {@code pci.ids} has.
 * The kernel asks the CPU for its family; a listing shows it only by the devices that come with it.
 */
final class HostBridgeWhitelist {

  private static final int ANY_DEVICE = -1;

  /**
   * One entry.
   *
   * @param name how pci.ids names the device; empty where a name would not be unique
   * @param sameHostBridge good only for two devices below the same one (REQ_SAME_HOST_BRIDGE): the
   *     way to another socket is too slow
   */
  private record Entry(int vendor, int device, String name, boolean sameHostBridge) {}

  private static final List<Entry> ENTRIES =
      List.of(
          new Entry(PciIds.INTEL, 0x3c00, "Xeon E5/Core i7 DMI2", true),
          new Entry(PciIds.INTEL, 0x3c01, "Xeon E5/Core i7 DMI2 in PCI Express Mode", true),
          new Entry(PciIds.INTEL, 0x2f00, "Xeon E7 v3/Xeon E5 v3/Core i7 DMI2", true),
          new Entry(
              PciIds.INTEL, 0x2f01, "Xeon E7 v3/Xeon E5 v3/Core i7 PCI Express Root Port 0", true),
          new Entry(PciIds.INTEL, 0x2030, "Sky Lake-E PCI Express Root Port A", false),
          new Entry(PciIds.INTEL, 0x2031, "Sky Lake-E PCI Express Root Port B", false),
          new Entry(PciIds.INTEL, 0x2032, "Sky Lake-E PCI Express Root Port C", false),
          new Entry(PciIds.INTEL, 0x2033, "Sky Lake-E PCI Express Root Port D", false),
          new Entry(PciIds.INTEL, 0x2020, "Sky Lake-E DMI3 Registers", false),
          // Ice Lake, and by the same id Sapphire Rapids and Emerald Rapids.
          new Entry(PciIds.INTEL, 0x09a2, "Ice Lake Memory Map/VT-d", false),
          // Accelerators that are alone on their root bus: DSA, IAA, QAT.
          new Entry(PciIds.INTEL, 0x0b25, "", false),
          new Entry(PciIds.INTEL, 0x0cfe, "", false),
          new Entry(PciIds.INTEL, 0x11fb, "", false),
          new Entry(PciIds.INTEL, 0x1212, "", false),
          new Entry(PciIds.INTEL, 0x1216, "", false),
          new Entry(PciIds.INTEL, 0x4940, "", false),
          new Entry(PciIds.INTEL, 0x4942, "", false),
          new Entry(PciIds.INTEL, 0x4944, "", false),
          new Entry(PciIds.INTEL, 0x4946, "", false),
          new Entry(PciIds.INTEL, 0x4948, "", false),
          new Entry(PciIds.GOOGLE, ANY_DEVICE, "Google, Inc.", false),
          // Grace and what follows it.
          new Entry(PciIds.NVIDIA, 0x2f95, "", false),
          new Entry(PciIds.NVIDIA, 0x2f96, "", false),
          new Entry(PciIds.NVIDIA, 0x2f97, "", false),
          new Entry(PciIds.NVIDIA, 0x2f98, "", false));

  /** Root complexes of AMD family 17h (Zen) and later: arch/x86/kernel/amd_nb.c, amd_node.c. */
  private static final List<Integer> ZEN_ROOTS =
      List.of(
          0x1450, 0x15d0, 0x1480, 0x1630, 0x1645, 0x14a4, 0x14b5, 0x14d8, 0x14e8, 0x14bb, 0x14f8,
          0x153a, 0x1507, 0x1122, 0x115b);

  private static final Pattern ZEN_NAME = Pattern.compile(".*(?:Root Complex|Data Fabric).*");

  /** The root complexes in pci.ids that are older than Zen. */
  private static final Pattern BEFORE_ZEN =
      Pattern.compile(
          ".*(?:Family 1[0-6]h|Processor Root|Liverpool|Kingston|Kryptos|Anubis|Amur/Nolan).*");

  private HostBridgeWhitelist() {}

  /** A device that shows the CPU to be an AMD Zen or later, every one of which forwards. */
  static Optional<PciDevice> zen(List<PciDevice> devices) {
    return devices.stream().filter(HostBridgeWhitelist::isZenRoot).findFirst();
  }

  private static boolean isZenRoot(PciDevice device) {
    if (device.deviceClass() != DeviceClass.HOST_BRIDGE) {
      return false;
    }
    PciIds ids = device.ids();
    if (ids != null && ids.vendor() == PciIds.AMD && ZEN_ROOTS.contains(ids.device())) {
      return true;
    }
    String name = device.title();
    return name.startsWith("Advanced Micro Devices, Inc. [AMD]")
        && ZEN_NAME.matcher(name).matches()
        && !BEFORE_ZEN.matcher(name).matches();
  }

  /** Whether the kernel's list has this host bridge, for one below it and one elsewhere or not. */
  static boolean allows(PciDevice hostBridge, boolean sameHostBridge) {
    for (Entry entry : ENTRIES) {
      if (matches(entry, hostBridge.ids(), hostBridge.title())) {
        return sameHostBridge || !entry.sameHostBridge();
      }
    }
    return false;
  }

  private static boolean matches(Entry entry, @Nullable PciIds ids, String title) {
    if (ids != null) {
      return ids.vendor() == entry.vendor()
          && (entry.device() == ANY_DEVICE || ids.device() == entry.device());
    }
    if (entry.name().isEmpty()) {
      return false;
    }
    return entry.device() == ANY_DEVICE
        ? title.startsWith(entry.name())
        : title.equals("Intel Corporation " + entry.name());
  }
}
