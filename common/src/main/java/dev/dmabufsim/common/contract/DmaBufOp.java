package dev.dmabufsim.common.contract;

import java.util.EnumSet;
import java.util.Set;

/**
 * A function that an exporter may provide: the members of {@code struct dma_buf_ops} in {@code
 * include/linux/dma-buf.h}.
 */
public enum DmaBufOp {
  /** Decides who may attach. */
  ATTACH,
  /** Undoes it. */
  DETACH,
  /** Keeps the memory where it is. */
  PIN,
  /** Lets it move again. */
  UNPIN,
  /** {@code map_dma_buf}: addresses for a device. */
  MAP,
  /** {@code unmap_dma_buf}. */
  UNMAP,
  /** After the last reference. */
  RELEASE,
  /** Makes the memory coherent for the CPU. */
  BEGIN_CPU_ACCESS,
  /** And for devices again. */
  END_CPU_ACCESS,
  /** For user space. */
  MMAP,
  /** For the kernel. */
  VMAP,
  /** Undoes it. */
  VUNMAP;

  private static final Set<DmaBufOp> REQUIRED = EnumSet.of(MAP, UNMAP, RELEASE);

  /**
   * What {@code dma_buf_export()} answers an exporter that has these: EINVAL without one of those
   * that it cannot do without, and with one half of pin and unpin.
   */
  public static Errno export(Set<DmaBufOp> ops) {
    boolean halfPins = ops.contains(PIN) != ops.contains(UNPIN);
    return ops.containsAll(REQUIRED) && !halfPins ? Errno.OK : Errno.EINVAL;
  }
}
