package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.simulator.scenario.Threshold.Comparison;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GoodScenarioTest {
  private static final long MIB = 1L << 20;

  @Test
  void whatIsNotStatedHasItsDocumentedDefault() throws ScenarioException {
    assertThat(
            Given.load(
                """
                nodes:
                  i: {role: iommu}
                  e: {role: exporter, devices: {gpu: {kind: vfio-pci}}}
                  m: {role: importer, devices: {nic: {kind: iommufd}}}
                """))
        .isEqualTo(
            new Scenario(
                "s.yaml",
                "",
                "",
                Contract.ENFORCED,
                new Bound(Duration.ofSeconds(1), Duration.ofMillis(250), Duration.ofMillis(250)),
                new Revokes(
                    false,
                    10,
                    Duration.ofMillis(100),
                    Duration.ofMillis(10),
                    Duration.ofSeconds(3)),
                new Dma(64, MIB, 0.5, 0.25),
                Map.of(),
                List.of(
                    new NodeSpec("i", Role.IOMMU, List.of(), List.of()),
                    new NodeSpec(
                        "e",
                        Role.EXPORTER,
                        List.of(
                            new ExporterSpec(
                                "gpu", ExporterKind.VFIO_PCI, 1, MIB, List.of(RevokeCause.RESET))),
                        List.of()),
                    new NodeSpec(
                        "m",
                        Role.IMPORTER,
                        List.of(),
                        List.of(
                            new ImporterSpec(
                                "nic",
                                "iommufd",
                                1,
                                Behaviour.HONEST,
                                Duration.ZERO,
                                false,
                                CpuUse.NONE,
                                Span.WHOLE,
                                List.of())))),
                List.of(),
                List.of(),
                Optional.empty(),
                new ClusterSpec(0),
                List.of()));
  }

  @Test
  void aRangeIsTakenFromTheStartOrFromFurtherOn() throws ScenarioException {
    assertThat(range("{length: 8KiB}")).isEqualTo(new Span(0, 8192));
    assertThat(range("{offset: 16KiB, length: 4KiB}")).isEqualTo(new Span(16_384, 4096));
  }

  private static Span range(String range) throws ScenarioException {
    String yaml = Given.with("kind: gpu-dynamic", "kind: iommufd, range: " + range);
    return Given.load(yaml).nodes().getLast().importers().getFirst().range();
  }

  @Test
  void whatIsStatedIsTaken() throws ScenarioException {
    Scenario scenario =
        Given.load(
            Given.with(
                    "attachments: 8",
                    "behaviour: lying, overrun: 300ms, ats: true, cpu-access: true,"
                        + " cpu-mapping: vmap, exporters: [gpu]")
                + """
                name: a-1
                description: "on, 01:00 and 010"
                contract: v7
                bound: {ask: 5us, block: 2 m, sever: 3s}
                revokes: {order: independent, rounds: 7, every: 0s, hold: 1ms, limit: 10m}
                dma: {sizes: 128B .. 4KiB, reads: 33.3%, duty: 100%}
                faults: [{kill: importer-1, at: importer.invalidated, revoke: 7}]
                thresholds: [dma.bytes>=1.5e3]
                cluster: {port: 2551}
                refusals: [{exporter: gpu, importer: nic, errno: EOPNOTSUPP, because: 'no'}]
                """);
    assertThat(scenario.name()).isEqualTo("a-1");
    assertThat(scenario.description()).isEqualTo("on, 01:00 and 010");
    assertThat(scenario.contract()).isEqualTo(Contract.V7);
    assertThat(scenario.bound())
        .isEqualTo(new Bound(Duration.ofNanos(5000), Duration.ofMinutes(2), Duration.ofSeconds(3)));
    assertThat(scenario.bound().total()).isEqualTo(Duration.ofNanos(123_000_005_000L));
    assertThat(scenario.revokes())
        .isEqualTo(
            new Revokes(true, 7, Duration.ZERO, Duration.ofMillis(1), Duration.ofMinutes(10)));
    assertThat(scenario.dma()).isEqualTo(new Dma(128, 4096, 0.333, 1));
    assertThat(scenario.nodes().getLast().importers())
        .containsExactly(
            new ImporterSpec(
                "nic",
                "gpu-dynamic",
                1,
                Behaviour.LYING,
                Duration.ofMillis(300),
                true,
                CpuUse.VMAP,
                Span.WHOLE,
                List.of("gpu")));
    assertThat(scenario.faults())
        .containsExactly(
            new FaultSpec(
                new FaultSpec.ProcessFault(
                    FaultSpec.Action.KILL,
                    new FaultSpec.Target(FaultSpec.Target.By.NODE, "importer-1")),
                new FaultSpec.When.At(FaultPoint.IMPORTER_INVALIDATED, 7),
                Duration.ZERO));
    assertThat(scenario.thresholds())
        .containsExactly(
            new Threshold("dma.bytes", Comparison.AT_LEAST, 1500, "dma.bytes >= 1.5e3"));
    assertThat(scenario.cluster()).isEqualTo(new ClusterSpec(2551));
    assertThat(scenario.refusals())
        .containsExactly(new Refusal("gpu", "nic", Errno.EOPNOTSUPP, "no"));
  }

  @Test
  void namesThatYamlTakesForNumbersTimesOrTruthsStayAsWritten() throws ScenarioException {
    Scenario scenario =
        Given.load(
            """
            name: 010
            description: 1_000
            modelled-on: 0x1F
            nodes:
              on: {role: iommu}
              1e3: {role: exporter, devices: {0000:65:00.0: {kind: vfio-pci}}}
              no: {role: importer, devices: {01:00: {kind: iommufd}, 65:00.0: {kind: iommufd}}}
              null: {role: importer, devices: {1.50: {kind: iommufd}, ON: {kind: iommufd}}}
            """);
    assertThat(List.of(scenario.name(), scenario.description(), scenario.modelledOn()))
        .containsExactly("010", "1_000", "0x1F");
    assertThat(scenario.nodes())
        .extracting(NodeSpec::name)
        .containsExactly("on", "1e3", "no", "null");
    assertThat(scenario.nodes().get(1).exporters())
        .extracting(ExporterSpec::name)
        .containsExactly("0000:65:00.0");
    assertThat(scenario.nodes().stream().flatMap(n -> n.importers().stream()))
        .extracting(ImporterSpec::name)
        .containsExactly("01:00", "65:00.0", "1.50", "ON");
  }

  @Test
  void aTransferIsByDefaultNoLargerThanTheSmallestBuffer() throws ScenarioException {
    assertThat(Given.load(Given.with("1MiB", "12KiB")).dma().maxBytes()).isEqualTo(12 * 1024);
  }

  @Test
  void memoryIsTwiceAllBuffersAndSome() throws ScenarioException {
    assertThat(Given.load(Given.LEAST).memoryBytes()).isEqualTo(2 * 4 * MIB + 16 * MIB);
  }

  @Test
  void thePageBehindEachSegmentCountsWhereThereAreMany() throws ScenarioException {
    String gpu = "nodes.exporter-1.devices.gpu.";
    Scenario many = Given.load(Given.LEAST, gpu + "buffers=4096", gpu + "size=4KiB");
    assertThat(many.memoryBytes()).isEqualTo(2 * 16 * MIB + 8 * MIB + 2 * 16 * MIB);
  }

  @Test
  void aByteOrderMarkAndWindowsLineEndsAreAccepted() throws ScenarioException {
    byte[] bytes = ("\ufeff" + Given.LEAST.replace("\n", "\r\n")).getBytes(StandardCharsets.UTF_8);
    String text = ScenarioSource.decode(bytes, Origin.file("s.yaml"));
    assertThat(Given.load(text)).isEqualTo(Given.load(Given.LEAST));
    assertThat(Given.refusal(text + "\tname: a\n"))
        .isEqualTo("s.yaml:11: a tab in the indentation; indent with spaces");
  }

  @Test
  void aThresholdHoldsOrNot() {
    assertThat(new Threshold("dma.bytes", Comparison.AT_MOST, 5, "").holds(5)).isTrue();
    assertThat(new Threshold("dma.bytes", Comparison.BELOW, 5, "").holds(5)).isFalse();
    assertThat(new Threshold("dma.bytes", Comparison.ABOVE, 5, "").holds(5)).isFalse();
    assertThat(new Threshold("dma.bytes", Comparison.AT_LEAST, 5, "").holds(4)).isFalse();
    assertThat(new Threshold("dma.bytes", Comparison.NOT_EQUAL, 5, "").holds(4)).isTrue();
    assertThat(new Threshold("dma.bytes", Comparison.EQUAL, 5, "").holds(Double.NaN)).isFalse();
  }
}
