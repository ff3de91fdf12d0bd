package dev.dmabufsim.benchmarks.stress;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.UnfencedGuard;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/** The fabric of a JVM that JCStress forked. */
final class StressFabric {
  /** Bytes of one DMA in these tests. */
  static final int DMA_BYTES = 64;

  /**
   * A slot is used again after so many others. JCStress holds at most {@link
   * StressRun#STATES_ALIVE} states at a time, and makes that many new ones before the last of them
   * is gone: twice that would do.
   */
  private static final int SLOTS = 4 * StressRun.STATES_ALIVE;

  private static final PrivateFabric FABRIC =
      PrivateFabric.create(SLOTS, (long) SLOTS * DMA_BYTES, Arena.global());

  static final ControlFile CONTROL = FABRIC.control();
  static final MemorySegment MEMORY = FABRIC.memory();

  static final Guard GUARD = FABRIC.guard();

  /** For the controls. */
  static final UnfencedGuard UNFENCED = new UnfencedGuard(CONTROL.memory());

  private static final AtomicInteger NEXT = new AtomicInteger();

  private StressFabric() {}

  /** A slot that no live state uses: open, with nothing in flight. */
  static int claim() {
    int slot = NEXT.getAndIncrement() & (SLOTS - 1);
    CONTROL.clearInFlight(slot);
    FABRIC.open(slot);
    return slot;
  }
}
