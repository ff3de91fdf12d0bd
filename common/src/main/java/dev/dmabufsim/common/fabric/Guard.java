package dev.dmabufsim.common.fabric;

import static dev.dmabufsim.common.fabric.ControlDescriptor.GRANT_AT;
import static dev.dmabufsim.common.fabric.ControlDescriptor.IN_FLIGHT_AT;
import static dev.dmabufsim.common.fabric.ControlDescriptor.LONG;

import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Planted;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * What every DMA passes through: the IOMMU's permission check, on the device's side.
 *
 * <p>A device <em>enters</em> by publishing that it is in flight and then reading the permission;
 * it copies; it <em>leaves</em>. The IOMMU <em>blocks</em> by writing the permission and then
 * reading what is in flight. It is Dekker's algorithm: of the two, at least one sees the other,
 * provided that neither's write is delayed past its own read. So there are two cases: the device
 * sees the closed slot and does not copy, or the IOMMU sees the device in flight and waits for it.
 *
 * <p>The store-load order needs a full fence on both sides (JCStress tests in {@code benchmarks}
 * show that it is enough, and that less is not). {@code membarrier(2)} would save this side its
 * fence, but its expedited global barrier does not reach every CPU; see {@code
 * docs/decisions/full-fence.md}.
 *
 * <p>One thread uses a slot at a time. Nothing here blocks or allocates, and no method throws.
 *
 * <p>The control file is addressed through a constant segment. Through its own one, a field, the
 * fences make the JVM look up and check that segment anew at each of the three accesses, which more
 * than doubles what the guard costs ({@code docs/performance.md}). What is given up for it is made
 * good here: the file must never be unmapped, and slots are held against its end.
 */
public final class Guard {
  // Restricted: it reaches everywhere. Only slots within the control file are ever accessed.
  @SuppressWarnings("restricted")
  private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private final long base;
  private final long slotsEnd;

  /**
   * A guard on the slots of a control file.
   *
   * @param control the mapped control file, of the global arena
   * @throws IllegalArgumentException if the mapping could go away while the guard is used
   */
  public Guard(MemorySegment control) {
    if (!control.isNative() || !control.scope().equals(Arena.global().scope())) {
      throw new IllegalArgumentException("the control file must be mapped for good");
    }
    this.base = control.address();
    this.slotsEnd = control.byteSize() - ControlDescriptor.SLOT_BYTES + 1;
  }

  /**
   * Publishes a DMA in flight and asks for permission.
   *
   * @param slot the slot's byte offset in the control file
   * @param grant the word that must stand there, generation and permission in one
   * @return true if the DMA may go on, and {@link #leave} must follow; false if it was refused, or
   *     if there is no such slot
   */
  public boolean enter(long slot, long grant) {
    if (outside(slot)) {
      return false;
    }
    long at = base + slot;
    if (Planted.GUARD_READS_FIRST.planted()) {
      return readFirst(at, grant);
    }
    LONG.setOpaque(MEMORY, at + IN_FLIGHT_AT, 1L);
    FaultTrap.at(FaultPoint.IMPORTER_GUARD_PUBLISHED);
    VarHandle.fullFence();
    if ((long) LONG.getAcquire(MEMORY, at + GRANT_AT) == grant) {
      return true;
    }
    LONG.setRelease(MEMORY, at + IN_FLIGHT_AT, 0L);
    return false;
  }

  /** Wrong, and only for {@link Planted#GUARD_READS_FIRST}. */
  private static boolean readFirst(long at, long grant) {
    boolean granted = (long) LONG.getAcquire(MEMORY, at + GRANT_AT) == grant;
    FaultTrap.at(FaultPoint.IMPORTER_GUARD_PUBLISHED);
    if (granted) {
      LONG.setRelease(MEMORY, at + IN_FLIGHT_AT, 1L);
    }
    return granted;
  }

  /** Ends a DMA: all of its reads and writes of memory come before this. */
  public void leave(long slot) {
    if (!outside(slot)) {
      LONG.setRelease(MEMORY, base + slot + IN_FLIGHT_AT, 0L);
    }
  }

  private boolean outside(long slot) {
    return Long.compareUnsigned(slot, slotsEnd) >= 0;
  }
}
