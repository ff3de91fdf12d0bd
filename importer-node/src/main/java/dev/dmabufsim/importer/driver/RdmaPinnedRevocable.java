package dev.dmabufsim.importer.driver;

import dev.dmabufsim.common.driver.Distribution;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * A NIC that pins, but can revoke its memory key: {@code
 * ib_umem_dmabuf_get_pinned_revocable_and_lock()} with the revoke of mlx5 and others.
 *
 * <p>The callback revokes the key and unmaps, once and for good: the key answers no more, and is
 * not used again until it is deregistered. An application that goes on registers the memory anew,
 * which is another attachment.
 */
public final class RdmaPinnedRevocable implements ImporterDriver {
  private static final Distribution REVOKE_KEY =
      new Distribution.Uniform(Duration.ofNanos(50_000), Duration.ofNanos(200_000));

  /** For {@link java.util.ServiceLoader}. */
  public RdmaPinnedRevocable() {}

  @Override
  public String kind() {
    return "rdma-pinned-revocable";
  }

  @Override
  public String description() {
    return "a NIC that pins: revokes its memory key in the callback, for good";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC.pins(true);
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    return Reaction.inCallback(REVOKE_KEY.draw(random), Afterwards.REGISTER_ANEW);
  }
}
