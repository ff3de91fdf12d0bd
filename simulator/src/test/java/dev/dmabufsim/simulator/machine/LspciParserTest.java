package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

class LspciParserTest {

  @Test
  void readsHeaderIdsDriverAndPlaceOfADevice() {
    PciDevice gpu = Given.device(Given.machine(Given.SWITCHES), "0000:3d:00.0");

    assertThat(gpu.className()).isEqualTo("3D controller");
    assertThat(gpu.classCode()).isEqualTo(0x0302);
    assertThat(gpu.deviceClass()).isEqualTo(DeviceClass.DISPLAY);
    assertThat(gpu.title()).isEqualTo("NVIDIA Corporation GA100 [A100 PCIe 80GB]");
    assertThat(gpu.ids()).isEqualTo(new PciIds(0x10de, 0x20b5));
    assertThat(gpu.driver()).isEqualTo("nvidia");
    assertThat(gpu.modules()).containsExactly("nvidiafb", "nouveau", "nvidia_drm", "nvidia");
    assertThat(gpu.busMaster()).isEqualTo(BusMaster.ON);
    assertThat(gpu.numaNode()).isZero();
    assertThat(gpu.iommuGroup()).isEqualTo("40");
    assertThat(gpu.express()).isEqualTo(ExpressType.ENDPOINT);
    assertThat(gpu.bars())
        .containsExactly(
            new Bar(0, true, 0xb8000000L, true, false, 16L << 20, false, false),
            new Bar(1, true, 0x380000000000L, true, true, 128L << 30, false, false),
            new Bar(3, true, 0x382000000000L, true, true, 32L << 20, false, false));
  }

  @Test
  void readsBusNumbersPortTypeAndAccessControlOfABridge() {
    PciDevice port = Given.device(Given.machine(Given.SWITCHES), "0000:41:04.0");

    assertThat(port.buses()).isEqualTo(new BusRange(0x41, 0x42, 0x42));
    assertThat(port.express()).isEqualTo(ExpressType.DOWNSTREAM_PORT);
    assertThat(port.acsCapability()).isEqualTo(new Acs(true, true, true, true, true, true, true));
    assertThat(port.acsControl()).isEqualTo(new Acs(true, false, true, true, true, false, false));
    assertThat(port.line()).isGreaterThan(1);
  }

  @Test
  void takesNoVirtualFunctionsBarForTheDevicesOwn() {
    PciDevice physical = Given.device(Given.machine(Given.SRIOV), "17:00.0");

    assertThat(physical.bars())
        .containsExactly(new Bar(0, true, 0x23ffc000000L, true, true, 32L << 20, false, false));
  }

  @Test
  void takesNoSlotsControlLineForTheDevicesOwn() {
    assertThat(Given.device(Given.machine(Given.SWITCHES), "0000:3c:04.0").busMaster())
        .isEqualTo(BusMaster.ON);
  }

  @Test
  void readsAVirtualBarOfAVirtualFunction() {
    PciDevice virtual = Given.device(Given.machine(Given.SRIOV), "17:00.1");

    assertThat(virtual.bars()).extracting(Bar::exportable).containsExactly(true);
  }

  @Test
  void knowsThatCapabilitiesAreHiddenWithoutRoot() {
    Machine machine = Given.machine(Given.ZEN);

    assertThat(Given.device(machine, "00:01.1").capabilitiesHidden()).isTrue();
    assertThat(Given.device(machine, "00:01.1").acsUnknown()).isTrue();
    assertThat(machine.notes())
        .anySatisfy(note -> assertThat(note).contains("4 devices", "as root"));
  }

  @Test
  void readsTheLineThatFollowsAFirmwareLabelWithoutALineEnd() {
    Machine machine =
        Given.parse(
            Given.device(
                "00:02.0 Ethernet controller: Example Corporation Card",
                "DeviceName: Onboard LAN 2\t" + Given.control(true)));

    assertThat(Given.device(machine, "00:02.0").busMaster()).isEqualTo(BusMaster.ON);
  }

  @Test
  void readsThePlainVerboseForm() {
    PciDevice gpu = Given.device(Given.machine(Given.MULTIFUNCTION), "06:00.0");

    assertThat(gpu.busMaster()).isEqualTo(BusMaster.ON);
    assertThat(gpu.numaNode()).isZero();
    assertThat(gpu.iommuGroup()).isEqualTo("12");
    assertThat(gpu.express()).isEqualTo(ExpressType.ENDPOINT);
    assertThat(gpu.bars())
        .containsExactly(
            new Bar(Bar.UNNUMBERED, true, 0xfa000000L, true, false, 16L << 20, false, false),
            new Bar(Bar.UNNUMBERED, true, 0xd0000000L, true, true, 256L << 20, false, false),
            new Bar(Bar.UNNUMBERED, false, 0xcc00L, true, false, 128, false, false));
  }

  @Test
  void knowsThatAFunctionDoesNotAnswer() {
    Machine machine = Given.machine(Given.MULTIFUNCTION);

    assertThat(Given.device(machine, "06:00.2").unreadable()).isTrue();
    assertThat(Given.device(machine, "06:00.1").unreadable()).isFalse();
  }

  @Test
  void readsDomainsOfFiveDigits() {
    assertThat(Given.device(Given.machine(Given.SWITCHES), "10000:e1:00.0").address())
        .isEqualTo(new PciAddress(0x10000, 0xe1, 0, 0));
  }

  @ParameterizedTest
  @FieldSource("dev.dmabufsim.simulator.machine.Given#ALL")
  void readsTheSameWithWindowsLineEndsAndEightSpacesForATab(String name) {
    String carried = Given.text(name).replace("\t", "        ").replace("\n", "\r\n");

    assertSame(LspciParser.parse(name, carried), Given.machine(name));
  }

  @ParameterizedTest
  @FieldSource("dev.dmabufsim.simulator.machine.Given#ALL")
  void readsTheSameIndentedAsABlockAndWithEveryDepthOfIndentationLost(String name) {
    String block = Given.text(name).indent(6);
    String flat = Given.text(name).replaceAll("(?m)^[\\t ]+", " ");

    assertSame(LspciParser.parse(name, block), Given.machine(name));
    assertSame(LspciParser.parse(name, flat), Given.machine(name));
  }

  @Test
  void readsTheSameWithMessagesPromptsDumpsAndAByteOrderMarkInBetween() {
    String between =
        """

        00: 86 80 05 34 00 00 10 00 12 00 00 06 10 00 00 00
        100: ff ?? 00

        pcilib: sysfs_read_vpd: read failed: No such device
        """;
    String before =
        """
        root@host:~# sudo lspci -vvxxx
        lspci: Unable to load libkmod resources: error -2
        """;
    String noisy = "\uFEFF" + before + Given.text(Given.SRIOV).replace("\n\n", between);

    Machine machine = LspciParser.parse("x", noisy);

    assertThat(machine.devices())
        .usingRecursiveFieldByFieldElementComparatorIgnoringFields("line")
        .isEqualTo(Given.machine(Given.SRIOV).devices());
    assertThat(machine.notes())
        .containsExactly("7 lines of messages or commands in the listing skipped.");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Region 0: Memory at f8000000 (32-bit, prefetchable) [size=512]   | 512",
        "Region 0: Memory at f8000000 (32-bit, prefetchable) [size=64K]   | 65536",
        "Region 0: Memory at f8000000 (64-bit, prefetchable) [size=3M]    | 3145728",
        "Region 0: Memory at f8000000 (64-bit, prefetchable) [size=64G]   | 68719476736",
        "Region 0: Memory at f8000000 (64-bit, prefetchable) [size=2T]    | 2199023255552",
        "Region 0: [virtual] Memory at f8000000 (low-1M, prefetchable) [size=1M] | 1048576",
        "Region 5: Memory at f8000000 (type 3, prefetchable) [enhanced] [size=1M] | 1048576",
        "Region 0: Memory at f8000000 (64-bit, prefetchable)              | 0"
      })
  void readsSizes(String line, long bytes) {
    Bar bar = Objects.requireNonNull(RegionLine.parse(line));

    assertThat(bar.sizeBytes()).isEqualTo(bytes);
    assertThat(bar.prefetchable()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"<unassigned>", "<ignored>", "<broken-64-bit-slot>"})
  void knowsThatABarHasNoAddress(String address) {
    String line =
        "Region 4: Memory at " + address + " (64-bit, prefetchable) [disabled] [size=32M]";

    Bar bar = Objects.requireNonNull(RegionLine.parse(line));

    assertThat(bar.assigned()).isFalse();
    assertThat(bar.disabled()).isTrue();
    assertThat(bar.exportable()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "00:00.0 0600: 8086:3405 (rev 12)                            | Class 0600 | 0x0600 |"
            + " 8086:3405",
        "00:00.0 Class 0c50: Device 1d0f:efa0                        | Class 0c50 | 0x0c50 |"
            + " 1d0f:efa0",
        "00:00.0 VGA compatible controller [0300]: Foo [1002:73bf]   | VGA compatible controller |"
            + " 0x0300 | 1002:73bf",
        "00:00.0 Host bridge: Intel Corporation Device 09a2          | Host bridge | -1 |"
            + " 8086:09a2",
        "00:00.0 Audio device: Foo [Bar] (rev a1) (prog-if 00 [x])   | Audio device | -1 | ''"
      })
  void readsClassesAndIdsInEveryFormThatLspciHas(
      String line, String className, String classCode, String ids) {
    DeviceHeader header = DeviceHeader.parse("x", 1, line);

    assertThat(header.className()).isEqualTo(className);
    assertThat(header.classCode()).isEqualTo(Integer.decode(classCode).intValue());
    assertThat(header.ids() == null ? "" : header.ids().toString()).isEqualTo(ids);
    assertThat(header.title()).doesNotContain("(rev").doesNotContain("prog-if");
  }

  private static void assertSame(Machine actual, Machine expected) {
    assertThat(actual.devices()).isEqualTo(expected.devices());
    assertThat(MachineReport.render(actual, ReportOptions.defaults()))
        .isEqualTo(MachineReport.render(expected, ReportOptions.defaults()));
  }
}
