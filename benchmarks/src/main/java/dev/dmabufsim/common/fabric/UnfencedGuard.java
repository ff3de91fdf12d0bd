package dev.dmabufsim.common.fabric;

import static dev.dmabufsim.common.fabric.ControlDescriptor.GRANT_AT;
import static dev.dmabufsim.common.fabric.ControlDescriptor.IN_FLIGHT_AT;
import static dev.dmabufsim.common.fabric.ControlDescriptor.LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The {@link Guard} but for its fence: the compiler keeps the order of its accesses, the CPU need
 * not. It is here to be found wanting, and to show what the fence costs; in the guard's package,
 * for nobody else knows the places in the control file.
 */
public final class UnfencedGuard {
  // As in Guard, so that nothing but the fence differs. Only slots of the control file are
  // accessed.
  @SuppressWarnings("restricted")
  private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private final long base;

  /** On the slots of a control file that stays mapped. */
  public UnfencedGuard(MemorySegment control) {
    this.base = control.address();
  }

  /** As {@link Guard#enter}. */
  public boolean enter(long slot, long grant) {
    long at = base + slot;
    LONG.setOpaque(MEMORY, at + IN_FLIGHT_AT, 1L);
    // To both of HotSpot's compilers a barrier to all memory; to x86 no instruction.
    VarHandle.releaseFence();
    VarHandle.acquireFence();
    if ((long) LONG.getAcquire(MEMORY, at + GRANT_AT) == grant) {
      return true;
    }
    LONG.setRelease(MEMORY, at + IN_FLIGHT_AT, 0L);
    return false;
  }

  /** As {@link Guard#leave}. */
  public void leave(long slot) {
    LONG.setRelease(MEMORY, base + slot + IN_FLIGHT_AT, 0L);
  }
}
