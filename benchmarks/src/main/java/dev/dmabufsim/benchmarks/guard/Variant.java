package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.UnfencedGuard;

/** What is put around the copy. */
public enum Variant {
  /** Nothing, compared with nothing: how far the harness itself is off. */
  UNGUARDED("nothing (harness error)"),

  /** The guard. */
  GUARD("guard"),

  /** The guard without its fence, which is not safe: what an asymmetric barrier would save. */
  GUARD_NO_FENCE("guard, no fence (unsafe)"),

  /** The guard and the slot's counters, as an engine runs it. */
  GUARD_COUNTED("guard and counters"),

  /** {@link java.util.concurrent.locks.StampedLock}. */
  STAMPED_LOCK("StampedLock, read"),

  /** {@link java.util.concurrent.locks.ReentrantReadWriteLock}. */
  READ_WRITE_LOCK("ReentrantReadWriteLock, read");

  private final String title;

  Variant(String title) {
    this.title = title;
  }

  String title() {
    return title;
  }

  Write write(Transfer transfer, PrivateFabric fabric, int slot) {
    long slotAt = fabric.control().slotAt(slot);
    return switch (this) {
      case UNGUARDED -> new UnguardedWrite(transfer);
      case GUARD -> new GuardedWrite(transfer, fabric.guard(), slotAt);
      case GUARD_NO_FENCE ->
          new UnfencedWrite(transfer, new UnfencedGuard(fabric.control().memory()), slotAt);
      case GUARD_COUNTED -> new CountedWrite(transfer, fabric.guard(), fabric.control(), slotAt);
      case STAMPED_LOCK -> new StampedLockWrite(transfer);
      case READ_WRITE_LOCK -> new ReadWriteLockWrite(transfer);
    };
  }
}
