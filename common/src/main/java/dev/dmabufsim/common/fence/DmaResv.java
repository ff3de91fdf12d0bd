package dev.dmabufsim.common.fence;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongPredicate;
import org.pcollections.TreePMap;

/**
 * {@code struct dma_resv}: the fences of a buffer, each under a usage. Who waits for one usage
 * waits for the stronger ones, too.
 *
 * <p>What {@code dma_resv_add_fence()} does with fences of one context is kept: a later one takes
 * the place of an earlier one whose usage is not stronger; it does not take the place of one with a
 * stronger usage, which would be degraded by that. So an add can promote a fence, and never degrade
 * it. What is already waited for through a later fence of the same context under a usage as strong
 * is not held twice. A context thus has one fence for each usage at most.
 *
 * <p>A signalled fence is held until another is added, which takes its place.
 *
 * @param waiting the fences that have not signalled, by context
 * @param over those that have, by context
 * @param counts how many are in {@code waiting}, so that nobody has to count them
 */
public record DmaResv(
    TreePMap<Long, List<Held>> waiting, TreePMap<Long, List<Held>> over, Counts counts) {
  private static final DmaResv EMPTY =
      new DmaResv(TreePMap.empty(), TreePMap.empty(), new Counts(0, 0, 0, 0));

  /** A fence, and what it is there for. */
  public record Held(DmaFence fence, FenceUsage usage) {
    /** Whether everybody who waits for the other's end waits for this one's anyway. */
    boolean covers(Held other) {
      return fence.laterOrSame(other.fence) && usage.compareTo(other.usage) <= 0;
    }
  }

  /** How many pending fences there are of each usage, not counting those of the others. */
  public record Counts(int kernel, int write, int read, int bookkeep) {
    /** How many fences one who waits for that usage waits for. */
    public int waitedFor(FenceUsage usage) {
      return switch (usage) {
        case KERNEL -> kernel;
        case WRITE -> kernel + write;
        case READ -> kernel + write + read;
        case BOOKKEEP -> kernel + write + read + bookkeep;
      };
    }

    private Counts plus(FenceUsage usage, int by) {
      return switch (usage) {
        case KERNEL -> new Counts(kernel + by, write, read, bookkeep);
        case WRITE -> new Counts(kernel, write + by, read, bookkeep);
        case READ -> new Counts(kernel, write, read + by, bookkeep);
        case BOOKKEEP -> new Counts(kernel, write, read, bookkeep + by);
      };
    }

    private Counts plus(List<Held> fences, int by) {
      Counts next = this;
      for (Held held : fences) {
        next = next.plus(held.usage(), by);
      }
      return next;
    }
  }

  /** One without fences: nobody has to wait. */
  public static DmaResv empty() {
    return EMPTY;
  }

  /** The context of the fence with that number, of those that an attachment puts on a buffer. */
  public static long context(int attachment, int index) {
    return (long) attachment << 32 | Integer.toUnsignedLong(index);
  }

  /** The attachment whose context it is. */
  public static int attachment(long context) {
    return (int) (context >> 32);
  }

  /**
   * {@code dma_resv_add_fence()}. A fence that is held as signalled does not become pending by
   * being added again.
   */
  public DmaResv add(DmaFence fence, FenceUsage usage) {
    long context = fence.context();
    List<Held> open = at(waiting, context);
    List<Held> done = at(over, context);
    Held added =
        new Held(
            done.stream().map(Held::fence).filter(fence::same).findFirst().orElse(fence), usage);
    if (open.stream().anyMatch(h -> h.covers(added))) {
      return this;
    }
    List<Held> openLeft = open.stream().filter(h -> !added.covers(h)).toList();
    List<Held> doneLeft = done.stream().filter(h -> !added.covers(h)).toList();
    boolean replaces = openLeft.size() + doneLeft.size() < open.size() + done.size();
    DmaResv next = with(context, openLeft, doneLeft);
    if (!replaces) {
      next = next.withoutOneSignalled();
    }
    return added.fence().signaled()
        ? next.with(context, at(next.waiting, context), plus(at(next.over, context), added))
        : next.with(context, plus(at(next.waiting, context), added), at(next.over, context));
  }

  /**
   * {@code dma_fence_signal()}, with {@code dma_fence_set_error()} before it. Ignored if the fence
   * is not held, or has signalled.
   *
   * @param error OK, or the error
   */
  public DmaResv signal(long context, long seqno, Errno error) {
    List<Held> open = at(waiting, context);
    List<Held> openLeft = open.stream().filter(h -> h.fence().seqno() != seqno).toList();
    if (openLeft.size() == open.size()) {
      return this;
    }
    List<Held> done = at(over, context);
    for (Held held : open) {
      if (held.fence().seqno() == seqno) {
        done = plus(done, new Held(held.fence().signal(error), held.usage()));
      }
    }
    return with(context, openLeft, done);
  }

  /** {@code dma_resv_test_signaled()}: whether one who waits for that usage need not wait. */
  public boolean signaled(FenceUsage usage) {
    return counts.waitedFor(usage) == 0;
  }

  /** The fences for which one who waits for that usage waits still, by context. */
  public List<DmaFence> pending(FenceUsage usage) {
    List<DmaFence> fences = new ArrayList<>();
    if (!signaled(usage)) {
      addTo(fences, waiting, usage);
    }
    return fences;
  }

  /**
   * {@code dma_resv_for_each_fence()}: the fences of that usage and of the stronger ones, signalled
   * ones too; those still pending come first.
   */
  public List<DmaFence> fences(FenceUsage usage) {
    List<DmaFence> fences = pending(usage);
    addTo(fences, over, usage);
    return fences;
  }

  private static void addTo(
      List<DmaFence> fences, TreePMap<Long, List<Held>> from, FenceUsage usage) {
    for (List<Held> held : from.values()) {
      for (Held h : held) {
        if (usage.waitsFor(h.usage())) {
          fences.add(h.fence());
        }
      }
    }
  }

  /** {@code dma_resv_iter_usage()}: what a fence is held for, if it is held. */
  public Optional<FenceUsage> usage(long context, long seqno) {
    for (TreePMap<Long, List<Held>> fences : List.of(waiting, over)) {
      for (Held held : at(fences, context)) {
        if (held.fence().seqno() == seqno) {
          return Optional.of(held.usage());
        }
      }
    }
    return Optional.empty();
  }

  /** The fences of all contexts but those, as if those had never been added. */
  public DmaResv without(LongPredicate contexts) {
    DmaResv next = this;
    for (TreePMap<Long, List<Held>> fences : List.of(waiting, over)) {
      for (long context : fences.keySet()) {
        if (contexts.test(context)) {
          next = next.with(context, List.of(), List.of());
        }
      }
    }
    return next;
  }

  /** The timeout of a wait without one, nanoseconds. */
  public static final long MAX_SCHEDULE_TIMEOUT = Long.MAX_VALUE;

  /**
   * How a wait stands, as {@code dma_resv_wait_timeout()} returns it once it does.
   *
   * @param over whether it returns
   * @param result what: more than 0, and not more than what was left of the timeout, if the fences
   *     have signalled; 0 if it timed out; {@code -ERESTARTSYS} if it was interrupted
   */
  public record Wait(boolean over, long result) {
    static final Wait GOES_ON = new Wait(false, 0);

    /** Whether the fences have signalled. */
    public boolean done() {
      return over && result > 0;
    }

    /** Whether it timed out. */
    public boolean timedOut() {
      return over && result == 0;
    }

    /** Whether a signal broke it off. */
    public boolean interrupted() {
      return over && result < 0;
    }
  }

  /**
   * How a wait for fences of that usage and the stronger ones stands now.
   *
   * @param startedNanos when it began
   * @param nowNanos now, by the same clock
   * @param timeoutNanos how long it may take; with 0 it only looks
   * @param interrupted whether the wait can be interrupted and a signal is there
   */
  public Wait wait(
      FenceUsage usage, long startedNanos, long nowNanos, long timeoutNanos, boolean interrupted) {
    long left = timeoutNanos - (nowNanos - startedNanos);
    if (signaled(usage)) {
      return new Wait(true, Math.max(1, left));
    }
    if (interrupted && (left > 0 || timeoutNanos == 0)) {
      return new Wait(true, -Errno.ERESTARTSYS.number());
    }
    return left > 0 ? Wait.GOES_ON : new Wait(true, 0);
  }

  private DmaResv withoutOneSignalled() {
    if (over.isEmpty()) {
      return this;
    }
    Map.Entry<Long, List<Held>> first = over.firstEntry();
    List<Held> held = first.getValue();
    return with(first.getKey(), at(waiting, first.getKey()), held.subList(1, held.size()));
  }

  /** The same but for one context. */
  private DmaResv with(long context, List<Held> open, List<Held> done) {
    return new DmaResv(
        put(waiting, context, open),
        put(over, context, done),
        counts.plus(at(waiting, context), -1).plus(open, 1));
  }

  private static TreePMap<Long, List<Held>> put(
      TreePMap<Long, List<Held>> fences, long context, List<Held> held) {
    if (held.isEmpty()) {
      return fences.containsKey(context) ? fences.minus(context) : fences;
    }
    return fences.plus(context, List.copyOf(held));
  }

  private static List<Held> at(TreePMap<Long, List<Held>> fences, long context) {
    return fences.getOrDefault(context, List.of());
  }

  private static List<Held> plus(List<Held> fences, Held added) {
    List<Held> next = new ArrayList<>(fences);
    next.add(added);
    return next;
  }
}
