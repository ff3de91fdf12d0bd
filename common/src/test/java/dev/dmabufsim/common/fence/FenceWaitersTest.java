package dev.dmabufsim.common.fence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.fence.FenceWaiters.Woken;
import org.junit.jupiter.api.Test;

/** Callbacks early and late, as the kernel's tests of {@code dma_fence} demand them. */
final class FenceWaitersTest {
  private static final long CALLBACK = 42;

  private final DmaResv pending = DmaResv.empty().add(DmaFence.pending(1, 1), FenceUsage.BOOKKEEP);
  private final DmaResv signalled = pending.signal(1, 1, Errno.OK);

  private static FenceWaiters with(DmaResv resv) {
    return FenceWaiters.none().add(resv, CALLBACK, FenceUsage.BOOKKEEP);
  }

  @Test
  void aCallbackThatIsAddedEarlyIsCalledByTheSignal() {
    assertThat(with(pending).wake(signalled).called()).containsExactly(CALLBACK);
  }

  @Test
  void aCallbackThatIsAddedLateIsNotAddedAndNeverCalled() {
    FenceWaiters late = with(signalled);

    assertThat(late).isSameAs(FenceWaiters.none());
    assertThat(late.wake(signalled).called()).isEmpty();
  }

  @Test
  void aCallbackIsCalledOnce() {
    Woken woken = with(pending).wake(signalled);

    assertThat(woken.left().wake(signalled).called()).isEmpty();
    assertThat(woken.left().waiters()).isEmpty();
  }

  @Test
  void aCallbackThatWasRemovedInTimeIsNotCalled() {
    FenceWaiters removed = with(pending).remove(CALLBACK);

    assertThat(removed.waiters()).isEmpty();
    assertThat(removed.wake(signalled).called()).isEmpty();
  }

  @Test
  void aCallbackThatWasCalledCannotBeRemovedAnyMore() {
    FenceWaiters left = with(pending).wake(signalled).left();

    assertThat(left.remove(CALLBACK)).isSameAs(left);
  }

  @Test
  void aCallbackIsCalledByASignalWithAnErrorToo() {
    assertThat(with(pending).wake(pending.signal(1, 1, Errno.ENODEV)).called())
        .containsExactly(CALLBACK);
  }

  @Test
  void aCallbackWaitsForTheLastOfTheFencesOfItsUsageAndTheStrongerOnesOnly() {
    DmaResv resv =
        DmaResv.empty()
            .add(DmaFence.pending(1, 1), FenceUsage.KERNEL)
            .add(DmaFence.pending(2, 1), FenceUsage.WRITE)
            .add(DmaFence.pending(3, 1), FenceUsage.READ);
    FenceWaiters waiters =
        FenceWaiters.none()
            .add(resv, 10, FenceUsage.BOOKKEEP)
            .add(resv, 11, FenceUsage.WRITE)
            .add(resv, 12, FenceUsage.KERNEL)
            .add(resv, 13, FenceUsage.WRITE);

    DmaResv first = resv.signal(1, 1, Errno.OK);
    Woken afterKernel = waiters.wake(first);
    assertThat(afterKernel.called()).containsExactly(12L);

    DmaResv second = first.signal(2, 1, Errno.OK);
    Woken afterWrite = afterKernel.left().wake(second);
    assertThat(afterWrite.called()).containsExactly(11L, 13L);

    assertThat(afterWrite.left().wake(second.signal(3, 1, Errno.OK)).called()).containsExactly(10L);
  }
}
