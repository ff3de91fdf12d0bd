package dev.dmabufsim.benchmarks.stress;

import static dev.dmabufsim.benchmarks.stress.StressFabric.CONTROL;
import static dev.dmabufsim.benchmarks.stress.StressFabric.DMA_BYTES;
import static dev.dmabufsim.benchmarks.stress.StressFabric.GUARD;
import static dev.dmabufsim.benchmarks.stress.StressFabric.MEMORY;
import static dev.dmabufsim.benchmarks.stress.StressFabric.UNFENCED;

import dev.dmabufsim.benchmarks.PrivateFabric;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.Guard;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.openjdk.jcstress.annotations.State;

/** One open slot of a real control file and the memory behind it: what the two actors race for. */
@State
public class OpenSlot {
  static final int WORDS = DMA_BYTES / Long.BYTES;

  private static final long BLOCKED =
      ControlDescriptor.grant(PrivateFabric.GENERATION, ControlDescriptor.PERMISSION_BLOCKED);

  private final int slot = StressFabric.claim();
  private final long slotAt = CONTROL.slotAt(slot);
  private final long memoryAt = (long) slot * DMA_BYTES;
  private final long[] looked = new long[WORDS];

  /** Device: {@link Guard#enter}. */
  boolean enter() {
    return GUARD.enter(slotAt, PrivateFabric.GRANT);
  }

  /** Device: the same without its fence. */
  boolean enterUnfenced() {
    return UNFENCED.enter(slotAt, PrivateFabric.GRANT);
  }

  /**
   * Device: a guard with its two steps the wrong way round. It decides by what it reads first and
   * then publishes, whatever stands in the slot by now.
   */
  boolean enterBackwards() {
    boolean granted = CONTROL.grant(slot) == PrivateFabric.GRANT;
    boolean published = GUARD.enter(slotAt, PrivateFabric.GRANT) || GUARD.enter(slotAt, BLOCKED);
    return granted && published;
  }

  /** Device: {@link Guard#leave}. */
  void leave() {
    GUARD.leave(slotAt);
  }

  /** Device: one DMA write. */
  void write(long[] words) {
    MemorySegment.copy(words, 0, MEMORY, ValueLayout.JAVA_LONG, memoryAt, WORDS);
  }

  /** IOMMU: blocks the slot. */
  void block() {
    CONTROL.setPermission(slot, ControlDescriptor.PERMISSION_BLOCKED);
    CONTROL.barrier();
  }

  /** IOMMU: the same without its fence. */
  void blockUnfenced() {
    CONTROL.setPermission(slot, ControlDescriptor.PERMISSION_BLOCKED);
  }

  /** IOMMU: whether it has to wait. */
  boolean inFlight() {
    return CONTROL.inFlight(slot);
  }

  /** IOMMU: waits. Bounded, since a device in these tests always leaves. */
  void drain() {
    while (inFlight()) {
      Thread.onSpinWait();
    }
  }

  /** IOMMU: reads the memory. */
  void look() {
    MemorySegment.copy(MEMORY, ValueLayout.JAVA_LONG, memoryAt, looked, 0, WORDS);
  }

  /** Whether {@link #look} found bytes of more than one DMA. */
  boolean lookedTorn() {
    for (long word : looked) {
      if (word != looked[0]) {
        return true;
      }
    }
    return false;
  }

  /** Whether the memory is not any more as {@link #look} found it. */
  boolean changedSinceLook() {
    long[] now = new long[WORDS];
    MemorySegment.copy(MEMORY, ValueLayout.JAVA_LONG, memoryAt, now, 0, WORDS);
    return !Arrays.equals(looked, now);
  }
}
