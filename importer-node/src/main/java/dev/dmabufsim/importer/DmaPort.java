package dev.dmabufsim.importer;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A device's way to memory: one DMA operation, whole. Used by the engine's thread alone.
 *
 * <p>Answers are status codes and not exceptions: this is the hot path.
 */
final class DmaPort {
  /** The DMA was done. */
  static final int DONE = 0;

  /** The IOMMU refused it. */
  static final int REFUSED = 1;

  /** The memory was severed while it ran. */
  static final int ABORTED = 2;

  /** Nothing answers at that address, and nothing was done. */
  static final int UNREACHABLE = 3;

  /** Stamped source memory: larger writes are copied from it over and over. */
  private static final int SOURCE_BYTES = 1 << 16;

  private static final int STAMP_BYTES = 256;

  private final ControlFile control;
  private final Guard guard;
  private final MemorySegment source;
  private final long[] sink;
  private long owner;
  private long leakedWords;

  DmaPort(ControlFile control, Guard guard, int maxBytes) {
    this.control = control;
    this.guard = guard;
    this.source = Arena.ofAuto().allocate(SOURCE_BYTES, 64);
    this.sink = new long[maxBytes / Long.BYTES];
  }

  /** Writes {@code bytes}, a multiple of 64, each grain saying who wrote it. */
  int write(Translation t, long offset, int bytes, int sequence) {
    int stamped = Math.min(bytes, SOURCE_BYTES);
    stamp(stamped, t, sequence);
    if (t.checked() && !guard.enter(t.slotAt(), t.grant())) {
      control.countFault(t.slotAt());
      return REFUSED;
    }
    try {
      owner = t.memory().owner();
      if (owner == SegmentDescriptor.OWNER_UNREACHABLE) {
        return UNREACHABLE;
      }
      FaultTrap.at(FaultPoint.IMPORTER_GUARD_GRANTED);
      // In two halves where a fault may come in between; elsewhere this is compiled to one.
      int first = FaultTrap.ARMED ? bytes / 2 : bytes;
      put(t, offset, 0, first, stamped);
      if (FaultTrap.ARMED) {
        FaultTrap.at(FaultPoint.IMPORTER_COPYING);
        put(t, offset, first, bytes, stamped);
        FaultTrap.at(FaultPoint.IMPORTER_LEAVING);
      }
      if (owner != t.generation()) {
        faultNow();
      }
    } catch (InternalError severed) {
      control.countAborted(t.slotAt());
      return ABORTED;
    } finally {
      guard.leave(t.slotAt());
    }
    control.countOperation(t.slotAt(), bytes);
    return DONE;
  }

  private void put(Translation t, long offset, int from, int to, int stamped) {
    for (int done = from; done < to; done += stamped) {
      int part = Math.min(stamped, to - done);
      MemorySegment.copy(source, 0, t.memory().data(), offset + done, part);
    }
  }

  /** Reads {@code bytes}, a multiple of 64, and looks whether it was the owner's to read. */
  int read(Translation t, long offset, int bytes) {
    return read(t, offset, bytes, true);
  }

  /** Reads {@code bytes}, a multiple of 64, and throws away what it has read. */
  int discard(Translation t, long offset, int bytes) {
    return read(t, offset, bytes, false);
  }

  private int read(Translation t, long offset, int bytes, boolean looks) {
    int words = bytes / Long.BYTES;
    long leaked;
    if (t.checked() && !guard.enter(t.slotAt(), t.grant())) {
      control.countFault(t.slotAt());
      return REFUSED;
    }
    try {
      owner = t.memory().owner();
      if (owner == SegmentDescriptor.OWNER_UNREACHABLE) {
        return UNREACHABLE;
      }
      FaultTrap.at(FaultPoint.IMPORTER_GUARD_GRANTED);
      int first = FaultTrap.ARMED ? words / 2 : words;
      MemorySegment data = t.memory().data();
      MemorySegment.copy(data, ValueLayout.JAVA_LONG, offset, sink, 0, first);
      if (FaultTrap.ARMED) {
        FaultTrap.at(FaultPoint.IMPORTER_COPYING);
        long rest = offset + (long) first * Long.BYTES;
        MemorySegment.copy(data, ValueLayout.JAVA_LONG, rest, sink, first, words - first);
        FaultTrap.at(FaultPoint.IMPORTER_LEAVING);
      }
      leaked = looks ? Canary.leakedWords(sink, words, t.content()) : 0;
      if (leaked > 0 || owner != t.generation()) {
        faultNow();
      }
    } catch (InternalError severed) {
      control.countAborted(t.slotAt());
      return ABORTED;
    } finally {
      guard.leave(t.slotAt());
    }
    control.countOperation(t.slotAt(), bytes);
    if (leaked > 0) {
      leakedWords += leaked;
      control.countLeaked(t.slotAt(), leaked);
    }
    return DONE;
  }

  /**
   * Has the JVM raise the fault, if there was one, of an access before: compiled code raises it
   * only at its next safepoint, and what it has read meanwhile is not what was there. So nothing
   * that is not as it should be is believed before this. A native call is such a point.
   *
   * @throws InternalError if the memory was severed
   */
  @SuppressWarnings("ThreadPriorityCheck") // nobody is waited for
  static void faultNow() {
    Thread.yield();
  }

  /**
   * Whose the memory was just before the last DMA, if that was neither refused nor aborted. If it
   * was the device's own then, the DMA was in time, whenever it ended.
   */
  long owner() {
    return owner;
  }

  /** Words leaked by reads since this was last asked. */
  long takeLeakedWords() {
    long words = leakedWords;
    leakedWords = 0;
    return words;
  }

  /** Fills the source by doubling, which is a few copies and not thousands of stores. */
  private void stamp(int bytes, Translation t, int sequence) {
    int filled = Math.min(bytes, STAMP_BYTES);
    Canary.stamp(
        source,
        filled,
        Canary.word0(Canary.TAG_DEVICE, t.content()),
        Canary.word1(t.attachment(), sequence));
    while (filled < bytes) {
      int part = Math.min(filled, bytes - filled);
      MemorySegment.copy(source, 0, source, filled, part);
      filled += part;
    }
  }
}
