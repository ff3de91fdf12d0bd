package dev.dmabufsim.simulator.machine;

/**
 * A base address register of a device: a window of its memory or I/O ports on the bus.
 *
 * <p>{@code lspci -vv} prints it as {@code Region 1: Memory at 3f000000000 (64-bit, prefetchable)
 * [size=64G]}. A virtual function's BARs, listed inside the SR-IOV capability, are not among them.
 *
 * @param index the BAR's number, or {@link #UNNUMBERED} where plain {@code -v} does not say
 * @param memory memory, not I/O ports
 * @param address the bus address; meaningful only if {@code assigned}
 * @param assigned false for {@code <unassigned>}, {@code <ignored>} and the like
 * @param prefetchable reads have no side effects: device memory, not registers
 * @param sizeBytes the size, or 0 where it is not known
 * @param sizeInferred the size was not printed; it is the largest that its place allows
 * @param disabled decoding was off when listed ({@code Mem-}); opening the device turns it on
 */
public record Bar(
    int index,
    boolean memory,
    long address,
    boolean assigned,
    boolean prefetchable,
    long sizeBytes,
    boolean sizeInferred,
    boolean disabled) {

  /** The index of a BAR whose number is not printed. */
  public static final int UNNUMBERED = -1;

  /** What a BAR needs, to be worth exporting: 1 MiB. */
  public static final long EXPORTABLE_BYTES = 1L << 20;

  Bar withInferredSize(long bytes) {
    return new Bar(index, memory, address, assigned, prefetchable, bytes, true, disabled);
  }

  /** Whether this is memory that a dma-buf could stand for: prefetchable, placed, 1 MiB or more. */
  public boolean exportable() {
    return memory && prefetchable && assigned && sizeBytes >= EXPORTABLE_BYTES;
  }

  /** {@code BAR 1}, or {@code BAR ?}. */
  public String label() {
    return index == UNNUMBERED ? "BAR ?" : "BAR " + index;
  }
}
