package dev.dmabufsim.benchmarks.guard;

import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.openjdk.jmh.annotations.CompilerControl;

/** The copy under the read lock of a {@link ReentrantReadWriteLock}, never contended. */
final class ReadWriteLockWrite implements Write {
  private final Transfer transfer;
  private final ReentrantReadWriteLock.ReadLock lock = new ReentrantReadWriteLock().readLock();

  ReadWriteLockWrite(Transfer transfer) {
    this.transfer = transfer;
  }

  @Override
  @CompilerControl(CompilerControl.Mode.DONT_INLINE)
  public void at(long offset) {
    lock.lock();
    try {
      transfer.copy(offset);
    } finally {
      lock.unlock();
    }
  }
}
