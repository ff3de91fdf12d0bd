package dev.dmabufsim.importer;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.message.SgTable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A CPU's mapping of a buffer, whose page-table entry is the guard's slot: an exporter that revokes
 * takes that away ({@code unmap_mapping_range()}), whatever its contract, and the next access is a
 * page fault. One thread at a time uses it.
 */
final class CpuMapping implements AutoCloseable {
  /** What a read came to. */
  enum Outcome {
    /** It read the buffer's content. */
    READ,
    /** It read somebody else's. */
    LEAKED,
    /** It got SIGBUS. */
    FAULTED
  }

  private static final int WORDS = 32;

  private final Guard guard;
  private final SgTable table;
  private final long slotAt;
  private final long grant;
  private final Arena arena;
  private final SegmentMemory memory;
  private final long[] read = new long[WORDS];
  private final MemorySegment own = Arena.ofAuto().allocate(WORDS * Long.BYTES, Long.BYTES);
  private long at;
  private int sequence;

  private CpuMapping(Guard guard, SgTable table, long slotAt, Arena arena, SegmentMemory memory) {
    this.guard = guard;
    this.table = table;
    this.slotAt = slotAt;
    this.grant =
        ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE);
    this.arena = arena;
    this.memory = memory;
  }

  /**
   * Maps it.
   *
   * @throws IOException if the memory is severed and gone
   */
  static CpuMapping open(Fabric fabric, Guard guard, SgTable table) throws IOException {
    // An actor's thread is not always the same one.
    Arena arena = Arena.ofShared();
    try {
      SegmentMemory memory =
          fabric.mapSegment(table.segment(), arena).part(table.offset(), table.length());
      return new CpuMapping(guard, table, fabric.control().slotAt(table.slot()), arena, memory);
    } catch (IOException e) {
      arena.close();
      throw e;
    }
  }

  /** Reads a little, somewhere else each time. */
  Outcome read() {
    if (!guard.enter(slotAt, grant)) {
      return Outcome.FAULTED;
    }
    try {
      at = at + WORDS * Long.BYTES <= table.length() - WORDS * Long.BYTES ? at + WORDS * 8L : 0;
      MemorySegment.copy(memory.data(), ValueLayout.JAVA_LONG, at, read, 0, WORDS);
      DmaPort.faultNow();
    } catch (InternalError severed) {
      return Outcome.FAULTED;
    } finally {
      guard.leave(slotAt);
    }
    return Canary.leakedWords(read, WORDS, table.content()) == 0 ? Outcome.READ : Outcome.LEAKED;
  }

  /**
   * Writes over what was read last, each grain saying for which attachment.
   *
   * @return false if it got SIGBUS
   */
  boolean write() {
    Canary.stamp(
        own,
        own.byteSize(),
        Canary.word0(Canary.TAG_DEVICE, table.content()),
        Canary.word1(table.attachment(), sequence++));
    if (!guard.enter(slotAt, grant)) {
      return false;
    }
    try {
      MemorySegment.copy(own, 0, memory.data(), at, own.byteSize());
      DmaPort.faultNow();
    } catch (InternalError severed) {
      return false;
    } finally {
      guard.leave(slotAt);
    }
    return true;
  }

  @Override
  public void close() {
    arena.close();
  }
}
