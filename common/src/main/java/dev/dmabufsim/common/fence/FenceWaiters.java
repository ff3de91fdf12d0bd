package dev.dmabufsim.common.fence;

import dev.dmabufsim.common.contract.FenceUsage;
import java.util.ArrayList;
import java.util.List;
import org.pcollections.PVector;
import org.pcollections.TreePVector;

/**
 * Who wants to be told when fences have signalled: callbacks, as {@code dma_fence_add_callback()}
 * adds them. Each is called once, when the last fence for which it waits signals; one that comes
 * late is not added at all.
 *
 * @param waiters in the order in which they came
 */
public record FenceWaiters(PVector<Waiter> waiters) {
  private static final FenceWaiters NONE = new FenceWaiters(TreePVector.empty());

  /** Somebody who waits, by his own number. */
  public record Waiter(long id, FenceUsage usage) {}

  /**
   * What came of it.
   *
   * @param left who waits on
   * @param called whose turn it is, in the order in which they came
   */
  public record Woken(FenceWaiters left, List<Long> called) {}

  /** Nobody. */
  public static FenceWaiters none() {
    return NONE;
  }

  /**
   * Adds one. If nothing is pending that he would wait for, he comes late: he is not added, and
   * will not be called.
   *
   * @return the same object if he came late
   */
  public FenceWaiters add(DmaResv resv, long id, FenceUsage usage) {
    return resv.signaled(usage) ? this : new FenceWaiters(waiters.plus(new Waiter(id, usage)));
  }

  /**
   * {@code dma_fence_remove_callback()}.
   *
   * @return the same object if he does not wait, since he was called before
   */
  public FenceWaiters remove(long id) {
    for (int i = 0; i < waiters.size(); i++) {
      if (waiters.get(i).id() == id) {
        return new FenceWaiters(waiters.minus(i));
      }
    }
    return this;
  }

  /** After a signal, or once fences were dropped: calls those who need not wait any more. */
  public Woken wake(DmaResv resv) {
    PVector<Waiter> left = TreePVector.empty();
    List<Long> called = new ArrayList<>();
    for (Waiter waiter : waiters) {
      if (resv.signaled(waiter.usage())) {
        called.add(waiter.id());
      } else {
        left = left.plus(waiter);
      }
    }
    return called.isEmpty()
        ? new Woken(this, List.of())
        : new Woken(new FenceWaiters(left), List.copyOf(called));
  }
}
