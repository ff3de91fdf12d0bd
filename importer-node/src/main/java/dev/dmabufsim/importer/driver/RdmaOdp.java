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
 * A NIC with on-demand paging: mlx5 ({@code mlx5_ib_dmabuf_invalidate_cb()}).
 *
 * <p>The callback zaps the memory key's translations and unmaps, all before it returns. The next
 * access raises a page fault, and that maps again.
 */
public final class RdmaOdp implements ImporterDriver {
  private static final Distribution ZAP =
      new Distribution.Uniform(Duration.ofNanos(10_000), Duration.ofNanos(50_000));

  /** For {@link java.util.ServiceLoader}. */
  public RdmaOdp() {}

  @Override
  public String kind() {
    return "rdma-odp";
  }

  @Override
  public String description() {
    return "a NIC with on-demand paging: zaps and unmaps in the callback, faults and maps again";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC;
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    return Reaction.inCallback(ZAP.draw(random), Afterwards.MAP_AGAIN);
  }
}
