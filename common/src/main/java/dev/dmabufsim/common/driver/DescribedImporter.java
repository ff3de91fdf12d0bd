package dev.dmabufsim.common.driver;

import dev.dmabufsim.common.contract.FenceUsage;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * An importer's driver that is described and not programmed, as a scenario can do it.
 *
 * @param kind what it is called
 * @param description in one line
 * @param offer what it offers at attach
 * @param writes whether its engine writes, too
 * @param callback how long its callback runs
 * @param engineStops how long after the call its engine goes on
 * @param discardedReads whether it reads speculatively until it unmaps
 * @param fences what fences it adds
 * @param unmap when it unmaps
 * @param unmapDelay how much later
 * @param afterwards what it does then
 */
public record DescribedImporter(
    String kind,
    String description,
    ImporterOffer offer,
    boolean writes,
    Distribution callback,
    Distribution engineStops,
    boolean discardedReads,
    List<Fence> fences,
    Reaction.Unmap unmap,
    Distribution unmapDelay,
    Reaction.Afterwards afterwards)
    implements ImporterDriver {

  /** A fence, as {@link Reaction.PlannedFence}, its delay drawn each time. */
  public record Fence(
      FenceUsage usage, Reaction.Trigger trigger, Distribution delay, boolean error) {}

  /** Takes a copy of the fences. */
  public DescribedImporter {
    fences = List.copyOf(fences);
  }

  @Override
  public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
    return new Reaction(
        callback.draw(random),
        engineStops.draw(random),
        discardedReads,
        fences.stream()
            .map(f ->
                new Reaction.PlannedFence(
                    f.usage(), f.trigger(), f.delay().draw(random), f.error()))
            .toList(),
        unmap,
        unmapDelay.draw(random),
        afterwards,
        Reaction.Deviations.NONE);
  }
}
