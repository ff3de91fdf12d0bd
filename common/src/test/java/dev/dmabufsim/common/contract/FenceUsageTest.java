package dev.dmabufsim.common.contract;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class FenceUsageTest {
  @Test
  void areInTheKernelsOrderStrongestFirst() {
    assertThat(FenceUsage.values())
        .containsExactly(FenceUsage.KERNEL, FenceUsage.WRITE, FenceUsage.READ, FenceUsage.BOOKKEEP);
  }

  @Test
  void whoWaitsForBookkeepWaitsForAllAndWhoWaitsForKernelForNoOther() {
    for (FenceUsage other : FenceUsage.values()) {
      assertThat(FenceUsage.BOOKKEEP.waitsFor(other)).isTrue();
      assertThat(FenceUsage.KERNEL.waitsFor(other)).isEqualTo(other == FenceUsage.KERNEL);
    }
    assertThat(FenceUsage.READ.waitsFor(FenceUsage.WRITE)).isTrue();
    assertThat(FenceUsage.WRITE.waitsFor(FenceUsage.READ)).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void hasANameByWhichItIsFound(FenceUsage usage) {
    assertThat(FenceUsage.labelled(usage.label())).contains(usage);
    assertThat(FenceUsage.labels()).contains(usage.label());
    assertThat(FenceUsage.labelled("other")).isEmpty();
  }
}
