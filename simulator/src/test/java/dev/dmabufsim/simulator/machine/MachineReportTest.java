package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

class MachineReportTest {

  private static String render(Machine machine) {
    return MachineReport.render(machine, ReportOptions.defaults());
  }

  /** If the change is meant: look at what is printed, and put it in the file. */
  @ParameterizedTest
  @CsvSource({
    "switches-vvv-nn-D-k.lspci, switches.report.txt",
    "no-bridges.lspci, no-bridges.report.txt"
  })
  void looksAsItDid(String listing, String report) {
    assertThat(render(Given.machine(listing))).isEqualTo(Given.text(report));
  }

  @ParameterizedTest
  @FieldSource("dev.dmabufsim.simulator.machine.Given#ALL")
  void keepsWithinTheWidthAndEndsNoLineInBlanks(String name) {
    assertThat(render(Given.machine(name)).lines())
        .allSatisfy(line -> {
          assertThat(line.codePointCount(0, line.length())).isLessThanOrEqualTo(120);
          assertThat(line).isEqualTo(line.stripTrailing());
        });
  }

  /** Root port, and {@code count} cards below it. */
  private static Machine many(int count) {
    StringBuilder text = new StringBuilder(Given.hostBridge("00:00.0", "Foo"));
    text.append(Given.bridge("00:01.0", "Root Port", "01", "01", ""));
    for (int i = 0; i < count; i++) {
      text.append(Given.endpoint("01:%02x.%x".formatted(i / 8, i % 8), "mlx5_core"));
    }
    text.append(Given.bridge("00:02.0", "Root Port", "02", "02", ""));
    text.append(Given.endpoint("02:00.0", "nvme"));
    return LspciParser.parse("many", text.toString());
  }

  @Test
  void groupsThePairsOfALargeMachine() {
    assertThat(render(many(17)))
        .contains("bus   bus address: turns around at the bridge above both, and goes no further")
        .contains("        e1: i2-i17\n")
        .contains("        e2: i1 i3-i17\n")
        .contains("        e1-e17: i18\n")
        .doesNotContain("i1   i2   i3");
  }

  @Test
  @Timeout(60)
  void rendersTheLargestMachineThatIsReadInTime() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < LspciParser.MAX_DEVICES; i++) {
      String address = "%04x:00:%02x.%x".formatted(i >> 8, i >> 3 & 0x1f, i & 7);
      text.append(Given.endpoint(address, "mlx5_core"));
    }

    assertThat(render(LspciParser.parse("largest", text.toString())))
        .contains("10000 devices, none a PCI bridge")
        .contains("100000000 pairs are too many to list");
  }

  @Test
  void warnsOfMoreMemoryThanARunMayUse() {
    String report =
        MachineReport.render(
            Given.machine(Given.NO_BRIDGES),
            new ReportOptions(1 << 20, 1 << 20, HostBridgePolicy.AS_KERNEL));

    assertThat(report).contains("together 2 MiB: MORE than the 1 MiB that a run may use");
  }

  @Test
  void printsNothingOfTheInputThatMovesTheCursor() {
    Machine machine =
        LspciParser.parse(
            "a\u001b[2Jb",
            Given.device("05:00.0 Ethernet controller: Foo\u202ebar\u0085", Given.control(true)));

    assertThat(render(machine)).doesNotContain("\u001b", "\u202e", "\u0085");
  }

  @Test
  void saysThatNobodyReachesAnybodyWithoutExporters() {
    Machine machine =
        Given.parse(Given.device("05:00.0 Ethernet controller: Foo", Given.control(true)));

    assertThat(render(machine))
        .contains("none: no device has a prefetchable memory BAR of 1 MiB or more")
        .contains("nobody: it takes an exporter and an importer");
  }

  @ParameterizedTest
  @CsvSource({"0, 0 B", "4096, 4 KiB", "1048576, 1 MiB", "3221225472, 3 GiB", "1536, 1536 B"})
  void writesSizesExactly(long bytes, String text) {
    assertThat(ByteSizes.text(bytes)).isEqualTo(text);
  }
}
