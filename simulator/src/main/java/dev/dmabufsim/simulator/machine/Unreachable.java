package dev.dmabufsim.simulator.machine;

/**
 * What an exporter of the kernel answers to an importer that cannot reach its memory. The only
 * place that says so.
 *
 * <p>The kernel-doc of {@code dma_buf_ops.attach} foresees {@code -EBUSY}; no exporter here uses
 * it:
 *
 * <ul>
 *   <li>{@code vfio-pci} ({@code vfio_pci_dmabuf.c}) and {@code rdma-mmio} ({@code
 *       uverbs_std_types_dmabuf.c}) do not look at the way at attach. Their map calls {@code
 *       dma_buf_phys_vec_to_sgt()} ({@code dma-buf-mapping.c}), which gives {@code -EINVAL} for
 *       {@code PCI_P2PDMA_MAP_NOT_SUPPORTED}.
 *   <li>{@code gpu-vram}: amdgpu and xe ask {@code pci_p2pdma_distance()} at attach. If there is no
 *       way they clear {@code peer2peer} and serve the importer from system memory; xe gives {@code
 *       -EOPNOTSUPP} if the buffer cannot move there ({@code xe_dma_buf_attach()}), which is what
 *       memory that must stay on the device comes to.
 * </ul>
 *
 * @param errno the error's name
 * @param operation the operation that fails
 * @param remark what else a driver may do; empty if nothing
 */
public record Unreachable(String errno, String operation, String remark) {

  private static final Unreachable AT_MAP = new Unreachable("EINVAL", "map", "");
  private static final Unreachable AT_ATTACH =
      new Unreachable(
          "EOPNOTSUPP",
          "attach",
          "amdgpu and xe serve it from system memory, where the buffer can move");

  /** The answer of an exporter of that kind. */
  public static Unreachable from(String exporterKind) {
    return exporterKind.equals(Kinds.GPU_VRAM) ? AT_ATTACH : AT_MAP;
  }
}
