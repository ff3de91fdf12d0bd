package dev.dmabufsim.common.contract;

/**
 * The kernel's error numbers that a dma-buf operation can answer with.
 *
 * <p>At the level of the contract an error is a value, as in the kernel, and never an exception.
 * Numbers and names are those of {@code include/uapi/asm-generic/errno-base.h} and {@code errno.h}.
 */
public enum Errno {
  /** Success: the operation was carried out. */
  OK(0),
  /** A wait was broken off by a signal. */
  EINTR(4),
  /** No memory, or no free IOMMU slot, for the mapping. */
  ENOMEM(12),
  /** The memory cannot be reached by that device (kernel-doc of {@code dma_buf_ops.attach}). */
  EBUSY(16),
  /** Revoked, or its device is gone: the answer of every operation on revoked memory. */
  ENODEV(19),
  /** The call is not legal in this state, or names something that does not exist. */
  EINVAL(22),
  /** A range that does not fit into an address: {@code dma_buf_mmap()} of an offset that wraps. */
  EOVERFLOW(75),
  /** The exporter cannot serve this kind of importer: no peer2peer, or not revocable. */
  EOPNOTSUPP(95),
  /** A wait for fences was broken off by a signal: {@code dma_resv_wait_timeout()}. */
  ERESTARTSYS(512);

  private final int number;

  Errno(int number) {
    this.number = number;
  }

  /** The positive error number; the kernel returns it negated. */
  public int number() {
    return number;
  }

  /** Whether this stands for success. */
  public boolean ok() {
    return this == OK;
  }
}
