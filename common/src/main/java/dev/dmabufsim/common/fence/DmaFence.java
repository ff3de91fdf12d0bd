package dev.dmabufsim.common.fence;

import dev.dmabufsim.common.contract.Errno;

/**
 * {@code struct dma_fence}: work that will be over at some time. It signals once, and is signalled
 * for ever after.
 *
 * @param context the time line it belongs to: of its fences each signals no earlier than those
 *     before it
 * @param seqno its place on that time line
 * @param status whether it has signalled
 * @param error OK, or the error with which it signalled, which counts as signalled
 */
public record DmaFence(long context, long seqno, Status status, Errno error) {

  /** Whether a fence has signalled. */
  public enum Status {
    /** Its work goes on. */
    PENDING,
    /** Its work is over. */
    SIGNALLED
  }

  /** Checks it. */
  public DmaFence {
    if (status == Status.PENDING && !error.ok()) {
      throw new IllegalArgumentException("a fence has no error before it has signalled: " + error);
    }
  }

  /** One that has not signalled. */
  public static DmaFence pending(long context, long seqno) {
    return new DmaFence(context, seqno, Status.PENDING, Errno.OK);
  }

  /** The same, signalled; one that has signalled stays as it is: a second signal is ignored. */
  public DmaFence signal(Errno how) {
    return signaled() ? this : new DmaFence(context, seqno, Status.SIGNALLED, how);
  }

  /** {@code dma_fence_is_signaled()}. */
  public boolean signaled() {
    return status == Status.SIGNALLED;
  }

  /**
   * {@code dma_fence_get_status()}: 0 while it is pending, 1 once it has signalled, or the negative
   * error number with which it did.
   */
  public int statusCode() {
    if (!signaled()) {
      return 0;
    }
    return error.ok() ? 1 : -error.number();
  }

  /** Whether it is the same fence as another, or comes after it on the same time line. */
  public boolean laterOrSame(DmaFence other) {
    return context == other.context && seqno >= other.seqno;
  }

  /** Whether it is the same fence, signalled or not. */
  boolean same(DmaFence other) {
    return context == other.context && seqno == other.seqno;
  }
}
