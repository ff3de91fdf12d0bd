package dev.dmabufsim.simulator.scenario;

import java.time.Duration;

/**
 * How long each step of a revoke may take under {@code contract: enforced}.
 *
 * @param ask how long importers have to acknowledge before the IOMMU blocks them
 * @param block how long blocked DMA has to drain before the memory is severed
 * @param sever how long severing may take
 */
public record Bound(Duration ask, Duration block, Duration sever) {
  /** The bound of a revoke: after this long the memory is out of everybody's reach. */
  public Duration total() {
    return ask.plus(block).plus(sever);
  }
}
