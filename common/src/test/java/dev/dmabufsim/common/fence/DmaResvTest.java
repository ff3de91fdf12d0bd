package dev.dmabufsim.common.fence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.fence.DmaResv.Wait;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What {@code dma-resv.c} documents and the kernel's tests of it ({@code st-dma-resv.c}) demand for
 * each of the four usages.
 */
final class DmaResvTest {
  private static DmaResv with(long context, long seqno, FenceUsage usage) {
    return DmaResv.empty().add(DmaFence.pending(context, seqno), usage);
  }

  // Signalling, for_each, get_fences.

  @ParameterizedTest
  @EnumSource
  void oneWithoutFencesIsSignalledForEveryUsage(FenceUsage usage) {
    assertThat(DmaResv.empty().signaled(usage)).isTrue();
    assertThat(DmaResv.empty().fences(usage)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void isNotSignalledUntilItsFenceIs(FenceUsage usage) {
    DmaResv resv = with(1, 1, usage);
    assertThat(resv.signaled(usage)).isFalse();

    assertThat(resv.signal(1, 1, Errno.OK).signaled(usage)).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void iteratesOverTheOneFenceThatIsThereUnderItsUsage(FenceUsage usage) {
    DmaResv resv = with(1, 1, usage);

    assertThat(resv.fences(usage)).containsExactly(DmaFence.pending(1, 1));
    assertThat(resv.usage(1, 1)).contains(usage);
    assertThat(resv.usage(1, 2)).isEmpty();
  }

  @Test
  void anIterationShowsSignalledFencesTooAndAWaitDoesNot() {
    DmaResv resv = with(1, 1, FenceUsage.READ).signal(1, 1, Errno.ENODEV);

    assertThat(resv.fences(FenceUsage.READ))
        .containsExactly(DmaFence.pending(1, 1).signal(Errno.ENODEV));
    assertThat(resv.pending(FenceUsage.READ)).isEmpty();
  }

  // Inclusion.

  @ParameterizedTest
  @CsvSource({
    "KERNEL,   KERNEL,   true",
    "KERNEL,   WRITE,    false",
    "KERNEL,   READ,     false",
    "KERNEL,   BOOKKEEP, false",
    "WRITE,    KERNEL,   true",
    "WRITE,    WRITE,    true",
    "WRITE,    READ,     false",
    "WRITE,    BOOKKEEP, false",
    "READ,     KERNEL,   true",
    "READ,     WRITE,    true",
    "READ,     READ,     true",
    "READ,     BOOKKEEP, false",
    "BOOKKEEP, KERNEL,   true",
    "BOOKKEEP, WRITE,    true",
    "BOOKKEEP, READ,     true",
    "BOOKKEEP, BOOKKEEP, true"
  })
  void whoWaitsForOneUsageWaitsForTheStrongerOnesToo(
      FenceUsage waitsFor, FenceUsage fence, boolean waits) {
    DmaResv resv = with(1, 1, fence);

    assertThat(resv.signaled(waitsFor)).isEqualTo(!waits);
    assertThat(resv.pending(waitsFor)).hasSize(waits ? 1 : 0);
    assertThat(resv.fences(waitsFor)).hasSize(waits ? 1 : 0);
  }

  // Several fences of one attachment.

  @Test
  void anAttachmentsFencesHaveContextsOfTheirOwn() {
    long first = DmaResv.context(7, 0);
    long second = DmaResv.context(7, 1);
    DmaResv resv =
        with(first, 3, FenceUsage.WRITE).add(DmaFence.pending(second, 3), FenceUsage.BOOKKEEP);

    assertThat(resv.pending(FenceUsage.BOOKKEEP)).hasSize(2);
    assertThat(resv.signal(first, 3, Errno.OK).pending(FenceUsage.BOOKKEEP))
        .containsExactly(DmaFence.pending(second, 3));
    assertThat(DmaResv.attachment(second)).isEqualTo(7);
    assertThat(DmaResv.attachment(DmaResv.context(Integer.MAX_VALUE, -1)))
        .isEqualTo(Integer.MAX_VALUE);
  }

  // Promotion, and no degradation.

  @Test
  void addingAFenceAgainUnderAStrongerUsagePromotesIt() {
    DmaResv resv = with(1, 1, FenceUsage.BOOKKEEP).add(DmaFence.pending(1, 1), FenceUsage.KERNEL);

    assertThat(resv.usage(1, 1)).contains(FenceUsage.KERNEL);
    assertThat(resv.signaled(FenceUsage.KERNEL)).isFalse();
    assertThat(resv.fences(FenceUsage.BOOKKEEP)).hasSize(1);
  }

  @Test
  void addingAFenceAgainUnderAWeakerUsageDegradesNothing() {
    DmaResv resv = with(1, 1, FenceUsage.KERNEL);

    assertThat(resv.add(DmaFence.pending(1, 1), FenceUsage.BOOKKEEP)).isSameAs(resv);
  }

  // The same context.

  @Test
  void aLaterFenceOfTheSameContextTakesThePlaceOfAnEarlierOne() {
    DmaResv resv = with(1, 1, FenceUsage.READ).add(DmaFence.pending(1, 2), FenceUsage.READ);

    assertThat(resv.fences(FenceUsage.BOOKKEEP)).containsExactly(DmaFence.pending(1, 2));
    assertThat(resv.signal(1, 1, Errno.OK)).as("signal of the one replaced").isSameAs(resv);
  }

  @Test
  void aLaterFenceUnderAStrongerUsageTakesThatPlaceToo() {
    DmaResv resv = with(1, 1, FenceUsage.READ).add(DmaFence.pending(1, 2), FenceUsage.WRITE);

    assertThat(resv.fences(FenceUsage.BOOKKEEP)).containsExactly(DmaFence.pending(1, 2));
    assertThat(resv.signaled(FenceUsage.WRITE)).isFalse();
  }

  @Test
  void aLaterFenceUnderAWeakerUsageLeavesTheStrongerOneThere() {
    DmaResv resv = with(1, 1, FenceUsage.KERNEL).add(DmaFence.pending(1, 2), FenceUsage.READ);

    assertThat(resv.pending(FenceUsage.KERNEL)).containsExactly(DmaFence.pending(1, 1));
    assertThat(resv.pending(FenceUsage.READ))
        .containsExactlyInAnyOrder(DmaFence.pending(1, 1), DmaFence.pending(1, 2));
    DmaResv first = resv.signal(1, 1, Errno.OK);
    assertThat(first.signaled(FenceUsage.KERNEL)).isTrue();
    assertThat(first.signaled(FenceUsage.READ)).isFalse();
  }

  @Test
  void anEarlierFenceUnderAStrongerUsageIsHeldBesideTheLater() {
    DmaResv resv = with(1, 2, FenceUsage.READ).add(DmaFence.pending(1, 1), FenceUsage.KERNEL);

    assertThat(resv.pending(FenceUsage.KERNEL)).containsExactly(DmaFence.pending(1, 1));
    assertThat(resv.pending(FenceUsage.READ)).hasSize(2);
  }

  @Test
  void anEarlierFenceThatComesLateAddsNoWait() {
    DmaResv resv = with(1, 2, FenceUsage.READ);

    assertThat(resv.add(DmaFence.pending(1, 1), FenceUsage.BOOKKEEP)).isSameAs(resv);
  }

  @Test
  void anEarlierFenceIsWaitedForThoughALaterOneHasSignalled() {
    DmaResv resv =
        with(1, 2, FenceUsage.READ)
            .signal(1, 2, Errno.OK)
            .add(DmaFence.pending(1, 1), FenceUsage.READ);

    assertThat(resv.signaled(FenceUsage.READ)).isFalse();
  }

  @Test
  void fencesOfOtherContextsStay() {
    DmaResv resv = with(1, 1, FenceUsage.READ).add(DmaFence.pending(2, 9), FenceUsage.READ);

    assertThat(resv.fences(FenceUsage.READ)).hasSize(2);
  }

  // Signals.

  @Test
  void aSecondSignalIsIgnoredAndTheFirstOnesErrorStays() {
    DmaResv resv = with(1, 1, FenceUsage.WRITE).signal(1, 1, Errno.ENODEV);

    assertThat(resv.signal(1, 1, Errno.OK)).isSameAs(resv);
    assertThat(resv.fences(FenceUsage.WRITE).getFirst().error()).isEqualTo(Errno.ENODEV);
  }

  @Test
  void aSignalOfAFenceThatIsNotThereIsIgnored() {
    DmaResv resv = with(1, 1, FenceUsage.WRITE);

    assertThat(resv.signal(1, 2, Errno.OK)).isSameAs(resv);
    assertThat(resv.signal(2, 1, Errno.OK)).isSameAs(resv);
  }

  @Test
  void aFenceThatHasSignalledDoesNotComeBackByBeingAddedAgain() {
    DmaResv resv =
        with(1, 1, FenceUsage.BOOKKEEP)
            .signal(1, 1, Errno.OK)
            .add(DmaFence.pending(1, 1), FenceUsage.BOOKKEEP);

    assertThat(resv.signaled(FenceUsage.BOOKKEEP)).isTrue();
    assertThat(resv.fences(FenceUsage.BOOKKEEP)).hasSize(1);
  }

  @Test
  void aFenceThatHasSignalledBeforeItIsAddedIsNotWaitedFor() {
    DmaResv resv = DmaResv.empty().add(DmaFence.pending(1, 1).signal(Errno.OK), FenceUsage.KERNEL);

    assertThat(resv.signaled(FenceUsage.KERNEL)).isTrue();
    assertThat(resv.fences(FenceUsage.KERNEL)).hasSize(1);
  }

  @Test
  void theNextFenceTakesThePlaceOfOneThatHasSignalled() {
    DmaResv resv = DmaResv.empty();
    for (int i = 0; i < 1_000; i++) {
      resv = resv.add(DmaFence.pending(i, 1), FenceUsage.READ).signal(i, 1, Errno.OK);
    }

    assertThat(resv.fences(FenceUsage.BOOKKEEP)).hasSize(1);
  }

  @Test
  void theFencesOfWhoIsGoneCanBeTakenOut() {
    DmaResv resv =
        with(DmaResv.context(7, 0), 1, FenceUsage.WRITE)
            .add(DmaFence.pending(DmaResv.context(8, 0), 1), FenceUsage.BOOKKEEP)
            .add(DmaFence.pending(DmaResv.context(7, 1), 1), FenceUsage.BOOKKEEP)
            .signal(DmaResv.context(7, 1), 1, Errno.OK);

    DmaResv left = resv.without(context -> DmaResv.attachment(context) == 7);

    assertThat(left).isEqualTo(with(DmaResv.context(8, 0), 1, FenceUsage.BOOKKEEP));
    assertThat(left.signaled(FenceUsage.READ)).isTrue();
  }

  // dma_resv_wait_timeout().

  private final DmaResv busy = with(1, 1, FenceUsage.WRITE);
  private final DmaResv idle = busy.signal(1, 1, Errno.OK);

  @Test
  void aWaitForWhatHasSignalledReturnsWhatIsLeftOfItsTime() {
    assertThat(idle.wait(FenceUsage.WRITE, 100, 130, 50, false)).isEqualTo(new Wait(true, 20));
    assertThat(idle.wait(FenceUsage.WRITE, 100, 130, 50, false).done()).isTrue();
  }

  @Test
  void aWaitThatIsDoneReturnsMoreThanZeroThoughNothingIsLeft() {
    assertThat(idle.wait(FenceUsage.WRITE, 100, 150, 50, false)).isEqualTo(new Wait(true, 1));
    assertThat(idle.wait(FenceUsage.WRITE, 100, 100, 0, false)).isEqualTo(new Wait(true, 1));
  }

  @Test
  void aWaitEndsWithZeroWhenItsTimeIsOver() {
    assertThat(busy.wait(FenceUsage.WRITE, 100, 149, 50, false).over()).isFalse();
    Wait over = busy.wait(FenceUsage.WRITE, 100, 150, 50, false);
    assertThat(over).isEqualTo(new Wait(true, 0));
    assertThat(over.timedOut()).isTrue();
  }

  @Test
  void aWaitWithoutTimeOnlyLooks() {
    assertThat(busy.wait(FenceUsage.WRITE, 100, 100, 0, false)).isEqualTo(new Wait(true, 0));
  }

  @Test
  void aWaitThatIsInterruptedReturnsErestartsys() {
    Wait broken = busy.wait(FenceUsage.WRITE, 100, 120, 50, true);

    assertThat(broken).isEqualTo(new Wait(true, -512));
    assertThat(broken.interrupted()).isTrue();
    assertThat(busy.wait(FenceUsage.WRITE, 100, 100, 0, true).interrupted()).isTrue();
  }

  @Test
  void anInterruptThatComesTooLateChangesNothing() {
    assertThat(idle.wait(FenceUsage.WRITE, 100, 120, 50, true).done()).isTrue();
    assertThat(busy.wait(FenceUsage.WRITE, 100, 150, 50, true).timedOut()).isTrue();
  }

  @Test
  void aWaitForAnotherUsageIsNotConcerned() {
    assertThat(busy.wait(FenceUsage.KERNEL, 100, 100, 50, false).done()).isTrue();
    assertThat(busy.wait(FenceUsage.BOOKKEEP, 100, 100, 50, false).over()).isFalse();
  }

  @Test
  void aWaitEndsThoughTheClockWrapsAround() {
    long started = Long.MAX_VALUE - 10;

    assertThat(busy.wait(FenceUsage.WRITE, started, started + 49, 50, false).over()).isFalse();
    assertThat(busy.wait(FenceUsage.WRITE, started, started + 50, 50, false).over()).isTrue();
  }
}
