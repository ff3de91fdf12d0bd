package dev.dmabufsim.simulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TopologyTest {

  private static String above(Machine machine, String name) {
    return machine
        .topology()
        .upstreamBridge(Given.device(machine, name))
        .map(machine::nameOf)
        .orElse("root");
  }

  @Test
  void aDeviceIsBelowTheBridgeToItsBus() {
    Machine machine = Given.machine(Given.SWITCHES);

    assertThat(above(machine, "0000:3d:00.0")).isEqualTo("0000:3c:04.0");
    assertThat(above(machine, "0000:3c:04.0")).isEqualTo("0000:3b:00.0");
    assertThat(above(machine, "0000:3b:00.0")).isEqualTo("0000:3a:00.0");
    assertThat(above(machine, "0000:3a:00.0")).isEqualTo("root");
  }

  @Test
  void virtualFunctionsThatSpillToTheNextBusShareTheirPhysicalFunctionsBridge() {
    Machine machine = Given.machine(Given.SRIOV);

    assertThat(above(machine, "18:00.0")).isEqualTo("00:02.0");
  }

  @Test
  void aBusThatNoBridgeLeadsToIsARootBus() {
    Topology topology = Given.machine(Given.SWITCHES).topology();

    assertThat(topology.rootBuses())
        .containsExactly(new RootBus(0, 0x3a), new RootBus(1, 0), new RootBus(0x10000, 0xe0));
  }

  @Test
  void theSameBusNumberInAnotherDomainIsAnotherBus() {
    Machine machine =
        Given.parse(
            Given.bridge("0000:00:01.0", "Root Port", "01", "01", ""),
            Given.bridge("0001:00:01.0", "Root Port", "01", "01", ""),
            Given.endpoint("0001:01:00.0", "nvme"));

    assertThat(above(machine, "0001:01:00.0")).isEqualTo("0001:00:01.0");
  }

  @Test
  void aBridgeThatFirmwareDidNotSetUpLeadsNowhere() {
    Machine machine =
        Given.parse(
            Given.bridge("00:01.0", "Root Port", "00", "00", ""),
            Given.bridge("00:02.0", "Root Port", "00", "00", ""),
            Given.hostBridge("00:00.0", "Foo"));

    assertThat(machine.topology().rootBuses()).containsExactly(new RootBus(0, 0));
  }

  @Test
  void aChildThatOvershootsItsParentIsStillItsChild() {
    Machine machine =
        Given.parse(
            Given.bridge("00:1e.0", "Root Port", "1c", "20", ""),
            Given.bridge("1c:03.0", "Downstream Port", "1d", "21", ""),
            Given.endpoint("1d:00.0", "nvme"));

    assertThat(above(machine, "1d:00.0")).isEqualTo("1c:03.0");
    assertThat(above(machine, "1c:03.0")).isEqualTo("00:1e.0");
  }

  @Test
  void anEndpointOnARootBusWithoutAHostBridgeIsSaidToLackItsPort() {
    Machine machine =
        Given.parse(
            Given.bridge("00:01.0", "Root Port", "01", "01", ""),
            Given.endpoint("01:00.0", "nvme"),
            Given.endpoint("41:00.0", "nvme"));

    assertThat(machine.notes())
        .anySatisfy(note -> assertThat(note).contains("No listed bridge leads to 0000:41,"));
  }
}
