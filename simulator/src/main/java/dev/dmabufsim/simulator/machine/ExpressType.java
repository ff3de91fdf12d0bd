package dev.dmabufsim.simulator.machine;

/**
 * The Device/Port Type of the PCI Express capability, by the words that lspci's {@code
 * cap_express()} prints.
 */
public enum ExpressType {
  /** No Express capability was seen: conventional PCI, or capabilities hidden without root. */
  NONE("", "PCI bridge"),
  // The longer name first: the shorter one is its ending.
  LEGACY_ENDPOINT("Legacy Endpoint", "Endpoint"),
  ROOT_COMPLEX_INTEGRATED_ENDPOINT("Root Complex Integrated Endpoint", "Endpoint"),
  ROOT_COMPLEX_EVENT_COLLECTOR("Root Complex Event Collector", "Event Collector"),
  ENDPOINT("Endpoint", "Endpoint"),
  ROOT_PORT("Root Port", "Root Port"),
  UPSTREAM_PORT("Upstream Port", "Upstream Port"),
  DOWNSTREAM_PORT("Downstream Port", "Downstream Port"),
  PCI_BRIDGE("PCI-Express to PCI/PCI-X Bridge", "PCIe-to-PCI bridge"),
  PCIE_BRIDGE("PCI/PCI-X to PCI-Express Bridge", "PCI-to-PCIe bridge");

  private final String printed;
  private final String label;

  ExpressType(String printed, String label) {
    this.printed = printed;
    this.label = label;
  }

  /** What the tree calls a bridge of this type. */
  public String label() {
    return label;
  }

  /** The type in {@code Express (v2) Root Port (Slot+), MSI 00}, or {@link #NONE}. */
  static ExpressType parse(String capability) {
    for (ExpressType type : values()) {
      if (type != NONE && capability.contains(type.printed)) {
        return type;
      }
    }
    return NONE;
  }
}
