package dev.dmabufsim.benchmarks.drain;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Blocks and drains all slots of a fabric, opens them again, and so on. This thread is the IOMMU.
 *
 * @param slots how many, all open and in use
 * @param load what the engines do
 * @param warmups revokes before the first that counts
 * @param repetitions revokes that count
 */
record DrainRun(int slots, Load load, int warmups, int repetitions) {
  private static final int SEGMENT_BYTES = 1 << 20;

  /** Writes that each engine must have done between two revokes, so that it is at full speed. */
  private static final int WRITES_BETWEEN = 100;

  /** Longer than any copy here that is not interrupted. */
  private static final int LOOKS_BEFORE_PARK = 2000;

  private static final long PARK_NANOS = 10_000;

  private static final long LIMIT_NANOS = 30_000_000_000L;
  private static final long PAUSE_NANOS = 50_000;

  Revokes run() throws InterruptedException {
    Revokes revokes = new Revokes(load);
    try (Arena arena = Arena.ofShared()) {
      PrivateFabric fabric = PrivateFabric.create(slots, SEGMENT_BYTES, arena);
      for (int slot = 0; slot < slots; slot++) {
        fabric.open(slot);
      }
      List<SpinningEngine> engines = engines(fabric);
      List<Thread> threads =
          engines.stream().map(e -> Thread.ofPlatform().daemon().start(e)).toList();
      try {
        for (int revoke = 1; revoke <= warmups + repetitions; revoke++) {
          if (revoke == warmups + 1) {
            revokes.reset();
          }
          one(fabric.control(), engines, revoke, revokes);
        }
      } finally {
        engines.forEach(SpinningEngine::stop);
        for (Thread thread : threads) {
          thread.join();
        }
      }
      revokes.operations = engines.stream().mapToLong(SpinningEngine::done).sum();
    }
    return revokes;
  }

  private List<SpinningEngine> engines(PrivateFabric fabric) {
    List<SpinningEngine> engines = new ArrayList<>();
    for (int i = 0; i < load.engines(); i++) {
      int first = slots * i / load.engines();
      int last = slots * (i + 1) / load.engines() - 1;
      engines.add(new SpinningEngine(fabric, first, last, load.bytes()));
    }
    return engines;
  }

  private void one(ControlFile control, List<SpinningEngine> engines, int revoke, Revokes revokes) {
    awaitWrites(engines);
    engines.forEach(engine -> engine.expect(revoke));
    long begun = System.nanoTime();
    permit(control, ControlDescriptor.PERMISSION_BLOCKED);
    control.barrier();
    long blocked = System.nanoTime();
    boolean waited = drain(control);
    long drained = System.nanoTime();
    permit(control, ControlDescriptor.PERMISSION_READ_WRITE);
    awaitWrites(engines);

    revokes.block.recordValue(blocked - begun);
    revokes.drain.recordValue(drained - blocked);
    revokes.total.recordValue(drained - begun);
    revokes.waited += waited ? 1 : 0;
    for (SpinningEngine engine : engines) {
      long refused = engine.refusedNanos(revoke);
      if (refused >= 0) {
        revokes.refused.recordValue(refused);
      }
    }
  }

  private void permit(ControlFile control, int permission) {
    for (int slot = 0; slot < slots; slot++) {
      control.setPermission(slot, permission);
    }
  }

  private boolean drain(ControlFile control) {
    long begun = System.nanoTime();
    boolean waited = false;
    for (int slot = 0; slot < slots; slot++) {
      int looks = 0;
      while (control.inFlight(slot)) {
        waited = true;
        if (++looks < LOOKS_BEFORE_PARK) {
          Thread.onSpinWait();
        } else {
          // That engine has lost its CPU in mid-copy, perhaps to this very thread.
          pause(PARK_NANOS, begun);
        }
      }
    }
    return waited;
  }

  private static void awaitWrites(List<SpinningEngine> engines) {
    long begun = System.nanoTime();
    for (SpinningEngine engine : engines) {
      long enough = engine.done() + WRITES_BETWEEN;
      while (engine.done() < enough) {
        pause(PAUSE_NANOS, begun);
      }
    }
  }

  private static void pause(long nanos, long begun) {
    if (System.nanoTime() - begun > LIMIT_NANOS) {
      throw new IllegalStateException("an engine has not moved for 30 s");
    }
    LockSupport.parkNanos(nanos);
  }
}
