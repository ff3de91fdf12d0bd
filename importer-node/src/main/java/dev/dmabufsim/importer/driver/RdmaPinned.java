package dev.dmabufsim.importer.driver;

import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import java.util.random.RandomGenerator;

/**
 * A NIC that pins and can neither fault nor revoke: EFA and others, by {@code
 * ib_umem_dmabuf_get_pinned()}.
 *
 * <p>It has no {@code invalidate_mappings} callback, and that says so: it is not revocable. An
 * exporter that may have to revoke refuses it at attach.
 */
public final class RdmaPinned implements ImporterDriver {
  /** For {@link java.util.ServiceLoader}. */
  public RdmaPinned() {}

  @Override
  public String kind() {
    return "rdma-pinned";
  }

  @Override
  public String description() {
    return "a NIC that pins and cannot be revoked: no callback";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC.pins(true).invalidateMappings(false);
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    throw new IllegalStateException(kind() + " has no callback");
  }
}
