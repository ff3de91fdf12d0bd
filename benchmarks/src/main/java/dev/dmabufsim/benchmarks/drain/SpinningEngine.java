package dev.dmabufsim.benchmarks.drain;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Guard;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An engine that never rests: one DMA write after another through all of its slots in turn. A
 * refusal does not stop it, so it notes how long it goes on being refused.
 */
final class SpinningEngine implements Runnable {
  private final ControlFile control;
  private final Guard guard;
  private final MemorySegment memory;
  private final MemorySegment source;
  private final int firstSlot;
  private final int lastSlot;
  private final int bytes;
  private volatile boolean stopped;
  private final AtomicLong done = new AtomicLong();
  private volatile int revoke;
  private int revokeRefused;
  private long firstRefusal;
  private long lastRefusal;

  /** An engine with the slots from {@code firstSlot} to {@code lastSlot}. */
  SpinningEngine(PrivateFabric fabric, int firstSlot, int lastSlot, int bytes) {
    this.control = fabric.control();
    this.guard = fabric.guard();
    this.memory = fabric.memory();
    this.source = Arena.ofAuto().allocate(bytes, 64);
    this.firstSlot = firstSlot;
    this.lastSlot = lastSlot;
    this.bytes = bytes;
  }

  @Override
  public void run() {
    int slot = firstSlot;
    while (!stopped) {
      operate(control.slotAt(slot));
      slot = slot < lastSlot ? slot + 1 : firstSlot;
    }
  }

  private void operate(long slotAt) {
    if (!guard.enter(slotAt, PrivateFabric.GRANT)) {
      control.countFault(slotAt);
      noteRefusal();
      return;
    }
    try {
      MemorySegment.copy(source, 0, memory, 0, bytes);
    } finally {
      guard.leave(slotAt);
    }
    control.countOperation(slotAt, bytes);
    // A release and no more: a volatile write would be a second fence beside the guard's.
    done.setRelease(done.getPlain() + 1);
  }

  private void noteRefusal() {
    long now = System.nanoTime();
    int current = revoke;
    if (revokeRefused != current) {
      revokeRefused = current;
      firstRefusal = now;
    }
    lastRefusal = now;
  }

  /** Tells it which revoke its refusals are to be put down to. */
  void expect(int newRevoke) {
    revoke = newRevoke;
  }

  /** DMA writes done. */
  long done() {
    return done.getAcquire();
  }

  /**
   * Nanoseconds between its first and its last refusal in a revoke, or -1 if it saw none. Not to be
   * called before {@link #done} has grown since the slots were opened again: that also makes these
   * fields visible.
   */
  long refusedNanos(int inRevoke) {
    return revokeRefused == inRevoke ? lastRefusal - firstRefusal : -1;
  }

  /** Ends it. */
  void stop() {
    stopped = true;
  }
}
