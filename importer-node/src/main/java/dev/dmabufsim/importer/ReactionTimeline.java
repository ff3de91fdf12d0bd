package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.driver.Reaction.PlannedFence;
import dev.dmabufsim.common.driver.Reaction.Trigger;
import dev.dmabufsim.common.driver.Reaction.Unmap;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.importer.AttachmentEffect.Fence;
import dev.dmabufsim.importer.AttachmentEffect.Signal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A {@link Reaction}, and how far it has been played. Immutable; time is an argument.
 *
 * <p>What the plan says of the engine is only asked for: a fence that waits for the engine, and the
 * unmap, come when the engine has confirmed. So an honest plan is kept on a machine that is late.
 *
 * @param plan what is played
 * @param calledNanos when the callback was called
 * @param stopAsked whether the engine was told to stop
 * @param stoppedNanos when it had stopped, or {@link #NEVER}
 * @param returned whether the callback has returned
 * @param signalled which fences have signalled, a bit for each
 * @param releaseAsked whether the engine was told to give the mapping up
 * @param released whether it has
 */
record ReactionTimeline(
    Reaction plan,
    long calledNanos,
    boolean stopAsked,
    long stoppedNanos,
    boolean returned,
    long signalled,
    boolean releaseAsked,
    boolean released) {
  /** A time that does not come. */
  static final long NEVER = Long.MAX_VALUE;

  /** Plans of a year and more are plans for never. */
  private static final long AGES_NANOS = Misbehaviour.FOR_EVER.toNanos();

  /**
   * What is to be done at some moment.
   *
   * @param next how far it is then
   * @param stop whether to stop the engine
   * @param release whether to have it give the mapping up, and stop if it has not
   * @param oldTranslationNanos for how long it is to use the translation all the same
   * @param returns whether the callback returns now
   * @param signals the fences that signal now
   */
  record Moment(
      ReactionTimeline next,
      boolean stop,
      boolean release,
      long oldTranslationNanos,
      boolean returns,
      List<Signal> signals) {}

  /** The callback is called. */
  static ReactionTimeline begin(Reaction plan, long nowNanos) {
    return new ReactionTimeline(plan, nowNanos, false, NEVER, false, 0, false, false);
  }

  /** The engine confirms that it has stopped. */
  ReactionTimeline engineStopped(long nowNanos) {
    return stopAsked && stoppedNanos == NEVER
        ? new ReactionTimeline(
            plan, calledNanos, true, nowNanos, returned, signalled, releaseAsked, released)
        : this;
  }

  /** The engine confirms that it has given the mapping up, and so that it has stopped. */
  ReactionTimeline engineReleased(long nowNanos) {
    return releaseAsked && !released
        ? new ReactionTimeline(
            plan,
            calledNanos,
            true,
            Math.min(stoppedNanos, nowNanos),
            returned,
            signalled,
            true,
            true)
        : this;
  }

  /** Does what is due. */
  Moment advance(long nowNanos) {
    boolean stop = !stopAsked && !releaseAsked && nowNanos >= after(plan.engineStops());
    boolean back = returned || nowNanos >= returnAt();
    long signal = signalled;
    List<Signal> signals = new ArrayList<>();
    if (back) {
      for (int i = 0; i < plan.fences().size(); i++) {
        if ((signal >>> i & 1) == 0 && nowNanos >= fenceAt(i)) {
          signal |= 1L << i;
          signals.add(signalOf(i));
        }
      }
    }
    ReactionTimeline next =
        new ReactionTimeline(
            plan,
            calledNanos,
            stopAsked || stop,
            stoppedNanos,
            back,
            signal,
            releaseAsked,
            released);
    boolean release = !releaseAsked && nowNanos >= next.releaseAt();
    return new Moment(
        release ? next.releasing() : next,
        stop && !release,
        release,
        release ? oldTranslationNanos(nowNanos) : 0,
        back && !returned,
        signals);
  }

  private ReactionTimeline releasing() {
    return new ReactionTimeline(
        plan, calledNanos, true, stoppedNanos, returned, signalled, true, released);
  }

  /** When something is due next that does not wait for the engine. */
  long dueNanos() {
    long due = NEVER;
    if (!stopAsked && !releaseAsked) {
      due = Math.min(due, after(plan.engineStops()));
    }
    if (!returned) {
      due = Math.min(due, returnAt());
    } else {
      for (int i = 0; i < plan.fences().size(); i++) {
        if ((signalled >>> i & 1) == 0) {
          due = Math.min(due, fenceAt(i));
        }
      }
    }
    return releaseAsked ? due : Math.min(due, releaseAt());
  }

  /** Whether nothing is to come any more, but for fences that never signal. */
  boolean over() {
    return released && returned && (signalled | never()) == all();
  }

  /** Whether it will never be unmapped. */
  boolean stuck() {
    if (released) {
      return false;
    }
    return isNever(plan.callback())
        || switch (plan.unmap()) {
          case IN_CALLBACK -> isNever(plan.engineStops());
          case AFTER_FENCES -> never() != 0 || isNever(plan.unmapDelay());
          case NEVER -> true;
        };
  }

  /** Whether the last of its fences has signalled, or it has returned and has none. */
  boolean fenced() {
    return returned && signalled == all();
  }

  /** Every fence that it holds. */
  List<Fence> fences() {
    List<Fence> fences = new ArrayList<>(plan.fences().size());
    for (int i = 0; i < plan.fences().size(); i++) {
      fences.add(new Fence(i, plan.fences().get(i).usage()));
    }
    return fences;
  }

  /** Those that have signalled. */
  List<Signal> signals() {
    List<Signal> signals = new ArrayList<>();
    for (int i = 0; i < plan.fences().size(); i++) {
      if ((signalled >>> i & 1) != 0) {
        signals.add(signalOf(i));
      }
    }
    return signals;
  }

  /** The kernel has a hung job's fence signal with an error of this kind. */
  private Signal signalOf(int i) {
    return new Signal(i, plan.fences().get(i).error() ? Errno.ENODEV : Errno.OK);
  }

  private long returnAt() {
    if (plan.unmap() == Unmap.IN_CALLBACK) {
      return released ? releaseAt() : NEVER;
    }
    return after(plan.callback());
  }

  /** What it does no more after the callback, it does before that returns. */
  private long releaseAt() {
    return switch (plan.unmap()) {
      case IN_CALLBACK -> Math.max(after(plan.callback()), after(plan.engineStops()));
      case AFTER_FENCES -> {
        long last = returned ? returnAt() : NEVER;
        for (int i = 0; i < plan.fences().size(); i++) {
          last = Math.max(last, (signalled >>> i & 1) == 0 ? NEVER : fenceAt(i));
        }
        yield plus(last, plan.unmapDelay());
      }
      case NEVER -> NEVER;
    };
  }

  private long fenceAt(int i) {
    PlannedFence fence = plan.fences().get(i);
    long trigger =
        switch (fence.trigger()) {
          case ENGINE_STOPPED -> Planted.ACK_BEFORE_STOP.planted() ? calledNanos : stoppedNanos;
          case INVALIDATED -> calledNanos;
          case NEVER -> NEVER;
        };
    return Math.max(returnAt(), plus(trigger, fence.delay()));
  }

  /**
   * A plan that unmaps before its engine stops leaves it the translation. Not so in the callback:
   * that waits for the engine.
   */
  private long oldTranslationNanos(long nowNanos) {
    long planned = plan.deviations().oldTranslationFor().toNanos();
    return plan.unmap() == Unmap.IN_CALLBACK
        ? planned
        : Math.max(planned, remaining(after(plan.engineStops()), nowNanos));
  }

  private static long remaining(long at, long nowNanos) {
    return at == NEVER ? AGES_NANOS : Math.max(0, at - nowNanos);
  }

  private long all() {
    return plan.fences().isEmpty() ? 0 : -1L >>> (Long.SIZE - plan.fences().size());
  }

  private long never() {
    long never = 0;
    for (int i = 0; i < plan.fences().size(); i++) {
      PlannedFence fence = plan.fences().get(i);
      if (fence.trigger() == Trigger.NEVER
          || isNever(fence.delay())
          || (fence.trigger() == Trigger.ENGINE_STOPPED && isNever(plan.engineStops()))) {
        never |= 1L << i;
      }
    }
    return never;
  }

  private long after(Duration time) {
    return plus(calledNanos, time);
  }

  private static long plus(long at, Duration time) {
    return at == NEVER || isNever(time) ? NEVER : at + time.toNanos();
  }

  private static boolean isNever(Duration time) {
    return time.compareTo(Misbehaviour.FOR_EVER) >= 0;
  }
}
