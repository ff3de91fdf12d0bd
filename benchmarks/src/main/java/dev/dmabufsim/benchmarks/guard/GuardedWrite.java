package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.Guard;
import org.openjdk.jmh.annotations.CompilerControl;

/** The copy between {@link Guard#enter} and {@link Guard#leave}. */
final class GuardedWrite implements Write {
  private final Transfer transfer;
  private final Guard guard;
  private final long slotAt;

  GuardedWrite(Transfer transfer, Guard guard, long slotAt) {
    this.transfer = transfer;
    this.guard = guard;
    this.slotAt = slotAt;
  }

  @Override
  @CompilerControl(CompilerControl.Mode.DONT_INLINE)
  public void at(long offset) {
    if (!guard.enter(slotAt, PrivateFabric.GRANT)) {
      throw new IllegalStateException("refused");
    }
    try {
      transfer.copy(offset);
    } finally {
      guard.leave(slotAt);
    }
  }
}
