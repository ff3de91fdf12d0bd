package dev.dmabufsim.simulator.machine;

/**
 * The names that scenarios have for kinds of exporter and importer, as far as this package deals
 * them out.
 */
final class Kinds {

  static final String VFIO_PCI = "vfio-pci";
  static final String GPU_VRAM = "gpu-vram";
  static final String RDMA_MMIO = "rdma-mmio";

  static final String GPU_DYNAMIC = "gpu-dynamic";
  static final String RDMA_PINNED = "rdma-pinned";
  static final String IOMMUFD = "iommufd";
  static final String RDMA_ODP = "rdma-odp";
  static final String STATIC = "static";

  private Kinds() {}
}
