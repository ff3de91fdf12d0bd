package dev.dmabufsim.importer.driver;

import dev.dmabufsim.common.contract.FenceUsage;
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
 * A display controller that scans out another device's buffer, as with PRIME: pinned while it is on
 * screen, only read, and it cannot stop before the next vertical blank.
 */
public final class Scanout implements ImporterDriver {
  /** Of 60 frames in a second; the blanks are at the multiples of it. */
  static final long FRAME_NANOS = 16_666_667;

  private static final Duration CALLBACK = Duration.ofNanos(20_000);

  /** For {@link java.util.ServiceLoader}. */
  public Scanout() {}

  @Override
  public String kind() {
    return "scanout";
  }

  @Override
  public String description() {
    return "a display of 60 Hz: only reads, and stops at the next vertical blank";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC.peer2peer(false).pins(true);
  }

  @Override
  public boolean writes() {
    return false;
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    Duration untilBlank =
        Duration.ofNanos(FRAME_NANOS - Math.floorMod(invalidation.nowNanos(), FRAME_NANOS));
    return new Reaction(
        CALLBACK,
        untilBlank,
        false,
        List.of(PlannedFence.afterStop(FenceUsage.READ, Duration.ZERO)),
        Unmap.AFTER_FENCES,
        Duration.ZERO,
        Afterwards.MAP_AGAIN,
        Deviations.NONE);
  }
}
