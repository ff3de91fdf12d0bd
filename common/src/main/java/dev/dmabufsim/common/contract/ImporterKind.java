package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What kind of driver an importer is: what it offers at attach and what it does when told to
 * invalidate.
 */
public enum ImporterKind {
  /**
   * An RDMA NIC that registers pinned memory and can revoke the memory key (mlx5 with {@code
   * ib_umem_dmabuf_get_pinned_revocable}). It takes an invalidation as permanent: unmap, unpin, and
   * to reach the memory again it must deregister (detach) and register (attach) anew.
   */
  RDMA_PINNED_REVOCABLE("rdma-pinned-revocable", true, true, true),
  /** A GPU's dynamic importer (amdgpu, xe): no pin, fences, maps again at its next use. */
  GPU_DYNAMIC("gpu-dynamic", true, false, true),
  /** iommufd: pins, and unmaps every domain within the callback itself. */
  IOMMUFD("iommufd", true, true, true),
  /** An RDMA NIC without ODP and without revoke (EFA): no callback, so it is not revocable. */
  RDMA_PINNED("rdma-pinned", true, true, false);

  private final String label;
  private final boolean peer2peer;
  private final boolean pins;
  private final boolean revocable;

  ImporterKind(String label, boolean peer2peer, boolean pins, boolean revocable) {
    this.label = label;
    this.peer2peer = peer2peer;
    this.pins = pins;
    this.revocable = revocable;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** {@code dma_buf_attach_ops.allow_peer2peer}. */
  public boolean peer2peer() {
    return peer2peer;
  }

  /** Whether it calls {@code dma_buf_pin()} before it maps. */
  public boolean pins() {
    return pins;
  }

  /** Whether {@code importer_ops->invalidate_mappings} is present: the callback is the promise. */
  public boolean revocable() {
    return revocable;
  }

  /** Whether the unmap happens within {@code invalidate_mappings()}, before it returns. */
  public boolean unmapsInCallback() {
    return this == IOMMUFD;
  }

  /** Whether an invalidation is permanent: it detaches, and attaches anew to go on. */
  public boolean invalidationIsPermanent() {
    return this == RDMA_PINNED_REVOCABLE;
  }

  /** The kind with that label, if there is one. */
  public static Optional<ImporterKind> labelled(String label) {
    return Arrays.stream(values()).filter(k -> k.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(ImporterKind::label).collect(Collectors.joining(", "));
  }
}
