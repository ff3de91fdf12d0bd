package dev.dmabufsim.benchmarks;

import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.SlotMapping;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A real fabric in /dev/shm that one process has to itself. Its files are unlinked as soon as they
 * are mapped, so that nothing can be left behind, however the process ends; what is mapped stays.
 */
public final class PrivateFabric {
  /** The generation of all memory here. */
  public static final long GENERATION = 1;

  /** The word that an open slot holds. */
  public static final long GRANT =
      ControlDescriptor.grant(GENERATION, ControlDescriptor.PERMISSION_READ_WRITE);

  private static final int SEGMENT = 1;

  private final ControlFile control;
  private final Guard guard;
  private final MemorySegment memory;

  private PrivateFabric(ControlFile control, Guard guard, MemorySegment memory) {
    this.control = control;
    this.guard = guard;
    this.memory = memory;
  }

  /**
   * Makes one, and sweeps what crashed runs have left.
   *
   * @param slots how many, all closed at first
   * @param bytes of the segment, a multiple of the page size
   * @param arena for the segment: confined, as an engine's is, or shared by several threads
   */
  public static PrivateFabric create(int slots, long bytes, Arena arena) {
    try {
      FabricSweeper.sweep(Fabric.SHM);
      Fabric fabric = Fabric.create(Fabric.SHM, slots);
      try {
        fabric.createSegment(SEGMENT, bytes);
        return new PrivateFabric(
            fabric.control(), fabric.guard(), fabric.mapSegment(SEGMENT, bytes, arena).data());
      } finally {
        fabric.remove();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("no fabric in " + Fabric.SHM, e);
    }
  }

  /** Opens a slot on the whole segment. */
  public void open(int slot) {
    control.openSlot(
        slot,
        new SlotMapping(slot, 0, 0, 0, SEGMENT, GENERATION, 0, memory.byteSize(), 0),
        ControlDescriptor.SLOT_TRANSLATED);
  }

  /** Its control file. */
  public ControlFile control() {
    return control;
  }

  /** The guard that engines use. */
  public Guard guard() {
    return guard;
  }

  /** The segment. */
  public MemorySegment memory() {
    return memory;
  }
}
