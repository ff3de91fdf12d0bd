package dev.dmabufsim.simulator.machine;

import java.util.Comparator;

/**
 * A bus that no bridge leads to: the top of one PCI hierarchy, which a host bridge makes ({@code
 * pci_find_host_bridge()}). A server has many, often one for each I/O die or stack; traffic between
 * two of them crosses the root complex.
 */
public record RootBus(int domain, int bus) implements Comparable<RootBus> {

  private static final Comparator<RootBus> ORDER =
      Comparator.comparingInt(RootBus::domain).thenComparingInt(RootBus::bus);

  @Override
  public int compareTo(RootBus other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return "%04x:%02x".formatted(domain, bus);
  }
}
