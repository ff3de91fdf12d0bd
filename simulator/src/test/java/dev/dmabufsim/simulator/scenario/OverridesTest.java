package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.fault.FaultPoint;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code --set PATH=VALUE}. */
class OverridesTest {
  private static final String PCI =
      """
      nodes:
        iommu-1: {role: iommu}
        exporter-1: {role: exporter, devices: {0000:17:00.0: {kind: vfio-pci}}}
        importer-1: {role: importer, devices: {0000:65:00.0: {kind: iommufd}}}
      revokes: {rounds: 5}
      faults:
        - {kill: importer-1, revoke: 2}
      """;

  @Test
  void anOverrideTakesThePlaceOfWhatTheFileSays() throws ScenarioException {
    assertThat(Given.load(PCI, "revokes.rounds=7").revokes().rounds()).isEqualTo(7);
  }

  @Test
  void theLastOfTwoOverridesWins() throws ScenarioException {
    assertThat(Given.load(PCI, "revokes.rounds=7", "revokes.rounds=8").revokes().rounds())
        .isEqualTo(8);
  }

  @Test
  void whatAScenarioDoesNotStateCanBeSet() throws ScenarioException {
    Scenario scenario = Given.load(PCI, "contract=v2", "revokes.hold=1ms", "bound.ask=2s");
    assertThat(scenario.contract()).isEqualTo(Contract.V2);
    assertThat(scenario.revokes().hold()).isEqualTo(Duration.ofMillis(1));
    assertThat(scenario.bound().ask()).isEqualTo(Duration.ofSeconds(2));
  }

  @Test
  void namesWithDotsAndColonsAreFoundInAPath() throws ScenarioException {
    Scenario scenario = Given.load(PCI, "nodes.exporter-1.devices.0000:17:00.0.size=8KiB");
    assertThat(scenario.nodes().get(1).exporters().getFirst().bufferBytes()).isEqualTo(8192);
  }

  @Test
  void theLongestNameThatFitsIsTaken() throws ScenarioException {
    String yaml = PCI.replace("{0000:17:00.0:", "{a: {kind: vfio-pci}, a.b:");
    Scenario scenario = Given.load(yaml, "nodes.exporter-1.devices.a.b.buffers=3");
    assertThat(scenario.nodes().get(1).exporters())
        .extracting(ExporterSpec::buffers)
        .containsExactly(1, 3);
  }

  @Test
  void aDeviceAndANodeCanBeAdded() throws ScenarioException {
    Scenario scenario =
        Given.load(
            PCI,
            "nodes.exporter-1.devices.0000:18:00.0={kind: vfio-pci, buffers: 2}",
            "nodes.importer-2={role: importer, devices: {x: {kind: gpu-dynamic}}}");
    assertThat(scenario.nodes().get(1).exporters())
        .extracting(ExporterSpec::name)
        .containsExactly("0000:17:00.0", "0000:18:00.0");
    assertThat(scenario.nodes().getLast().name()).isEqualTo("importer-2");
  }

  @Test
  void itemsOfListsAreChangedAndAppended() throws ScenarioException {
    Scenario scenario =
        Given.load(
            PCI,
            "faults[0].revoke=3",
            "thresholds[0]=dma.bytes >= 1",
            "thresholds[1]=dma.operations >= 1");
    assertThat(scenario.faults().getFirst().when())
        .isEqualTo(new FaultSpec.When.At(FaultPoint.IMPORTER_INVALIDATED, 3));
    assertThat(scenario.thresholds())
        .extracting(Threshold::text)
        .containsExactly("dma.bytes >= 1", "dma.operations >= 1");
  }

  @Test
  void aWholeListCanBeSetOrEmptied() throws ScenarioException {
    Scenario scenario = Given.load(PCI, "faults=[]", "thresholds=[dma.bytes == 0]");
    assertThat(scenario.faults()).isEmpty();
    assertThat(scenario.thresholds()).hasSize(1);
  }

  @Test
  void aMistakeInTheFileIsStillReportedWhereItIs() {
    assertThat(Given.refusal(PCI, "revokes.rounds=1"))
        .isEqualTo(
            "s.yaml:7: the fault would strike in round 2 of 1; write a round from 1 to 1, or raise"
                + " revokes.rounds");
  }

  @Test
  void anOverrideIsShownOnOneLine() {
    assertThat(Given.refusal(PCI, "name=a\n\0"))
        .isEqualTo("--set name=a\\n\\u0000: character U+0000 is not text; remove it");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("table")
  void isRefusedWithOneLine(String set, String expected) {
    assertThat(Given.refusal(PCI, set)).isEqualTo("--set " + set + ": " + expected);
  }

  static List<Arguments> table() {
    String rounds = "; write a whole number from 1 to 1000000";
    return List.of(
        arguments(
            "revokes.rounds", "no 'key=value'; write a path and a value, such as revokes.rounds=5"),
        arguments("=5", "no 'key=value'; write a path and a value, such as revokes.rounds=5"),
        arguments("revokes.rounds=", "no value behind '='; write one"),
        arguments("revokes.rounds=x", "revokes.rounds is 'x', not a whole number" + rounds),
        arguments("revokes.rounds=0", "revokes.rounds is '0', out of range" + rounds),
        arguments(
            "revokes.round=5",
            "unknown key 'round' in revokes; did you mean 'rounds'? legal here: order, rounds,"
                + " every, hold, limit"),
        arguments(
            "revoke.rounds=5",
            "there is no 'revoke' in the scenario; did you mean 'revokes'? legal here: nodes,"
                + " revokes, faults"),
        arguments(
            "nodes.exporter-2.role=iommu",
            "there is no 'exporter-2' in nodes; did you mean 'exporter-1'? legal here: iommu-1,"
                + " exporter-1, importer-1"),
        arguments(
            "nodes.exporter-1.devices.0000:17:00.1.size=8KiB",
            "there is no '0000:17:00' in nodes.exporter-1.devices; did you mean '0000:17:00.0'?"
                + " legal here: 0000:17:00.0"),
        arguments(
            "revokes.rounds.x=5",
            "revokes.rounds is a single value, there is no .x in it; end the path there"),
        arguments("revokes[0]=5", "revokes is a map, there is no [0] in it; there: rounds"),
        arguments(
            "faults.kill=x",
            "faults is a list, there is no .kill in it; write [n] for an item, [0] is the first"),
        arguments(
            "faults[1].kill=x",
            "faults has 1 items, there is no [1]; counting from 0, [1] appends one"),
        arguments(
            "faults[9]={kill: importer-1}",
            "faults has 1 items, there is no [9]; counting from 0, [1] appends one"),
        arguments(
            "faults=[{",
            "not valid YAML: expected the node content, but found '<stream end>'; check the"
                + " indentation, brackets, colons and quotes up to there"),
        arguments(
            "nodes.importer-1=*x",
            "aliases ('*') are not supported; write the value out again, or quote it"));
  }

  @Test
  void oneMoreItemIsAppendedWhereverTheListEnds() throws ScenarioException {
    Scenario scenario =
        Given.load(
            Given.LEAST,
            "faults[+]={pause: random, after: 1s, for: 2s}",
            "faults[+]={kill: importer-1}");
    assertThat(scenario.faults()).extracting(FaultSpec::kind).containsExactly("pause", "kill");
    assertThat(Given.refusal(Given.LEAST, "faults[+].kill=importer-1"))
        .contains("faults has 0 items, there is no [0]");
  }
}
