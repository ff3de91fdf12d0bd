package dev.dmabufsim.benchmarks.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A device enters while the IOMMU blocks: Dekker's algorithm, bare. First number: was the device
 * let in? Second: did the IOMMU, once the slot was blocked, see it in flight?
 *
 * <p>Three controls leave out one part each of what the order rests on, and are expected to fail:
 * were they never seen to, then neither could the claims be.
 */
public final class Entry {
  private static final String REFUSED =
      "The device was refused, and there was nothing to wait for.";
  private static final String WITHDRAWN =
      "The device was refused, and seen before it withdrew: the IOMMU waits for it in vain.";
  private static final String SEEN = "The device was let in, and the IOMMU waits for it.";
  private static final String UNSEEN =
      "The device was let in, and the IOMMU believes that nothing is in flight.";

  private Entry() {}

  /** Claim. */
  @JCStressTest
  @Description("The guard and the IOMMU as they are.")
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = REFUSED)
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = WITHDRAWN)
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = SEEN)
  @Outcome(id = "1, 0", expect = FORBIDDEN, desc = UNSEEN)
  public static class AsItIs {
    /** Enters and stays. */
    @Actor
    public void device(OpenSlot slot, II_Result r) {
      r.r1 = slot.enter() ? 1 : 0;
    }

    /** Blocks and looks. */
    @Actor
    public void iommu(OpenSlot slot, II_Result r) {
      slot.block();
      r.r2 = slot.inFlight() ? 1 : 0;
    }
  }

  /** Control: the device without its fence. */
  @JCStressTest
  @Description("Control: the guard without its fence.")
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = REFUSED)
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = WITHDRAWN)
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = SEEN)
  @Outcome(id = "1, 0", expect = ACCEPTABLE_INTERESTING, desc = UNSEEN)
  public static class ControlDeviceUnfenced {
    /** Enters and stays. */
    @Actor
    public void device(OpenSlot slot, II_Result r) {
      r.r1 = slot.enterUnfenced() ? 1 : 0;
    }

    /** Blocks and looks. */
    @Actor
    public void iommu(OpenSlot slot, II_Result r) {
      slot.block();
      r.r2 = slot.inFlight() ? 1 : 0;
    }
  }

  /** Control: the IOMMU without its fence. */
  @JCStressTest
  @Description("Control: the IOMMU without its fence.")
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = REFUSED)
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = WITHDRAWN)
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = SEEN)
  @Outcome(id = "1, 0", expect = ACCEPTABLE_INTERESTING, desc = UNSEEN)
  public static class ControlIommuUnfenced {
    /** Enters and stays. */
    @Actor
    public void device(OpenSlot slot, II_Result r) {
      r.r1 = slot.enter() ? 1 : 0;
    }

    /** Blocks and looks. */
    @Actor
    public void iommu(OpenSlot slot, II_Result r) {
      slot.blockUnfenced();
      r.r2 = slot.inFlight() ? 1 : 0;
    }
  }

  /** Control: all fences in place, but the device reads before it publishes. */
  @JCStressTest
  @Description("Control: guard that reads the permission before it publishes.")
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = REFUSED)
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = WITHDRAWN)
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = SEEN)
  @Outcome(id = "1, 0", expect = ACCEPTABLE_INTERESTING, desc = UNSEEN)
  public static class ControlReadsFirst {
    /** Enters and stays. */
    @Actor
    public void device(OpenSlot slot, II_Result r) {
      r.r1 = slot.enterBackwards() ? 1 : 0;
    }

    /** Blocks and looks. */
    @Actor
    public void iommu(OpenSlot slot, II_Result r) {
      slot.block();
      r.r2 = slot.inFlight() ? 1 : 0;
    }
  }
}
