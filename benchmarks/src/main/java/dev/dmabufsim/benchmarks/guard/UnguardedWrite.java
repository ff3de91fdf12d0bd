package dev.dmabufsim.benchmarks.guard;

import org.openjdk.jmh.annotations.CompilerControl;

/** The copy and nothing else: what all others are compared with. */
final class UnguardedWrite implements Write {
  private final Transfer transfer;

  UnguardedWrite(Transfer transfer) {
    this.transfer = transfer;
  }

  @Override
  @CompilerControl(CompilerControl.Mode.DONT_INLINE)
  public void at(long offset) {
    transfer.copy(offset);
  }
}
