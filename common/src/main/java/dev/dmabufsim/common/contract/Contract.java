package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What an exporter's revoke sequence waits for before it calls the memory its own again.
 *
 * <p>The sequences differ in nothing else: one core plays them all. {@code v2} and {@code v7} are
 * the second and the merged (Linux 7.1) version of the series "dma-buf: Use revoke mechanism to
 * invalidate shared buffers"; {@code enforced} is this project's.
 */
public enum Contract {
  /** Set the flag, call {@code invalidate_mappings()}, return. Nothing is waited for. */
  V2("v2", false, false, false),
  /** As merged: wait for every BOOKKEEP fence and then for every unmap, without bound. */
  V7("v7", true, true, false),
  /**
   * As {@link #V7}, with a deadline, at which the IOMMU blocks and drains, and what will not drain
   * is severed. No acknowledgement is believed before the IOMMU has closed every slot.
   */
  ENFORCED("enforced", true, true, true);

  private final String label;
  private final boolean waitsForFences;
  private final boolean waitsForUnmaps;
  private final boolean enforced;

  Contract(String label, boolean waitsForFences, boolean waitsForUnmaps, boolean enforced) {
    this.label = label;
    this.waitsForFences = waitsForFences;
    this.waitsForUnmaps = waitsForUnmaps;
    this.enforced = enforced;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** Whether the sequence waits for the fences of every usage up to BOOKKEEP. */
  public boolean waitsForFences() {
    return waitsForFences;
  }

  /** Whether the sequence waits until every mapping has been unmapped. */
  public boolean waitsForUnmaps() {
    return waitsForUnmaps;
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
