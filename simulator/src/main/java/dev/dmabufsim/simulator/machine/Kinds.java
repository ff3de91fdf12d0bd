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
  static final String RDMA_PINNED_REVOCABLE = "rdma-pinned-revocable";
  static final String RDMA_PINNED = "rdma-pinned";
  static final String IOMMUFD = "iommufd";

  /**
   * What mlx5 is as an importer. Its memory regions are on demand ({@code rdma-odp}) unless pinning
   * is asked for; the simulator has no such kind yet, and the pinned, revocable one is the nearest.
   * To change it, change this line.
   */
  static final String MLX5 = RDMA_PINNED_REVOCABLE;

  private Kinds() {}
}
