package dev.dmabufsim.simulator.machine;

import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a PCI function sits: domain, bus, device and function, as in the kernel's {@code
 * pci_name()}.
 *
 * <p>A domain usually has four hexadecimal digits; Intel VMD and some hypervisors use more ({@code
 * 10000:e1:00.0}). {@code lspci} leaves it out where every device is in domain 0, unless asked by
 * {@code -D}.
 */
public record PciAddress(int domain, int bus, int device, int function)
    implements Comparable<PciAddress> {

  static final int MAX_BUS = 0xff;
  static final int MAX_DEVICE = 0x1f;
  static final int MAX_FUNCTION = 7;

  private static final Pattern TEXT =
      Pattern.compile("(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\\.([0-9a-fA-F])");

  private static final Comparator<PciAddress> ORDER =
      Comparator.comparingInt(PciAddress::domain)
          .thenComparingInt(PciAddress::bus)
          .thenComparingInt(PciAddress::device)
          .thenComparingInt(PciAddress::function);

  /** An address whose every part is in the range that PCI gives it. */
  public PciAddress {
    if (domain < 0
        || bus < 0
        || bus > MAX_BUS
        || device < 0
        || device > MAX_DEVICE
        || function < 0
        || function > MAX_FUNCTION) {
      throw new IllegalArgumentException(
          "no PCI address: domain %x, bus %x, device %x, function %x"
              .formatted(domain, bus, device, function));
    }
  }

  /** The address written {@code 01:00.0} or {@code 0000:01:00.0}, if it is one and is possible. */
  public static Optional<PciAddress> parse(String text) {
    Matcher parts = TEXT.matcher(text);
    if (!parts.matches()) {
      return Optional.empty();
    }
    String domain = parts.group(1);
    long wide = domain == null ? 0 : Long.parseLong(domain, 16);
    int bus = Integer.parseInt(parts.group(2), 16);
    int device = Integer.parseInt(parts.group(3), 16);
    int function = Integer.parseInt(parts.group(4), 16);
    if (wide > Integer.MAX_VALUE || device > MAX_DEVICE || function > MAX_FUNCTION) {
      return Optional.empty();
    }
    return Optional.of(new PciAddress((int) wide, bus, device, function));
  }

  /** The name without its domain, {@code 01:00.0}: unique only where there is one domain. */
  public String shortName() {
    return "%02x:%02x.%x".formatted(bus, device, function);
  }

  /** The whole name, {@code 0000:01:00.0}, as {@code /sys/bus/pci/devices} spells it. */
  @Override
  public String toString() {
    return "%04x:%s".formatted(domain, shortName());
  }

  @Override
  public int compareTo(PciAddress other) {
    return ORDER.compare(this, other);
  }
}
