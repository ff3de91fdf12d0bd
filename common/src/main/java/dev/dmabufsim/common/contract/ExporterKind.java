package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What kind of driver an exporter is: whom it lets attach, which operations it has, and why it
 * revokes.
 */
public enum ExporterKind {
  /** A BAR of a VFIO device ({@code drivers/vfio/pci/vfio_pci_dmabuf.c}): revokes and restores. */
  VFIO_PCI("vfio-pci"),
  /** A page of an RDMA device's registers, exported by uverbs. Revokes for good only. */
  RDMA_MMIO("rdma-mmio"),
  /** A GPU's buffer object (amdgpu, xe): its content moves between VRAM and system memory. */
  GPU_VRAM("gpu-vram"),
  /** {@code drivers/dma-buf/heaps/system_heap.c}: system memory that is never taken back. */
  SYSTEM_HEAP("system-heap"),
  /** {@code drivers/dma-buf/udmabuf.c}: a memfd's pages, never taken back. */
  UDMABUF("udmabuf");

  private static final long TTM_WAIT_NANOS = 15_000_000_000L;

  private final String label;

  ExporterKind(String label) {
    this.label = label;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** Whether an importer without peer2peer is refused: device memory has no struct page. */
  public boolean needsPeer2peer() {
    return this == VFIO_PCI || this == RDMA_MMIO;
  }

  /** Why it may revoke; the first is the usual one. Empty if it never does. */
  public List<RevokeCause> causes() {
    return switch (this) {
      case VFIO_PCI ->
          List.of(
              RevokeCause.RESET,
              RevokeCause.MEMORY_DISABLED,
              RevokeCause.HOT_UNPLUG,
              RevokeCause.LAST_CLOSE);
      case RDMA_MMIO -> List.of(RevokeCause.CONTEXT_DESTROYED, RevokeCause.DRIVER_REMOVED);
      case GPU_VRAM ->
          List.of(
              RevokeCause.EVICTION,
              RevokeCause.MIGRATION,
              RevokeCause.HOT_UNPLUG,
              RevokeCause.RAS_ERROR);
      case SYSTEM_HEAP, UDMABUF -> List.of();
    };
  }

  /** Whether its attach op looks at the revoked flag; map does so in any case. */
  public boolean attachChecksRevoked() {
    return this == VFIO_PCI;
  }

  /**
   * What {@code dma_buf_pin()} answers: 0 where there is no pin op, too; uverbs has one that
   * refuses.
   */
  public Errno pinAnswer() {
    return this == RDMA_MMIO ? Errno.EOPNOTSUPP : Errno.OK;
  }

  /** Its {@code struct dma_buf_ops}. */
  public Set<DmaBufOp> ops() {
    EnumSet<DmaBufOp> ops = EnumSet.of(DmaBufOp.MAP, DmaBufOp.UNMAP, DmaBufOp.RELEASE);
    switch (this) {
      case VFIO_PCI -> ops.add(DmaBufOp.ATTACH);
      case RDMA_MMIO -> ops.addAll(EnumSet.of(DmaBufOp.ATTACH, DmaBufOp.PIN, DmaBufOp.UNPIN));
      case GPU_VRAM ->
          ops.addAll(
              EnumSet.of(
                  DmaBufOp.ATTACH,
                  DmaBufOp.PIN,
                  DmaBufOp.UNPIN,
                  DmaBufOp.BEGIN_CPU_ACCESS,
                  DmaBufOp.MMAP,
                  DmaBufOp.VMAP,
                  DmaBufOp.VUNMAP));
      case SYSTEM_HEAP ->
          ops.addAll(
              EnumSet.of(
                  DmaBufOp.ATTACH,
                  DmaBufOp.DETACH,
                  DmaBufOp.BEGIN_CPU_ACCESS,
                  DmaBufOp.END_CPU_ACCESS,
                  DmaBufOp.MMAP,
                  DmaBufOp.VMAP,
                  DmaBufOp.VUNMAP));
      case UDMABUF ->
          ops.addAll(
              EnumSet.of(
                  DmaBufOp.BEGIN_CPU_ACCESS,
                  DmaBufOp.END_CPU_ACCESS,
                  DmaBufOp.MMAP,
                  DmaBufOp.VMAP,
                  DmaBufOp.VUNMAP));
    }
    return ops;
  }

  /**
   * For how long its {@code begin_cpu_access} waits for fences at most, nanoseconds. A GPU's has
   * TTM validate the buffer, which gives up after 15 s and is EBUSY ({@code ttm_bo_wait_ctx()});
   * the others leave it to {@code __dma_buf_begin_cpu_access()}, which waits for {@code
   * MAX_SCHEDULE_TIMEOUT}, which is none.
   */
  public OptionalLong beginCpuAccessNanos() {
    return this == GPU_VRAM ? OptionalLong.of(TTM_WAIT_NANOS) : OptionalLong.empty();
  }

  /**
   * Whether it hands iommufd its addresses without a map ({@code vfio_pci_dma_buf_iommufd_map()}).
   */
  public boolean hasIommufdMap() {
    return this == VFIO_PCI;
  }

  /** The kind with that label, if there is one. */
  public static Optional<ExporterKind> labelled(String label) {
    return Arrays.stream(values()).filter(k -> k.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(ExporterKind::label).collect(Collectors.joining(", "));
  }
}
