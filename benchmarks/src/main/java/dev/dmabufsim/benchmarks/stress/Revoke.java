package dev.dmabufsim.benchmarks.stress;

import java.util.Arrays;
import java.util.function.BooleanSupplier;

/** The device's part in a revoke: DMA after DMA until it is refused. */
final class Revoke {
  /** More than any IOMMU here takes to block, but an end, should that never be seen. */
  private static final int DMA_MAX = 50_000;

  /** Refused before its first DMA. */
  static final int AT_ONCE = 0;

  /** Refused after some DMA. */
  static final int AMID = 1;

  /** Never refused. */
  static final int NEVER = 2;

  private Revoke() {}

  /**
   * Writes one number all over the memory, then the next.
   *
   * @param enter the device's way through the guard
   * @return when it was refused
   */
  static int device(OpenSlot slot, BooleanSupplier enter) {
    long[] words = new long[OpenSlot.WORDS];
    for (int sequence = 1; sequence <= DMA_MAX; sequence++) {
      Arrays.fill(words, sequence);
      if (!enter.getAsBoolean()) {
        return sequence == 1 ? AT_ONCE : AMID;
      }
      slot.write(words);
      slot.leave();
    }
    return NEVER;
  }
}
