package dev.dmabufsim.simulator.machine;

/**
 * Vendor and device id, which {@code lspci} prints as {@code [8086:3405]} when given {@code -nn}.
 */
public record PciIds(int vendor, int device) {

  static final int AMD = 0x1022;
  static final int INTEL = 0x8086;
  static final int NVIDIA = 0x10de;
  static final int MELLANOX = 0x15b3;
  static final int GOOGLE = 0x1ae0;

  @Override
  public String toString() {
    return "%04x:%04x".formatted(vendor, device);
  }
}
