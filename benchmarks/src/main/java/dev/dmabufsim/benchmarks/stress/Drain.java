package dev.dmabufsim.benchmarks.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A device does DMA after DMA while the IOMMU blocks and drains: what the guard is for. First
 * number: when the device was refused (0 at once, 1 after some DMA, 2 never: it was done before).
 * Second: was the memory torn when the IOMMU had seen the drain? Third: did it change after that?
 *
 * <p>The device is in full swing when the IOMMU comes, so its fence falls on every instruction of
 * the guard and of the copy, sooner or later.
 */
public final class Drain {
  private static final String PROPER = "All bytes of the last copy are there, and none came later.";
  private static final String TORN = "The drain was seen, but not all bytes of the last copy.";
  private static final String LATER = "Bytes were written after the drain was seen.";

  private Drain() {}

  /** Claim. */
  @JCStressTest
  @Description("The guard and the IOMMU as they are.")
  @Outcome(id = "[012], 0, 0", expect = ACCEPTABLE, desc = PROPER)
  @Outcome(id = "[012], 1, [01]", expect = FORBIDDEN, desc = TORN)
  @Outcome(id = "[012], 0, 1", expect = FORBIDDEN, desc = LATER)
  public static class AsItIs {
    /** Does DMA until it is refused. */
    @Actor
    public void device(OpenSlot slot, III_Result r) {
      r.r1 = Revoke.device(slot, slot::enter);
    }

    /** Blocks, drains, looks. */
    @Actor
    public void iommu(OpenSlot slot) {
      slot.block();
      slot.drain();
      slot.look();
    }

    /** Looks again when the device has stopped. */
    @Arbiter
    public void owner(OpenSlot slot, III_Result r) {
      r.r2 = slot.lookedTorn() ? 1 : 0;
      r.r3 = slot.changedSinceLook() ? 1 : 0;
    }
  }

  /** Control: the device without its fence. */
  @JCStressTest
  @Description("Control: the guard without its fence.")
  @Outcome(id = "[012], 0, 0", expect = ACCEPTABLE, desc = PROPER)
  @Outcome(id = "[012], 1, [01]", expect = ACCEPTABLE_INTERESTING, desc = TORN)
  @Outcome(id = "[012], 0, 1", expect = ACCEPTABLE_INTERESTING, desc = LATER)
  public static class ControlDeviceUnfenced {
    /** Does DMA until it is refused. */
    @Actor
    public void device(OpenSlot slot, III_Result r) {
      r.r1 = Revoke.device(slot, slot::enterUnfenced);
    }

    /** Blocks, drains, looks. */
    @Actor
    public void iommu(OpenSlot slot) {
      slot.block();
      slot.drain();
      slot.look();
    }

    /** Looks again when the device has stopped. */
    @Arbiter
    public void owner(OpenSlot slot, III_Result r) {
      r.r2 = slot.lookedTorn() ? 1 : 0;
      r.r3 = slot.changedSinceLook() ? 1 : 0;
    }
  }
}
