package dev.dmabufsim.common.message;

/** What an importer can ask of a buffer to which it is attached; each under the resv lock. */
public enum Operation {
  /** {@code dma_buf_pin()}: the memory must not move. */
  PIN,
  /** {@code dma_buf_unpin()}. */
  UNPIN,
  /** {@code dma_buf_map_attachment()}: answers an sg_table of addresses for the device. */
  MAP,
  /** {@code dma_buf_unmap_attachment()}. */
  UNMAP,
  /** {@code dma_buf_detach()}: not under the lock in the kernel; legal only when unmapped. */
  DETACH
}
