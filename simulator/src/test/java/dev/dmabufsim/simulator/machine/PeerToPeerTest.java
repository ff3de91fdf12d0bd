package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each answer is that of calc_map_type_and_dist() in drivers/pci/p2pdma.c. */
class PeerToPeerTest {

  private static final String ZEN =
      Given.hostBridge(
          "00:00.0", "Advanced Micro Devices, Inc. [AMD] Starship/Matisse Root Complex");
  private static final String UNLISTED =
      Given.hostBridge("00:00.0", "Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller");

  /** A root port, a switch with two ports, and a card below each: 04:00.0 and 05:00.0. */
  private static String oneSwitch(String rootAcs, String upAcs, String firstAcs, String secondAcs) {
    return Given.bridge("00:01.0", "Root Port", "02", "05", rootAcs)
        + Given.bridge("02:00.0", "Upstream Port", "03", "05", upAcs)
        + Given.bridge("03:00.0", "Downstream Port", "04", "04", firstAcs)
        + Given.bridge("03:01.0", "Downstream Port", "05", "05", secondAcs)
        + Given.endpoint("04:00.0", "vfio-pci")
        + Given.endpoint("05:00.0", "mlx5_core");
  }

  private static Route route(Machine machine, String exporter, String importer) {
    return route(machine, exporter, importer, HostBridgePolicy.AS_KERNEL);
  }

  private static Route route(
      Machine machine, String exporter, String importer, HostBridgePolicy policy) {
    return machine.route(
        Given.exporter(machine, exporter), Given.importer(machine, importer), policy);
  }

  @Test
  void behindOneSwitchTheBusAddressIsUsedAtADistanceOfFour() {
    Machine machine = Given.parse(UNLISTED, oneSwitch("", "", "", ""));

    assertThat(route(machine, "04:00.0", "05:00.0"))
        .isEqualTo(new Route.BusAddress(4, PciAddress.parse("02:00.0").orElseThrow()));
  }

  @Test
  void twoFunctionsOfADeviceAreAtADistanceOfTwo() {
    Machine machine =
        Given.parse(
            UNLISTED,
            Given.bridge("00:01.0", "Root Port", "02", "02", ""),
            Given.endpoint("02:00.0", "vfio-pci"),
            Given.endpoint("02:00.1", "mlx5_core"));

    assertThat(route(machine, "02:00.0", "02:00.1"))
        .isEqualTo(new Route.BusAddress(2, PciAddress.parse("00:01.0").orElseThrow()));
  }

  @Test
  void aFunctionReachesItself() {
    Machine machine = Given.parse(UNLISTED, oneSwitch("", "", "", ""));

    assertThat(route(machine, "05:00.0", "05:00.0").distance()).isZero();
  }

  @Test
  void twoSwitchesBelowOneRootPortMeetAtTheUpperOne() {
    Machine machine =
        Given.parse(
            UNLISTED,
            Given.bridge("00:01.0", "Root Port", "02", "09", ""),
            Given.bridge("02:00.0", "Upstream Port", "03", "09", ""),
            Given.bridge("03:00.0", "Downstream Port", "04", "06", ""),
            Given.bridge("04:00.0", "Upstream Port", "05", "06", ""),
            Given.bridge("05:00.0", "Downstream Port", "06", "06", ""),
            Given.bridge("03:01.0", "Downstream Port", "07", "07", ""),
            Given.endpoint("06:00.0", "vfio-pci"),
            Given.endpoint("07:00.0", "mlx5_core"));

    assertThat(route(machine, "06:00.0", "07:00.0"))
        .isEqualTo(new Route.BusAddress(6, PciAddress.parse("02:00.0").orElseThrow()));
  }

  @ParameterizedTest(name = "{0} {1} {2} {3}")
  @CsvSource({
    "'',  '',  R,   '',  '03:00.0'",
    "'',  '',  '',  C,   '03:01.0'",
    "'',  '',  E,   '',  '03:00.0'",
    "'',  '',  RCU, RCU, '03:00.0, 03:01.0'",
    "'',  R,   '',  '',  '02:00.0'",
  })
  void redirectionOnTheWaySendsItThroughTheHostBridge(
      String root, String up, String first, String second, String where) {
    Machine machine = Given.parse(ZEN, oneSwitch(root, up, first, second));

    assertThat(route(machine, "04:00.0", "05:00.0"))
        .isEqualTo(
            new Route.ThroughHostBridge(
                4, "ACS redirects at " + where + "; the CPU (AMD Zen) forwards"));
  }

  @ParameterizedTest
  @CsvSource({"U, ''", "'', R"})
  void upstreamForwardingAndPortsAboveTheCommonBridgeDoNotRedirect(String first, String root) {
    Machine machine = Given.parse(UNLISTED, oneSwitch(root, "", first, ""));

    assertThat(route(machine, "04:00.0", "05:00.0")).isInstanceOf(Route.BusAddress.class);
  }

  @Test
  void redirectionBelowAHostBridgeThatDoesNotForwardIsRefused() {
    Machine machine = Given.parse(UNLISTED, oneSwitch("", "", "RC", ""));

    assertThat(route(machine, "04:00.0", "05:00.0"))
        .isEqualTo(
            new Route.NotSupported(
                4,
                "EINVAL",
                "map",
                "ACS redirects at 03:00.0; host bridge 00:00.0 is not on the kernel's whitelist"));
  }

  @ParameterizedTest(name = "{0} ({1}): {2}")
  @CsvSource(
      delimiter = '|',
      value = {
        "Host bridge [0600] | Intel Corporation Foo [8086:09a2]   | true",
        "Host bridge        | Intel Corporation Ice Lake Memory Map/VT-d | true",
        "Host bridge        | Intel Corporation Device 09a2       | true",
        "Host bridge [0600] | Intel Corporation Foo [8086:3c00]   | true",
        "Host bridge [0600] | Intel Corporation Foo [8086:3405]   | false",
        "Host bridge        | Intel Corporation Foo               | false",
        "Host bridge [0600] | Google, Inc. Foo [1ae0:0042]        | true",
        "Host bridge [0600] | NVIDIA Corporation Foo [10de:2f96]  | true",
        "Host bridge [0600] | Advanced Micro Devices, Inc. [AMD] Foo [1022:14a4]  | true",
        "Host bridge        | Advanced Micro Devices, Inc. [AMD] Device 14a4      | true",
        "Host bridge        | Advanced Micro Devices, Inc. [AMD] Milan Data Fabric; Function 0 |"
            + " true",
        "Host bridge        | Advanced Micro Devices, Inc. [AMD] Raven/Raven2 Root Complex | true",
        "Host bridge | Advanced Micro Devices, Inc. [AMD] Family 15h (Models 30h-3fh) Processor"
            + " Root Complex | false",
        "ISA bridge         | Advanced Micro Devices, Inc. [AMD] Foo Root Complex | false"
      })
  void onlyAKnownHostBridgeLetsTwoRootPortsReachEachOther(
      String type, String name, boolean forwards) {
    Machine machine =
        Given.parse(
            Given.device("00:00.0 " + type + ": " + name, Given.control(false)),
            Given.bridge("00:01.0", "Root Port", "01", "01", ""),
            Given.bridge("00:02.0", "Root Port", "02", "02", ""),
            Given.endpoint("01:00.0", "vfio-pci"),
            Given.endpoint("02:00.0", "mlx5_core"));

    Route route = route(machine, "01:00.0", "02:00.0");

    assertThat(route.distance()).isEqualTo(4);
    assertThat(route)
        .isInstanceOf(forwards ? Route.ThroughHostBridge.class : Route.NotSupported.class);
  }

  /** Two sockets: root buses 00 and 80, a card below each. */
  private static Machine twoSockets(String first, String second) {
    return Given.parse(
        Given.device("00:00.0 Host bridge [0600]: Foo [" + first + "]", Given.control(false)),
        Given.bridge("00:01.0", "Root Port", "01", "02", ""),
        Given.endpoint("01:00.0", "vfio-pci"),
        Given.endpoint("02:00.0", "mlx5_core"),
        Given.device("80:00.0 Host bridge [0600]: Foo [" + second + "]", Given.control(false)),
        Given.bridge("80:01.0", "Root Port", "81", "81", ""),
        Given.endpoint("81:00.0", "mlx5_core"));
  }

  @Test
  void differentRootComplexesReachEachOtherIfBothForward() {
    assertThat(route(twoSockets("8086:09a2", "8086:09a2"), "01:00.0", "81:00.0"))
        .isInstanceOf(Route.ThroughHostBridge.class);
    assertThat(route(twoSockets("8086:09a2", "8086:3405"), "01:00.0", "81:00.0"))
        .isEqualTo(
            new Route.NotSupported(
                4,
                "EINVAL",
                "map",
                "no common upstream bridge; host bridge 80:00.0 [8086:3405] is not on the kernel's"
                    + " whitelist"));
  }

  @Test
  void aHostBridgeThatIsGoodOnlyForItsOwnIsNotGoodForAnother() {
    assertThat(route(twoSockets("8086:2f00", "8086:2f00"), "01:00.0", "81:00.0"))
        .isEqualTo(
            new Route.NotSupported(
                4,
                "EINVAL",
                "map",
                "no common upstream bridge; the kernel's whitelist has host bridge 00:00.0 only"
                    + " for devices that are both behind it"));
  }

  @Test
  void aRootBusThatBeginsWithARootPortIsKnownByThatPort() {
    Machine machine = Given.machine(Given.SWITCHES);

    assertThat(route(machine, "0000:3d:00.0", "0000:43:00.0"))
        .isInstanceOf(Route.ThroughHostBridge.class);
  }

  @Test
  void aScenarioMayLetPassOrRefuseWhateverTheKernelSays() {
    Machine forwards = Given.parse(ZEN, oneSwitch("", "", "R", ""));
    Machine refuses = Given.parse(UNLISTED, oneSwitch("", "", "R", ""));

    assertThat(route(refuses, "04:00.0", "05:00.0", HostBridgePolicy.ALLOW))
        .isInstanceOf(Route.ThroughHostBridge.class);
    assertThat(route(forwards, "04:00.0", "05:00.0", HostBridgePolicy.REFUSE))
        .isInstanceOf(Route.NotSupported.class);
    assertThat(HostBridgePolicy.allowedIf(true)).isEqualTo(HostBridgePolicy.ALLOW);
    assertThat(HostBridgePolicy.allowedIf(false)).isEqualTo(HostBridgePolicy.AS_KERNEL);
  }

  @Test
  void noPolicyIsAskedBehindOneSwitch() {
    Machine machine = Given.parse(UNLISTED, oneSwitch("", "", "", ""));

    assertThat(route(machine, "04:00.0", "05:00.0", HostBridgePolicy.REFUSE))
        .isInstanceOf(Route.BusAddress.class);
  }

  @Test
  void withoutAnyBridgeEveryPairIsBehindTheHostBridge() {
    Machine machine = Given.machine(Given.NO_BRIDGES);

    assertThat(machine.topology().treeUnknown()).isTrue();
    assertThat(machine.notes())
        .anySatisfy(note -> assertThat(note).startsWith("No bridge is listed"));
    assertThat(route(machine, "11:00.0", "91:00.0"))
        .isEqualTo(
            new Route.ThroughHostBridge(
                2, "the listing has no bridges: taken to be behind a host bridge that forwards"));
    assertThat(route(machine, "11:00.0", "91:00.0", HostBridgePolicy.REFUSE))
        .isInstanceOf(Route.NotSupported.class);
  }

  @Test
  void aVirtualMachineWithoutPciBridgesHasATreeAllTheSame() {
    Machine machine =
        Given.parse(
            Given.hostBridge("00:00.0", "Intel Corporation 440FX - 82441FX PMC [Natoma]"),
            Given.endpoint("00:03.0", "vfio-pci"),
            Given.endpoint("00:04.0", "mlx5_core"));

    assertThat(machine.topology().treeUnknown()).isFalse();
    assertThat(route(machine, "00:03.0", "00:04.0")).isInstanceOf(Route.NotSupported.class);
  }

  @Test
  void iommufdIsNeverRefusedForWhereItSits() {
    Machine machine =
        Given.parse(
            UNLISTED,
            Given.bridge("00:01.0", "Root Port", "01", "01", ""),
            Given.bridge("00:02.0", "Root Port", "02", "02", ""),
            Given.endpoint("01:00.0", "vfio-pci"),
            Given.endpoint("02:00.0", "vfio-pci"));

    assertThat(route(machine, "01:00.0", "02:00.0"))
        .isEqualTo(
            new Route.ThroughHostBridge(
                4, "iommufd maps the physical address and does not ask p2pdma"));
  }

  @ParameterizedTest
  @CsvSource({"vfio-pci, EINVAL, map", "rdma-mmio, EINVAL, map", "gpu-vram, EOPNOTSUPP, attach"})
  void aRefusalIsTheExportersOwn(String kind, String errno, String operation) {
    Machine machine = Given.parse(UNLISTED, oneSwitch("", "", "R", ""));

    Route route =
        PeerToPeer.route(
            machine.topology(),
            Given.device(machine, "04:00.0"),
            kind,
            Given.device(machine, "05:00.0"),
            HostBridgePolicy.AS_KERNEL);

    assertThat(route)
        .isInstanceOfSatisfying(
            Route.NotSupported.class,
            refused -> {
              assertThat(refused.errno()).isEqualTo(errno);
              assertThat(refused.operation()).isEqualTo(operation);
            });
  }
}
