package dev.dmabufsim.common.fence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.dmabufsim.common.contract.Errno;
import org.junit.jupiter.api.Test;

/** What the kernel's own tests of {@code dma_fence} demand ({@code st-dma-fence.c}), as values. */
final class DmaFenceTest {
  private final DmaFence fence = DmaFence.pending(1, 7);

  @Test
  void isNotSignalledWhenItIsMade() {
    assertThat(fence.signaled()).isFalse();
    assertThat(fence.statusCode()).isZero();
  }

  @Test
  void isSignalledForEverOnceItHasSignalled() {
    assertThat(fence.signal(Errno.OK).signaled()).isTrue();
    assertThat(fence.signal(Errno.OK).statusCode()).isEqualTo(1);
  }

  @Test
  void reportsTheErrorWithWhichItSignalledAndCountsAsSignalled() {
    DmaFence failed = fence.signal(Errno.ENODEV);

    assertThat(failed.signaled()).isTrue();
    assertThat(failed.statusCode()).isEqualTo(-19);
  }

  @Test
  void hasNoErrorBeforeItSignals() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DmaFence(1, 1, DmaFence.Status.PENDING, Errno.ENODEV));
  }

  @Test
  void ignoresASecondSignalAndKeepsTheErrorOfTheFirst() {
    DmaFence failed = fence.signal(Errno.ENODEV);
    assertThat(failed.signal(Errno.OK)).isSameAs(failed);
    assertThat(failed.signal(Errno.ENOMEM)).isSameAs(failed);

    DmaFence well = fence.signal(Errno.OK);
    assertThat(well.signal(Errno.ENODEV)).isSameAs(well);
  }

  @Test
  void isLaterOnItsOwnTimeLineOnly() {
    assertThat(DmaFence.pending(1, 8).laterOrSame(fence)).isTrue();
    assertThat(fence.laterOrSame(fence)).isTrue();
    assertThat(fence.laterOrSame(DmaFence.pending(1, 8))).isFalse();
    assertThat(DmaFence.pending(2, 8).laterOrSame(fence)).isFalse();
  }
}
