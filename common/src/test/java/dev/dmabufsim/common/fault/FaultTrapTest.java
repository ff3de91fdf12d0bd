package dev.dmabufsim.common.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.fault.FaultTrap.Action;
import dev.dmabufsim.common.fault.FaultTrap.Trap;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FaultTrapTest {
  @Test
  void whatIsWrittenForANodeIsReadByIt() {
    List<Trap> traps =
        Arrays.stream(FaultPoint.values()).map(p -> new Trap(p, 3, Action.STOP)).toList();
    String text = traps.stream().map(Trap::text).collect(Collectors.joining(","));
    assertThat(FaultTrap.parse(text)).isEqualTo(traps);
    assertThat(FaultTrap.parse("")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "importer.copying",
        "importer.copying@1=MAIM",
        "nowhere@1=KILL",
        "importer.copying@x=KILL",
        ","
      })
  void whatIsNoFaultIsRefused(String text) {
    assertThatThrownBy(() -> FaultTrap.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void everyPointHasARoleAndALabelOfItsOwn() {
    assertThat(FaultPoint.values()).hasSizeGreaterThanOrEqualTo(25);
    assertThat(FaultPoint.values()).extracting(FaultPoint::label).doesNotHaveDuplicates();
    assertThat(FaultPoint.values())
        .extracting(FaultPoint::role)
        .containsOnly("exporter", "importer", "iommu");
  }
}
