package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScalingTest {

  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  @Test
  void leavesAloneWhatFits() {
    Scaling scaling = Scaling.fit(List.of(16 * MIB, 32 * MIB), 48 * MIB, MIB);

    assertThat(scaling).isEqualTo(new Scaling(1, MIB, 48 * MIB, true));
    assertThat(scaling.describe(32 * MIB)).isEqualTo("BAR sizes as they are");
  }

  @Test
  void takesTheSmallestPowerOfTwoThatFits() {
    Scaling scaling = Scaling.fit(List.of(64 * GIB, 64 * GIB), 128 * MIB, MIB);

    assertThat(scaling.factor()).isEqualTo(1024);
    assertThat(scaling.scale(64 * GIB)).isEqualTo(64 * MIB);
    assertThat(scaling.totalBytes()).isEqualTo(128 * MIB);
    assertThat(scaling.describe(64 * GIB))
        .isEqualTo("BAR sizes divided by 1024: 64 GiB -> 64 MiB (none below 1 MiB)");
  }

  @Test
  void oneByteTooLittleDoublesTheFactor() {
    assertThat(Scaling.fit(List.of(64 * GIB, 64 * GIB), 128 * MIB - 1, MIB).factor())
        .isEqualTo(2048);
  }

  @Test
  void letsNoSizeFallBelowTheLeast() {
    Scaling scaling = Scaling.fit(List.of(64 * GIB, 32 * MIB), 65 * MIB, MIB);

    assertThat(scaling.factor()).isEqualTo(1024);
    assertThat(scaling.scale(32 * MIB)).isEqualTo(MIB);
    assertThat(scaling.fits()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"10000000, 9998336", "4097, 4096", "1048576, 1048576"})
  void keepsToWholePages(long bytes, long scaled) {
    assertThat(Scaling.fit(List.of(bytes), Long.MAX_VALUE, MIB).scale(bytes)).isEqualTo(scaled);
  }

  @Test
  void saysThatEvenTheLeastSizesDoNotFit() {
    Scaling scaling = Scaling.fit(Collections.nCopies(300, 64 * GIB), 256 * MIB, MIB);

    assertThat(scaling.fits()).isFalse();
    assertThat(scaling.totalBytes()).isEqualTo(300 * MIB);
  }

  @Test
  void addsUpMoreThanSixtyFourBitsHold() {
    List<Long> sizes = Collections.nCopies(1000, Long.MAX_VALUE);

    assertThat(Scaling.fit(sizes, 2000 * MIB, MIB).fits()).isTrue();
  }

  @Test
  void hasNothingToDoForNobody() {
    assertThat(Scaling.fit(List.of(), 0, MIB)).isEqualTo(new Scaling(1, MIB, 0, true));
  }

  @Test
  void wantsWholePagesForTheLeast() {
    assertThatThrownBy(() -> Scaling.fit(List.of(MIB), MIB, 1000))
        .hasMessage("minBytes must be a number of pages: 1000");
  }
}
