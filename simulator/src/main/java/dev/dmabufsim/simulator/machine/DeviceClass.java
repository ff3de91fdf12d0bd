package dev.dmabufsim.simulator.machine;

import java.util.Locale;

/**
 * What a function is for, as far as it matters who exports and imports: the PCI class code, or,
 * where {@code -nn} was not given, the name that {@code pci.ids} has for it.
 */
public enum DeviceClass {
  DISPLAY("display controller"),
  NETWORK("network controller"),
  NVME("NVMe controller"),
  STORAGE("storage controller"),
  ACCELERATOR("accelerator"),
  MULTIMEDIA("multimedia device"),
  SERIAL_BUS("serial bus controller"),
  OTHER("device"),
  HOST_BRIDGE("host bridge"),
  PCI_BRIDGE("PCI bridge"),
  OTHER_BRIDGE("bridge to another bus"),
  MEMORY("memory controller"),
  SMBUS("SMBus controller"),
  SYSTEM("system peripheral of the chipset"),
  SIGNAL("performance counter or signal processing"),
  INSTRUMENTATION("non-essential instrumentation");

  private final String label;

  DeviceClass(String label) {
    this.label = label;
  }

  /** In words, for a reason. */
  public String label() {
    return label;
  }

  /**
   * The class of a function.
   *
   * @param name the class's name as printed
   * @param code base class and subclass, {@code 0x0300}, or negative where only the name is known
   */
  static DeviceClass of(String name, int code) {
    return code >= 0 ? byCode(code) : byName(name.toLowerCase(Locale.ROOT));
  }

  private static DeviceClass byCode(int code) {
    return switch (code) {
      case 0x0001 -> DISPLAY;
      case 0x0108 -> NVME;
      case 0x0600 -> HOST_BRIDGE;
      case 0x0604, 0x0605, 0x0607, 0x0609 -> PCI_BRIDGE;
      case 0x0c05 -> SMBUS;
      case 0x0c06 -> NETWORK;
      default ->
          switch (code >> 8) {
            case 0x01 -> STORAGE;
            case 0x02, 0x0d -> NETWORK;
            case 0x03 -> DISPLAY;
            case 0x04 -> MULTIMEDIA;
            case 0x05 -> MEMORY;
            case 0x06 -> OTHER_BRIDGE;
            case 0x08 -> SYSTEM;
            case 0x0b, 0x10, 0x12, 0x40 -> ACCELERATOR;
            case 0x0c -> SERIAL_BUS;
            case 0x11 -> SIGNAL;
            case 0x13 -> INSTRUMENTATION;
            default -> OTHER;
          };
    };
  }

  private static DeviceClass byName(String name) {
    return switch (name) {
      case "host bridge" -> HOST_BRIDGE;
      case "pci bridge", "pcmcia bridge", "cardbus bridge", "semi-transparent pci-to-pci bridge" ->
          PCI_BRIDGE;
      case "vga compatible controller",
          "vga compatible unclassified device",
          "xga compatible controller",
          "3d controller",
          "display controller" ->
          DISPLAY;
      case "non-volatile memory controller" -> NVME;
      case "scsi storage controller",
          "ide interface",
          "floppy disk controller",
          "ipi bus controller",
          "raid bus controller",
          "ata controller",
          "sata controller",
          "serial attached scsi controller",
          "universal flash storage controller",
          "mass storage controller" ->
          STORAGE;
      case "ethernet controller",
          "token ring network controller",
          "fddi network controller",
          "atm network controller",
          "isdn controller",
          "worldfip controller",
          "infiniband controller",
          "infiniband",
          "fabric controller",
          "network controller",
          "wireless controller" ->
          NETWORK;
      case "processing accelerators",
          "co-processor",
          "coprocessor",
          "processor",
          "encryption controller",
          "network and computing encryption device",
          "entertainment encryption device",
          "snia smart data accelerator interface (sdxi) controller" ->
          ACCELERATOR;
      case "smbus" -> SMBUS;
      case "ram memory", "flash memory", "cxl", "memory controller" -> MEMORY;
      case "pic",
          "dma controller",
          "timer",
          "rtc",
          "pci hot-plug controller",
          "sd host controller",
          "iommu",
          "system peripheral",
          "generic system peripheral",
          "timing card" ->
          SYSTEM;
      case "dpio module",
          "performance counters",
          "communication synchronizer",
          "signal processing management",
          "signal processing controller" ->
          SIGNAL;
      case "non-essential instrumentation" -> INSTRUMENTATION;
      default -> byWord(name);
    };
  }

  // pci.ids has renamed some of these over the years ("USB Controller", "FireWire (IEEE 1394)").
  private static DeviceClass byWord(String name) {
    if (name.endsWith("bridge")) {
      return OTHER_BRIDGE;
    }
    if (name.startsWith("multimedia") || name.startsWith("audio")) {
      return MULTIMEDIA;
    }
    if (name.startsWith("usb") || name.startsWith("firewire") || name.startsWith("serial bus")) {
      return SERIAL_BUS;
    }
    return OTHER;
  }
}
