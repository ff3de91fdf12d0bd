package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.UnfencedGuard;
import org.openjdk.jmh.annotations.CompilerControl;

/** {@link GuardedWrite} without the fence. */
final class UnfencedWrite implements Write {
  private final Transfer transfer;
  private final UnfencedGuard guard;
  private final long slotAt;

  UnfencedWrite(Transfer transfer, UnfencedGuard guard, long slotAt) {
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
