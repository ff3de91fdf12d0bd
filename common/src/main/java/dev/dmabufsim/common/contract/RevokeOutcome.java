package dev.dmabufsim.common.contract;

import java.util.Locale;

/**
 * How the memory was proven to be out of reach when a revoke completed. The kernel knows only the
 * first and the last.
 */
public enum RevokeOutcome {
  /** Every importer answered: fences signalled, mappings unmapped, nothing was in flight. */
  ACKED,
  /** Some importer did not answer: the IOMMU took its permission away and drained its DMA. */
  BLOCKED,
  /** Some DMA would not drain: the memory itself was taken away. */
  SEVERED,
  /**
   * It was not: the sequence waits for less than every fence and every unmap, or gave up waiting,
   * and the exporter took the memory back all the same.
   */
  ASSUMED;

  /** The name in reports. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
