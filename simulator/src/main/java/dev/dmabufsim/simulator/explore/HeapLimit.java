package dev.dmabufsim.simulator.explore;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.List;

/**
 * Whether the heap has room for more states: a world that has too many of them is to be said so,
 * and not to end in an {@link OutOfMemoryError} with nothing to show.
 */
final class HeapLimit {
  /**
   * What the old generation may be filled with after a collection; near the end each is useless.
   */
  private static final double MOST = 0.9;

  /** What is smaller finds its place. */
  private static final long LARGE = 1 << 24;

  private final List<MemoryPoolMXBean> pools =
      ManagementFactory.getMemoryPoolMXBeans().stream()
          .filter(p -> p.getType() == MemoryType.HEAP && !young(p.getName()))
          .toList();

  /** What lives long is not there. */
  private static boolean young(String pool) {
    return pool.contains("Eden") || pool.contains("Survivor");
  }

  /** Whether there is no room for so many bytes more, at once. */
  boolean full(long bytes) {
    return reached() || !fits(bytes);
  }

  private boolean fits(long bytes) {
    return bytes < LARGE || free() > bytes || collected() > bytes;
  }

  private long collected() {
    System.gc();
    return free();
  }

  /** In the pools where large things go. */
  private long free() {
    long free = 0;
    for (MemoryPoolMXBean pool : pools) {
      MemoryUsage usage = pool.getUsage();
      free = Math.max(free, usage.getMax() - usage.getUsed());
    }
    return free;
  }

  /** Whether the last full collection has left too little. */
  private boolean reached() {
    for (MemoryPoolMXBean pool : pools) {
      MemoryUsage after = pool.getCollectionUsage();
      if (after != null && after.getMax() > 0 && after.getUsed() > MOST * after.getMax()) {
        return true;
      }
    }
    return false;
  }
}
