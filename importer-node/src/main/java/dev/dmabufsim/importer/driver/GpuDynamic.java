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
 * A GPU that imports dynamically: amdgpu ({@code amdgpu_dma_buf_move_notify()}) and xe ({@code
 * xe_dma_buf_move_notify()}).
 *
 * <p>Its callback only queues: jobs that are in the ring run to their end, and the page-table
 * update with its TLB flush is pipelined behind them, each under a fence. It maps again at its next
 * use.
 */
public final class GpuDynamic implements ImporterDriver {
  private static final Duration CALLBACK = Duration.ofNanos(20_000);
  private static final Duration UNMAP_DELAY = Duration.ofMillis(30);

  /** How long what is queued takes. */
  private static final Distribution JOBS =
      new Distribution.Uniform(Duration.ofMillis(20), Duration.ofMillis(60));

  /** How long after that the page tables are updated and the TLB is flushed. */
  private static final Distribution PAGE_TABLES =
      new Distribution.Uniform(Duration.ofMillis(1), Duration.ofMillis(5));

  /** For {@link java.util.ServiceLoader}. */
  public GpuDynamic() {}

  @Override
  public String kind() {
    return "gpu-dynamic";
  }

  @Override
  public String description() {
    return "a GPU: finishes its queued jobs, updates its page tables behind fences, maps again";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC;
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    return new Reaction(
        CALLBACK,
        JOBS.draw(random),
        true,
        List.of(
            PlannedFence.afterStop(FenceUsage.WRITE, Duration.ZERO),
            PlannedFence.afterStop(FenceUsage.BOOKKEEP, PAGE_TABLES.draw(random))),
        Unmap.AFTER_FENCES,
        UNMAP_DELAY,
        Afterwards.MAP_AGAIN,
        Deviations.NONE);
  }
}
