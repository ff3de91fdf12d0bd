package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a fence on a reservation object stands for, strongest first: {@code enum dma_resv_usage} in
 * {@code include/linux/dma-resv.h}.
 *
 * <p>Who waits for one usage waits for the stronger ones too. A fence can be promoted to a stronger
 * usage, never degraded.
 */
public enum FenceUsage {
  /** In-kernel memory management: copying or clearing memory. Everybody waits for it. */
  KERNEL("kernel"),
  /** Implicit write synchronisation: submissions that write. */
  WRITE("write"),
  /** Implicit read synchronisation: submissions that only read. */
  READ("read"),
  /** No implicit synchronisation: page-table updates, TLB flushes, preemption. */
  BOOKKEEP("bookkeep");

  private final String label;

  FenceUsage(String label) {
    this.label = label;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** Whether who waits for this usage waits for a fence of the other. */
  public boolean waitsFor(FenceUsage other) {
    return other.compareTo(this) <= 0;
  }

  /** The usage with that label, if there is one. */
  public static Optional<FenceUsage> labelled(String label) {
    return Arrays.stream(values()).filter(u -> u.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(FenceUsage::label).collect(Collectors.joining(", "));
  }
}
