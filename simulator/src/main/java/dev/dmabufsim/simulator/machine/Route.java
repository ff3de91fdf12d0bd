package dev.dmabufsim.simulator.machine;

/**
 * How a request gets from an importer to an exporter's memory: {@code enum pci_p2pdma_map_type}.
 *
 * <p>The distance is the kernel's: the number of links that the request takes, counted up from one
 * device to the common bridge and down to the other; 0 for a function to itself.
 */
public sealed interface Route {

  /** The number of links on the way, as {@code pci_p2pdma_distance()} counts them. */
  int distance();

  /**
   * The request turns around at the bridge that both have above them, and never goes past it: the
   * importer uses the bus address, and no IOMMU sees it.
   *
   * @param turn the common bridge (or the device itself, at distance 0)
   */
  record BusAddress(int distance, PciAddress turn) implements Route {}

  /**
   * The request goes up to the root complex and down again; the IOMMU sees it.
   *
   * @param why what sends it there, and what lets it pass
   */
  record ThroughHostBridge(int distance, String why) implements Route {}

  /**
   * The kernel finds no way.
   *
   * @param errno the error's name, which the exporter answers with
   * @param operation the dma-buf operation that fails: {@code attach} or {@code map}
   * @param reason what is in the way
   */
  record NotSupported(int distance, String errno, String operation, String reason)
      implements Route {}
}
