package dev.dmabufsim.benchmarks.guard;

import java.util.concurrent.locks.StampedLock;
import org.openjdk.jmh.annotations.CompilerControl;

/** The copy under a read lock of a {@link StampedLock}, never contended. */
final class StampedLockWrite implements Write {
  private final Transfer transfer;
  private final StampedLock lock = new StampedLock();

  StampedLockWrite(Transfer transfer) {
    this.transfer = transfer;
  }

  @Override
  @CompilerControl(CompilerControl.Mode.DONT_INLINE)
  public void at(long offset) {
    long stamp = lock.readLock();
    try {
      transfer.copy(offset);
    } finally {
      lock.unlockRead(stamp);
    }
  }
}
