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
 * iommufd, which maps a dma-buf's pages into a device's I/O page table for user space: {@code
 * iopt_map_dmabuf} in {@code drivers/iommu/iommufd/pages.c}.
 *
 * <p>It takes the physical addresses by {@code vfio_pci_dma_buf_iommufd_map()} and never calls map,
 * so that no count of unmaps sees it. Its callback unmaps every domain before it returns.
 */
public final class Iommufd implements ImporterDriver {
  private static final Distribution UNMAP_DOMAINS =
      new Distribution.Uniform(Duration.ofNanos(20_000), Duration.ofNanos(100_000));

  /** For {@link java.util.ServiceLoader}. */
  public Iommufd() {}

  @Override
  public String kind() {
    return "iommufd";
  }

  @Override
  public String description() {
    return "iommufd: takes addresses without a map, unmaps every domain in the callback";
  }

  @Override
  public ImporterOffer offer() {
    return ImporterOffer.DYNAMIC.pins(true).iommufdMap(true);
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    return Reaction.inCallback(UNMAP_DOMAINS.draw(random), Afterwards.MAP_AGAIN);
  }
}
