package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.Deviations;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What each {@link Behaviour} makes of what an importer would do, whichever it is. A pure function.
 */
public final class Misbehaviour {
  /** Longer than any run. */
  static final Duration FOR_EVER = Reaction.FOR_EVER;

  /** How long an importer that writes after its fences has to do so, at least. */
  static final Duration FENCED_PHASE = Duration.ofMillis(30);

  /** Of a driver that failed in its callback: that does not return, and nothing else happens. */
  public static final Reaction OOPS =
      new Reaction(
          FOR_EVER,
          FOR_EVER,
          false,
          List.of(),
          Unmap.NEVER,
          Duration.ZERO,
          Reaction.Afterwards.STAY_AWAY,
          Deviations.NONE);

  private Misbehaviour() {}

  /**
   * The reaction of an importer that would react so, and behaves like that.
   *
   * @param overrun by how much it is late, or goes on; see {@link Behaviour#takesOverrun}
   */
  public static Reaction apply(Behaviour behaviour, Duration overrun, Reaction r) {
    return switch (behaviour) {
      case HONEST -> r;
      case SLOW ->
          new Reaction(
              r.callback(),
              r.engineStops().plus(overrun),
              true,
              withFence(r).stream().map(f -> later(f, overrun)).toList(),
              outOfCallback(r.unmap()),
              delay(r).plus(overrun),
              r.afterwards(),
              r.deviations());
      case SILENT ->
          new Reaction(
              Duration.ZERO,
              FOR_EVER,
              r.discardedReads(),
              withFence(r).stream().map(f -> on(f, Trigger.NEVER)).toList(),
              Unmap.NEVER,
              Duration.ZERO,
              r.afterwards(),
              r.deviations());
      case LYING ->
          new Reaction(
              r.callback(),
              Duration.ZERO,
              true,
              r.fences().stream().map(f -> on(f, Trigger.INVALIDATED)).toList(),
              r.unmap(),
              Duration.ZERO,
              r.afterwards(),
              new Deviations(
                  true,
                  r.deviations().oldAddressFor(),
                  longer(r.deviations().oldTranslationFor(), overrun),
                  r.deviations().hammersMap()));
      case NEVER_UNMAPS ->
          new Reaction(
              r.callback(),
              r.engineStops(),
              true,
              outOfCallbackFences(r),
              Unmap.NEVER,
              Duration.ZERO,
              r.afterwards(),
              r.deviations());
      case WRITES_AFTER_FENCE ->
          new Reaction(
              r.callback(),
              r.engineStops(),
              true,
              outOfCallbackFences(r),
              outOfCallback(r.unmap()),
              longer(delay(r), FENCED_PHASE),
              r.afterwards(),
              new Deviations(
                  true,
                  r.deviations().oldAddressFor(),
                  r.deviations().oldTranslationFor(),
                  r.deviations().hammersMap()));
      case MAPS_AGAIN ->
          deviating(
              r,
              new Deviations(
                  r.deviations().writesWhenFenced(),
                  r.deviations().oldAddressFor(),
                  r.deviations().oldTranslationFor(),
                  true));
      case KEEPS_ADDRESS ->
          deviating(
              r,
              new Deviations(
                  r.deviations().writesWhenFenced(),
                  longer(r.deviations().oldAddressFor(), overrun),
                  r.deviations().oldTranslationFor(),
                  r.deviations().hammersMap()));
      case SKIPS_IOTLB_FLUSH ->
          deviating(
              r,
              new Deviations(
                  r.deviations().writesWhenFenced(),
                  r.deviations().oldAddressFor(),
                  longer(r.deviations().oldTranslationFor(), overrun),
                  r.deviations().hammersMap()));
    };
  }

  private static Reaction deviating(Reaction r, Deviations deviations) {
    return new Reaction(
        r.callback(),
        r.engineStops(),
        r.discardedReads(),
        r.fences(),
        r.unmap(),
        r.unmapDelay(),
        r.afterwards(),
        deviations);
  }

  /** Its fences, or one if it has none, so that there is one to be late or to break. */
  private static List<PlannedFence> withFence(Reaction r) {
    return r.fences().isEmpty() ? List.of(bookkeep()) : r.fences();
  }

  /**
   * Who did everything in the callback does it behind a fence, so that what a fence promises is
   * kept: the engine stops no later than it says.
   */
  private static List<PlannedFence> outOfCallbackFences(Reaction r) {
    if (r.unmap() != Unmap.IN_CALLBACK) {
      return r.fences();
    }
    List<PlannedFence> fences = new ArrayList<>(r.fences());
    fences.add(bookkeep());
    return fences;
  }

  private static PlannedFence bookkeep() {
    return PlannedFence.afterStop(FenceUsage.BOOKKEEP, Duration.ZERO);
  }

  private static Unmap outOfCallback(Unmap unmap) {
    return switch (unmap) {
      case IN_CALLBACK, AFTER_FENCES -> Unmap.AFTER_FENCES;
      case NEVER -> Unmap.NEVER;
    };
  }

  private static Duration delay(Reaction r) {
    return r.unmap() == Unmap.IN_CALLBACK ? Duration.ZERO : r.unmapDelay();
  }

  /** A fence that waits for the engine is late when that is. */
  private static PlannedFence later(PlannedFence f, Duration overrun) {
    return f.trigger() == Trigger.INVALIDATED
        ? new PlannedFence(f.usage(), f.trigger(), f.delay().plus(overrun), f.error())
        : f;
  }

  private static PlannedFence on(PlannedFence f, Trigger trigger) {
    return new PlannedFence(f.usage(), trigger, Duration.ZERO, f.error());
  }

  private static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) >= 0 ? one : other;
  }
}
