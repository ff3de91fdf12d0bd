package dev.dmabufsim.common.fabric;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * A segment, mapped. All of it can be severed, so what touches it may get {@link InternalError}.
 *
 * @param data the buffer's bytes
 * @param header the page behind them
 */
public record SegmentMemory(MemorySegment data, MemorySegment header) {
  /** A part of it, and nothing beyond can be reached through that: bytes. */
  public SegmentMemory part(long offset, long length) {
    return new SegmentMemory(data.asSlice(offset, length), header);
  }

  /**
   * Whose the memory is now.
   *
   * @throws InternalError if it was severed
   */
  public long owner() {
    // A plain access, as anything else is not sure to end in an exception when the page is gone.
    VarHandle.acquireFence();
    return header.get(ValueLayout.JAVA_LONG, SegmentDescriptor.OWNER_AT);
  }

  /**
   * Exporter: says whose it is from now on; what was written before is seen by whoever sees this.
   *
   * @throws InternalError if it was severed
   */
  public void owner(long owner) {
    VarHandle.releaseFence();
    header.set(ValueLayout.JAVA_LONG, SegmentDescriptor.OWNER_AT, owner);
    VarHandle.fullFence();
  }
}
