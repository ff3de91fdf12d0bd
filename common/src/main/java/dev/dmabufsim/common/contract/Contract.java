package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What an exporter's revoke sequence waits for before it calls the memory its own again.
 *
 * <p>One core plays them all. Besides what they wait for, {@link #enforced} has an IOMMU behind it.
 * {@code v2} to {@code v7} are versions of the series "dma-buf: Use revoke mechanism to invalidate
 * shared buffers", of which the last was merged for Linux 7.1; {@code enforced} is this project's.
 */
public enum Contract {
  /** Set the flag, call {@code invalidate_mappings()}, return. Nothing is waited for. */
  V2("v2", null, UnmapWait.NONE, false),
  /** As {@link #V2}, then wait for KERNEL fences, without bound. */
  V3("v3", FenceUsage.KERNEL, UnmapWait.NONE, false),
  /** As {@link #V2}, then wait for BOOKKEEP fences, which is all of them, without bound. */
  V4("v4", FenceUsage.BOOKKEEP, UnmapWait.NONE, false),
  /** As {@link #V4}, then wait one second for every unmap, warn, and go on. */
  V5("v5", FenceUsage.BOOKKEEP, UnmapWait.ONE_SECOND, false),
  /** As merged: {@link #V4}, then wait for every unmap, without bound. */
  V7("v7", FenceUsage.BOOKKEEP, UnmapWait.UNBOUNDED, false),
  /**
   * As {@link #V7}, with a deadline, at which the IOMMU blocks and drains, and what will not drain
   * is severed. No acknowledgement is believed before the IOMMU has closed every slot.
   */
  ENFORCED("enforced", FenceUsage.BOOKKEEP, UnmapWait.UNBOUNDED, true);

  /** How long a sequence waits for unmaps once it has its fences. */
  public enum UnmapWait {
    /** Not at all. */
    NONE,
    /** For {@link #ONE_SECOND_NANOS} at most. */
    ONE_SECOND,
    /** Until the last one. */
    UNBOUNDED
  }

  /** What {@code v5} grants its importers to unmap, nanoseconds. */
  public static final long ONE_SECOND_NANOS = 1_000_000_000L;

  private final String label;
  private final @Nullable FenceUsage fences;
  private final UnmapWait unmaps;
  private final boolean enforced;

  Contract(String label, @Nullable FenceUsage fences, UnmapWait unmaps, boolean enforced) {
    this.label = label;
    this.fences = fences;
    this.unmaps = unmaps;
    this.enforced = enforced;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** The usage of the fences that the sequence waits for, if it waits for any. */
  public Optional<FenceUsage> fences() {
    return Optional.ofNullable(fences);
  }

  /** How long the sequence waits until every mapping has been unmapped. */
  public UnmapWait unmaps() {
    return unmaps;
  }

  /**
   * Whether a deadline and the IOMMU stand behind the sequence. Where they do not, DMA goes to bus
   * addresses and nothing checks it, as with peer-to-peer below one switch, where the IOMMU never
   * sees the transaction ({@code PCI_P2PDMA_MAP_BUS_ADDR} in {@code drivers/pci/p2pdma.c}).
   */
  public boolean enforced() {
    return enforced;
  }

  /** The contract with that label, if there is one. */
  public static Optional<Contract> labelled(String label) {
    return Arrays.stream(values()).filter(c -> c.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(Contract::label).collect(Collectors.joining(", "));
  }
}
