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

  private final List<MemoryPoolMXBean> pools =
      ManagementFactory.getMemoryPoolMXBeans().stream()
          .filter(p -> p.getType() == MemoryType.HEAP && !young(p.getName()))
          .toList();

  /** What lives long is not there. */
  private static boolean young(String pool) {
    return pool.contains("Eden") || pool.contains("Survivor");
  }

  /** Whether the last full collection has left too little. */
  boolean reached() {
    for (MemoryPoolMXBean pool : pools) {
      MemoryUsage after = pool.getCollectionUsage();
      if (after != null && after.getMax() > 0 && after.getUsed() > MOST * after.getMax()) {
        return true;
      }
    }
    return false;
  }
}
