package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class MachineTest {

  private static Map<String, String> exporters(Machine machine) {
    return machine.exporters().stream()
        .collect(
            Collectors.toMap(
                e -> machine.nameOf(e.device()),
                e -> e.kind() + " " + e.bar().label() + " " + e.bar().sizeBytes()));
  }

  @Test
  void theLargestPrefetchableBarIsExported() {
    assertThat(exporters(Given.machine(Given.ZEN)))
        .isEqualTo(Map.of("01:00.0", "gpu-vram BAR 0 " + (16L << 30)));
    assertThat(Given.exporter(Given.machine(Given.ZEN), "01:00.0").candidates()).hasSize(2);
  }

  @Test
  void virtualFunctionsExportTheirOwnBars() {
    assertThat(exporters(Given.machine(Given.SRIOV)))
        .isEqualTo(
            Map.of(
                "17:00.0", "rdma-mmio BAR 0 " + (32L << 20),
                "17:00.1", "rdma-mmio BAR 0 " + (1L << 20),
                "18:00.0", "vfio-pci BAR 0 " + (1L << 20)));
  }

  @Test
  void aBarThatIsSwitchedOffCanBeExportedOnceTheDeviceIsOpened() {
    Machine machine =
        Given.parse(
            Given.device(
                "05:00.0 3D controller: Foo",
                Given.control(false),
                "Region 1: Memory at 380000000000 (64-bit, prefetchable) [disabled] [size=16G]",
                "Kernel driver in use: vfio-pci"));

    assertThat(Given.exporter(machine, "05:00.0").bar().disabled()).isTrue();
  }

  @Test
  void sayForEachDeviceWhyItExportsNothing() {
    Machine machine =
        Given.parse(
            device("01:00.0", "Region 0: Memory at 90000000 (64-bit, non-prefetchable) [size=16M]"),
            device("02:00.0", "Region 0: Memory at 90000000 (64-bit, prefetchable) [size=512K]"),
            device("03:00.0", "Region 0: Memory at <unassigned> (64-bit, prefetchable) [size=16M]"),
            device("04:00.0", "Region 0: Memory at 90000000 (64-bit, prefetchable)"),
            device("05:00.0", "!!! Unknown header type 7f"),
            Given.hostBridge("00:00.0", "Foo"));

    assertThat(
            machine.ignored().stream()
                .filter(i -> i.role().equals(Ignored.EXPORTER))
                .collect(
                    Collectors.toMap((Ignored i) -> machine.nameOf(i.device()), Ignored::reason)))
        .isEqualTo(
            Map.of(
                "01:00.0", "no prefetchable memory BAR",
                "02:00.0", "its largest prefetchable BAR is below 1 MiB",
                "03:00.0", "its prefetchable BAR has no address (<unassigned> or <ignored>)",
                "04:00.0", "the size of its prefetchable BAR is not printed",
                "05:00.0", "does not answer (asleep, or gone from the bus)",
                "00:00.0", "bridge: VFIO binds none, and its BARs are the bridge's own registers"));
  }

  private static String device(String address, String line) {
    return Given.device(address + " Ethernet controller: Foo", Given.control(true), line);
  }

  @Test
  void everyDeviceHasARoleOrAReasonForEachRole() {
    for (String name : Given.ALL) {
      Machine machine = Given.machine(name);

      assertThat(machine.exporters().size() + machine.importers().size() + machine.ignored().size())
          .as(name)
          .isEqualTo(2 * machine.devices().size());
    }
  }

  @Test
  void namesHaveADomainOnlyWhereThereIsAnotherThanZero() {
    Function<String, String> first =
        name -> Given.machine(name).nameOf(Given.machine(name).devices().getFirst());

    assertThat(first.apply(Given.ZEN)).isEqualTo("00:00.0");
    assertThat(first.apply(Given.SWITCHES)).isEqualTo("0000:3a:00.0");
  }

  @Test
  void aDeviceIsFoundWithAndWithoutItsDomain() {
    Machine machine = Given.machine(Given.SWITCHES);

    assertThat(machine.deviceNamed("3d:00.0")).isEqualTo(machine.deviceNamed("0000:3d:00.0"));
    assertThat(machine.deviceNamed("0001:00:02.0")).isPresent();
    assertThat(machine.deviceNamed("00:02.0")).isEmpty();
    assertThat(machine.deviceNamed("gpu-1")).isEmpty();
    assertThat(machine.exporterNamed("0001:00:00.0")).isEmpty();
  }

  @Test
  void sizesThatAreNotPrintedAreTheLargestThatTheirPlaceAllows() {
    Machine machine = Given.machine(Given.NO_SIZES);

    // Aligned to 256 MiB, and the bridge's window ends there; aligned to 32 MiB, up to the next
    // BAR.
    assertThat(Given.device(machine, "05:00.0").bars())
        .filteredOn(Bar::prefetchable)
        .extracting(Bar::sizeBytes, Bar::sizeInferred)
        .containsExactly(tuple(256L << 20, true), tuple(32L << 20, true));
    assertThat(machine.notes()).anySatisfy(n -> assertThat(n).contains("2 BARs printed without"));
  }

  @Test
  void aSizeThatIsNotPrintedIsNoLargerThanItsAddressIsAligned() {
    String listing = Given.text(Given.NO_SIZES).replace("d0000000 (64-bit", "d2000000 (64-bit");

    assertThat(Given.exporter(LspciParser.parse("x", listing), "05:00.0").bar().sizeBytes())
        .isEqualTo(32L << 20);
  }

  @Test
  void aSizeThatNoBridgesWindowBoundsStaysUnknown() {
    Machine machine = Given.machine(Given.NO_SIZES);

    assertThat(machine.exporterNamed("00:1f.0")).isEmpty();
  }
}
