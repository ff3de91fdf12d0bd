package dev.dmabufsim.common.contract;

/**
 * Which of the three steps of a revoke was needed to put the memory out of reach, mildest first.
 * The kernel knows only the first.
 */
public enum RevokeOutcome {
  /** Every importer answered: fences signalled, mappings unmapped, nothing was in flight. */
  ACKED,
  /** Some importer did not answer: the IOMMU took its permission away and drained its DMA. */
  BLOCKED,
  /** Some DMA would not drain: the memory itself was taken away. */
  SEVERED;

  /** The graver of two outcomes. */
  public RevokeOutcome worse(RevokeOutcome other) {
    return compareTo(other) >= 0 ? this : other;
  }
}
