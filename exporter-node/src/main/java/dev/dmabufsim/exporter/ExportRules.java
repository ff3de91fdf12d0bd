package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.DmaBufOp;
import dev.dmabufsim.common.contract.Errno;
import java.util.Set;

/** What {@code dma_buf_export()} checks before there is a buffer. */
public final class ExportRules {
  private ExportRules() {}

  /**
   * Decides.
   *
   * @param ops what the exporter provides
   * @param locked whether the caller holds the reservation lock that the buffer is to have, which
   *     it must not ({@code Documentation/driver-api/dma-buf.rst}, locking convention)
   * @return {@link Errno#OK} or EINVAL
   */
  public static Errno decide(Set<DmaBufOp> ops, boolean locked) {
    return locked ? Errno.EINVAL : DmaBufOp.export(ops);
  }
}
