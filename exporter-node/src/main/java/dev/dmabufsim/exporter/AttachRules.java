package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.driver.ImporterOffer;
import org.jspecify.annotations.Nullable;

/**
 * Whom an exporter lets attach: its {@code dma_buf_ops.attach}, which runs outside the buffer's
 * lock. The order of the checks is that of {@code vfio_pci_dma_buf_attach()}; the revocability is
 * asked for as settled, by {@code dma_buf_attach_revocable()}.
 */
final class AttachRules {
  private AttachRules() {}

  /**
   * Decides.
   *
   * @param revoked the exporter's flag, read without the lock, so that a revoke may come between
   *     this answer and the list; then only the map's own check protects
   * @param unreachable what attach answers if the two devices cannot do peer-to-peer, or null
   * @param sameFabric whether importer and exporter share memory at all
   * @return {@link Errno#OK} or why not
   */
  static Errno decide(
      ExporterKind exporter,
      ImporterOffer importer,
      boolean revoked,
      @Nullable Errno unreachable,
      boolean sameFabric) {
    if (!sameFabric) {
      return Errno.EBUSY;
    }
    if (exporter.needsPeer2peer() && !importer.peer2peer()) {
      return Errno.EOPNOTSUPP;
    }
    if (unreachable != null) {
      return unreachable;
    }
    if (revoked) {
      return Errno.ENODEV;
    }
    return !exporter.causes().isEmpty() && !importer.revocable() ? Errno.EOPNOTSUPP : Errno.OK;
  }
}
