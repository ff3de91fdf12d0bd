package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.PrivateFabric;
import java.lang.foreign.Arena;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One variant and the unguarded copy, in turns, in one JVM and on the same memory.
 *
 * <p>What is looked for is a difference of some nanoseconds in copies whose own time varies by more
 * than that from one JVM to the next (which physical pages it got) and from one second to the next
 * (what else runs on the machine). So the two are not measured in separate JMH runs. They alternate
 * every few dozen microseconds, alone–with–with–alone, in which order any steady drift cancels, and
 * each such round gives one difference; {@link PairedTimes} takes the median. One variant for each
 * JVM, so that no variant's profile spoils another's code.
 */
@State(Scope.Thread)
public class PairedCopy {
  private static final int SLOTS = 4096;
  private static final int SLOT = 1234;
  private static final int SEGMENT_BYTES = 1 << 20;

  /** A burst moves about this much, so that reading the clock weighs nothing. */
  private static final int BURST_BYTES = 1 << 20;

  private static final int BURST_OPERATIONS_MAX = 4096;

  /** What is around the copy. */
  @Param("GUARD")
  public Variant variant;

  /** Bytes of one write. */
  @Param("64")
  public int bytes;

  /** Writes walk through so much of the segment, bytes. */
  @Param("1048576")
  public int window;

  private Arena arena;
  private Transfer transfer;
  private Write alone;
  private Write with;
  private int operations;

  /** Maps the memory and opens the slot. */
  @Setup
  public void map() {
    arena = Arena.ofConfined();
    PrivateFabric fabric = PrivateFabric.create(SLOTS, SEGMENT_BYTES, arena);
    fabric.open(SLOT);
    transfer =
        new Transfer(arena.allocate(Transfer.SOURCE_BYTES, 64), fabric.memory(), bytes, window);
    alone = new UnguardedWrite(transfer);
    with = variant.write(transfer, fabric, SLOT);
    operations = Math.clamp(BURST_BYTES / bytes, 1, BURST_OPERATIONS_MAX);
  }

  /** Unmaps it. */
  @TearDown(Level.Trial)
  public void unmap() {
    arena.close();
  }

  /** One round. */
  @Benchmark
  public void round(PairedTimes times) {
    long t0 = System.nanoTime();
    runAlone();
    long t1 = System.nanoTime();
    runWith();
    long t2 = System.nanoTime();
    runWith();
    long t3 = System.nanoTime();
    runAlone();
    long t4 = System.nanoTime();
    times.add((t1 - t0) + (t4 - t3), (t2 - t1) + (t3 - t2), 2 * operations);
  }

  // Twice the same loop, so that each has one kind of write to call.
  private void runAlone() {
    long offset = 0;
    for (int i = 0; i < operations; i++) {
      alone.at(offset);
      offset = transfer.next(offset);
    }
  }

  private void runWith() {
    long offset = 0;
    for (int i = 0; i < operations; i++) {
      with.at(offset);
      offset = transfer.next(offset);
    }
  }
}
