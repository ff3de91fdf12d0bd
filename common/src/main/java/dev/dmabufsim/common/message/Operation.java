package dev.dmabufsim.common.message;

/** What an importer can ask of a buffer to which it is attached. */
public enum Operation {
  /** {@code dma_buf_pin()}: the memory must not move. */
  PIN(true),
  /** {@code dma_buf_unpin()}. */
  UNPIN(true),
  /** {@code dma_buf_map_attachment()}: answers an sg_table of addresses for the device. */
  MAP(true),
  /** {@code dma_buf_unmap_attachment()}. */
  UNMAP(true),
  /**
   * {@code vfio_pci_dma_buf_iommufd_map()}: answers addresses of a range without a map, which no
   * count of unmaps will see.
   */
  IOMMUFD_MAP(true),
  /** {@code dma_buf_begin_cpu_access()}: waits for the fences that concern the CPU. */
  BEGIN_CPU_ACCESS(false),
  /** {@code dma_buf_end_cpu_access()}. */
  END_CPU_ACCESS(false),
  /** {@code dma_buf_mmap()}: a mapping for user space, which faults once it is revoked. */
  MMAP(false),
  /** {@code munmap(2)} of it. */
  MUNMAP(false),
  /** {@code dma_buf_vmap()}: a mapping for the kernel; the first is cached and handed out again. */
  VMAP(true),
  /** {@code dma_buf_vunmap()}. */
  VUNMAP(true),
  /** {@code dma_buf_detach()}: legal only when unmapped. */
  DETACH(false);

  private final boolean locked;

  Operation(boolean locked) {
    this.locked = locked;
  }

  /**
   * Whether the caller must hold the reservation lock ({@code dma_resv_assert_held()}); if not, the
   * callee takes it, and a caller that holds it would wait for itself.
   */
  public boolean locked() {
    return locked;
  }

  /** Whether it is the CPU's, which calls one thing after the other as the driver does. */
  public boolean cpu() {
    return switch (this) {
      case PIN, UNPIN, MAP, UNMAP, IOMMUFD_MAP, DETACH -> false;
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> true;
    };
  }
}
