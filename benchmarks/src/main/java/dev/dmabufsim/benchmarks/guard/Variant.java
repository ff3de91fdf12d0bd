package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.Membarrier;

/** What is put around the copy. */
public enum Variant {
  /** Nothing, compared with nothing: how far the harness itself is off. */
  UNGUARDED("nothing (harness error)"),

  /** The guard as it runs where the kernel has membarrier. */
  GUARD_ASYMMETRIC("guard, asymmetric"),

  /** The guard's fallback. */
  GUARD_FULL_FENCE("guard, full fence"),

  /** The host's guard and the slot's counters, as an engine runs it. */
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

  /** Whether it can be measured on this machine. */
  boolean available() {
    return this != GUARD_ASYMMETRIC || Membarrier.available();
  }

  /** The guard which devices on this machine use, and for which the targets are. */
  static Variant judged() {
    return GUARD_ASYMMETRIC.available() ? GUARD_ASYMMETRIC : GUARD_FULL_FENCE;
  }

  Write write(Transfer transfer, PrivateFabric fabric, int slot) {
    long slotAt = fabric.control().slotAt(slot);
    return switch (this) {
      case UNGUARDED -> new UnguardedWrite(transfer);
      case GUARD_ASYMMETRIC -> new GuardedWrite(transfer, guard(fabric, true), slotAt);
      case GUARD_FULL_FENCE -> new GuardedWrite(transfer, guard(fabric, false), slotAt);
      case GUARD_COUNTED -> new CountedWrite(transfer, fabric.guard(), fabric.control(), slotAt);
      case STAMPED_LOCK -> new StampedLockWrite(transfer);
      case READ_WRITE_LOCK -> new ReadWriteLockWrite(transfer);
    };
  }

  private static Guard guard(PrivateFabric fabric, boolean asymmetric) {
    return new Guard(fabric.control().memory(), asymmetric);
  }
}
