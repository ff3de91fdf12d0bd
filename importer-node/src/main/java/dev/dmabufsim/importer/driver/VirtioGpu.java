package dev.dmabufsim.importer.driver;

import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.Distribution;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Afterwards;
import dev.dmabufsim.common.driver.Reaction.Deviations;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.time.Duration;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * A paravirtual GPU: {@code virtgpu_dma_buf_move_notify()} in {@code
 * drivers/gpu/drm/virtio/virtgpu_prime.c}.
 *
 * <p>It asks its host to detach the resource's backing, under a fence, and unmaps when that has
 * signalled.
 */
public final class VirtioGpu implements ImporterDriver {
  private static final Duration CALLBACK = Duration.ofNanos(20_000);

  /** How long the host takes. */
  private static final Distribution DETACH_BACKING =
      new Distribution.Uniform(Duration.ofMillis(10), Duration.ofMillis(40));

  /** For {@link java.util.ServiceLoader}. */
  public VirtioGpu() {}

  @Override
  public String kind() {
    return "virtio-gpu";
  }

  @Override
  public String description() {
    return "a virtual GPU: has its host detach the backing, under a fence, then unmaps";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC.peer2peer(false);
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    return new Reaction(
        CALLBACK,
        DETACH_BACKING.draw(random),
        false,
        List.of(PlannedFence.afterStop(FenceUsage.BOOKKEEP, Duration.ZERO)),
        Unmap.AFTER_FENCES,
        Duration.ZERO,
        Afterwards.MAP_AGAIN,
        Deviations.NONE);
  }
}
