package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Guard;
import org.openjdk.jmh.annotations.CompilerControl;

/** The guarded copy, and the slot's counters as an engine keeps them. */
final class CountedWrite implements Write {
  private final Transfer transfer;
  private final Guard guard;
  private final ControlFile control;
  private final long slotAt;

  CountedWrite(Transfer transfer, Guard guard, ControlFile control, long slotAt) {
    this.transfer = transfer;
    this.guard = guard;
    this.control = control;
    this.slotAt = slotAt;
  }

  @Override
  @CompilerControl(CompilerControl.Mode.DONT_INLINE)
  public void at(long offset) {
    if (!guard.enter(slotAt, PrivateFabric.GRANT)) {
      control.countFault(slotAt);
      throw new IllegalStateException("refused");
    }
    try {
      transfer.copy(offset);
    } finally {
      guard.leave(slotAt);
    }
    control.countOperation(slotAt, transfer.bytes());
  }
}
