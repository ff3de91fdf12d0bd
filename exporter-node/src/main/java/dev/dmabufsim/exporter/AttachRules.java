package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whom an exporter lets attach: its {@code dma_buf_ops.attach}, which runs outside the buffer's
 * lock. The order of the checks is that of {@code vfio_pci_dma_buf_attach()}; the revocability is
 * asked for as settled, by {@code dma_buf_attach_revocable()}.
 */
public final class AttachRules {
  private AttachRules() {}

  /**
   * Decides.
   *
   * @param forced whether the exporter asks for revocability; see {@link #forced}
   * @param revoked the exporter's flag, read without the lock, so that a revoke may come between
   *     this answer and the list; then only the map's own check protects
   * @param unreachable what attach answers if the two devices cannot do peer-to-peer, or null
   * @param sameFabric whether importer and exporter share memory at all
   * @return {@link Errno#OK} or why not
   */
  public static Errno decide(
      ExporterKind exporter,
      boolean forced,
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
    if (revoked && exporter.attachChecksRevoked()) {
      return Errno.ENODEV;
    }
    return forced && !importer.revocable() ? Errno.EOPNOTSUPP : Errno.OK;
  }

  /**
   * Whether an exporter takes memory back by force, and so asks at attach who could be told. A
   * driver that knows nothing but force asks always; another if it is going to use it.
   */
  public static boolean forced(ExporterKind exporter, List<RevokeCause> causes) {
    List<RevokeCause> possible = exporter.causes();
    boolean always = !possible.isEmpty() && possible.stream().allMatch(RevokeCause::asksRevocable);
    return always || causes.stream().anyMatch(RevokeCause::asksRevocable);
  }
}
