package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.dmabufsim.common.testing.InSharedMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
final class GuardTest {
  private static final int SEGMENT_BYTES = 4096;

  /** Few, so that a DMA is short and most of the engine's time is spent entering and leaving. */
  private static final int DMA_WORDS = 32;

  private static final int ROUNDS = 200_000;
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(4);

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  /**
   * The proof on which everything rests, tried: one thread opens and blocks a slot, over and over,
   * while another does guarded writes as fast as it can. Once the slot is blocked, the barrier
   * issued and nothing in flight, no byte changes.
   */
  @Test
  void noByteChangesOnceABlockedSlotWasSeenIdle() throws Exception {
    try (Fabric fabric = Fabric.create(shm, 1);
        Arena arena = Arena.ofShared()) {
      ControlFile control = ControlFile.create(shm.resolve("control"), 1, 1);
      fabric.createSegment(1, SEGMENT_BYTES);
      // Two mappings of the memory, as in two processes.
      MemorySegment ours = fabric.mapSegment(1, SEGMENT_BYTES, arena).data();
      Engine engine =
          new Engine(
              new Guard(control.memory()),
              control.slotAt(0),
              fabric.mapSegment(1, SEGMENT_BYTES, arena).data());
      Thread thread = Thread.ofPlatform().start(engine);
      try {
        long end = System.nanoTime() + LIMIT_NANOS;
        Random random = new Random(1);
        long[] drained = new long[DMA_WORDS];
        long[] later = new long[DMA_WORDS];
        for (int round = 1; round <= ROUNDS && System.nanoTime() - end < 0; round++) {
          long before = stamp(ours);
          open(control, round);
          engine.grant.set(control.grant(0));
          while (stamp(ours) == before) {
            rest();
          }
          look(control, random.nextInt(50));

          control.setPermission(0, ControlDescriptor.PERMISSION_BLOCKED);
          control.barrier();
          while (control.inFlight(0)) {
            rest();
          }
          read(ours, drained);
          look(control, random.nextInt(50));
          read(ours, later);

          if (!Arrays.equals(drained, later)) {
            assertThat(later).as("round %d, after the drain", round).isEqualTo(drained);
          }
        }
      } finally {
        engine.stop.set(true);
        thread.join();
      }
      assertThat(engine.refused).as("DMA that met a blocked slot").isPositive();
    }
  }

  private static void open(ControlFile control, long generation) {
    control.openSlot(
        0,
        new SlotMapping(1, 1, 1, 1, 1, generation, 0, SEGMENT_BYTES, 0),
        ControlDescriptor.SLOT_TRANSLATED);
  }

  private static long stamp(MemorySegment memory) {
    return (long) ControlDescriptor.LONG.getAcquire(memory, 0L);
  }

  private static void read(MemorySegment memory, long[] into) {
    MemorySegment.copy(memory, ValueLayout.JAVA_LONG, 0, into, 0, into.length);
  }

  /**
   * Some time goes by, in which the slot is read: that takes its cache line from the engine's core,
   * whose next mark of a DMA in flight then waits in its store buffer, and can be overtaken by a
   * read of the permission unless something keeps the order.
   */
  private static void look(ControlFile control, int times) {
    for (int i = 0; i < times; i++) {
      control.inFlight(0);
    }
  }

  /** On a busy machine the other thread may wait for this one's core. */
  @SuppressWarnings("ThreadPriorityCheck")
  private static void rest() throws InterruptedException {
    Thread.yield();
    if (Thread.interrupted()) {
      throw new InterruptedException("the other thread does not come to what is waited for");
    }
  }

  private static final class Engine implements Runnable {
    final AtomicLong grant = new AtomicLong();
    final AtomicBoolean stop = new AtomicBoolean();
    private final Guard guard;
    private final long slotAt;
    private final MemorySegment memory;
    long refused;

    Engine(Guard guard, long slotAt, MemorySegment memory) {
      this.guard = guard;
      this.slotAt = slotAt;
      this.memory = memory;
    }

    @Override
    public void run() {
      long stamp = 0;
      while (!stop.get()) {
        if (guard.enter(slotAt, grant.get())) {
          stamp++;
          for (int word = 0; word < DMA_WORDS; word++) {
            memory.set(ValueLayout.JAVA_LONG, word * 8L, stamp);
          }
          guard.leave(slotAt);
        } else {
          refused++;
        }
      }
    }
  }

  @Test
  void aDmaIsInFlightFromEnteringToLeaving() throws IOException {
    ControlFile control = ControlFile.create(shm.resolve("control"), 1, 1);
    Guard guard = new Guard(control.memory());
    open(control, 5);

    assertThat(control.inFlight(0)).isFalse();
    assertThat(guard.enter(control.slotAt(0), control.grant(0))).isTrue();
    assertThat(control.inFlight(0)).isTrue();
    guard.leave(control.slotAt(0));
    assertThat(control.inFlight(0)).isFalse();
  }

  @Test
  void onlyTheVeryGrantThatStandsInTheSlotOpensItAndARefusalLeavesNothingInFlight()
      throws IOException {
    ControlFile control = ControlFile.create(shm.resolve("control"), 1, 1);
    Guard guard = new Guard(control.memory());
    long wanted = ControlDescriptor.grant(5, ControlDescriptor.PERMISSION_READ_WRITE);

    for (int generation = 4; generation <= 6; generation++) {
      for (int permission = 0; permission <= 3; permission++) {
        open(control, generation);
        control.setPermission(0, permission);
        boolean right = generation == 5 && permission == ControlDescriptor.PERMISSION_READ_WRITE;

        assertThat(guard.enter(control.slotAt(0), wanted))
            .as("generation %d, permission %d", generation, permission)
            .isEqualTo(right);
        assertThat(control.inFlight(0)).isEqualTo(right);
        control.clearInFlight(0);
        assertThat(control.inFlight(0)).isFalse();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-128, -1, 561_153, 561_280, 1L << 40, Long.MIN_VALUE, Long.MAX_VALUE})
  void aSlotThatIsNotWhollyInTheControlFileIsRefusedAndNotTouched(long slot) throws IOException {
    ControlFile control = ControlFile.create(shm.resolve("control"), 1, 1);
    assertThat(control.slotAt(0)).isEqualTo(561_152);
    byte[] before = Files.readAllBytes(shm.resolve("control"));
    Guard guard = new Guard(control.memory());

    assertThat(guard.enter(slot, 0)).isFalse();
    guard.leave(slot);

    assertThat(Files.readAllBytes(shm.resolve("control"))).isEqualTo(before);
  }

  @Test
  void memoryThatMayBeUnmappedIsNoControlFile() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment passing = arena.allocate(8192, 8);
      assertThatIllegalArgumentException().isThrownBy(() -> new Guard(passing));
    }
    MemorySegment heap = MemorySegment.ofArray(new long[1024]);
    assertThatIllegalArgumentException().isThrownBy(() -> new Guard(heap));
  }
}
