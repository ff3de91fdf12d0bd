package dev.dmabufsim.benchmarks.guard;

import java.lang.foreign.MemorySegment;

/**
 * The copy that is measured: what a DMA write does to memory, as {@code DmaPort} does it.
 *
 * @param source the device's private memory
 * @param memory the mapped segment
 * @param bytes written by one operation, a power of two
 * @param window writes walk through so much of the segment, a power of two
 */
record Transfer(MemorySegment source, MemorySegment memory, int bytes, int window) {
  /** Larger writes copy the source several times, under one guard. */
  static final int SOURCE_BYTES = 1 << 16;

  /** The offset of the write that follows the one at {@code offset}. */
  long next(long offset) {
    return (offset + bytes) & (Math.max(bytes, window) - 1);
  }

  void copy(long offset) {
    int part = Math.min(bytes, SOURCE_BYTES);
    for (int done = 0; done < bytes; done += part) {
      MemorySegment.copy(source, 0, memory, offset + done, part);
    }
  }
}
