package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PciAddressTest {

  @ParameterizedTest
  @CsvSource({
    "01:00.0, 0000:01:00.0",
    "0000:ff:1f.7, 0000:ff:1f.7",
    "10000:E1:00.0, 10000:e1:00.0",
    "0001abcd:02:03.4, 1abcd:02:03.4"
  })
  void isReadWithAndWithoutADomain(String written, String whole) {
    assertThat(PciAddress.parse(written)).map(PciAddress::toString).contains(whole);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "01:00", "1:00.0", "01:20.0", "01:00.8", "000:01:00.0", "ffffffff:01:00.0"})
  void isNothingElse(String written) {
    assertThat(PciAddress.parse(written)).isEmpty();
  }

  @Test
  void isOrderedAsLspciPrintsIt() {
    assertThat(PciAddress.parse("0000:ff:00.0").orElseThrow())
        .isLessThan(PciAddress.parse("0001:00:00.0").orElseThrow());
    assertThat(PciAddress.parse("01:00.1").orElseThrow())
        .isGreaterThan(PciAddress.parse("01:00.0").orElseThrow());
  }

  @Test
  void cannotBeMadeImpossible() {
    assertThatThrownBy(() -> new PciAddress(0, 0x100, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
