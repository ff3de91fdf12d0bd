package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.simulator.scenario.BundledScenarios.Bundled;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BundledScenariosTest {
  static Stream<String> names() {
    return BundledScenarios.names().stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void aBundledScenarioLoadsUnderItsOwnNameWithin256MiB(String name) throws ScenarioException {
    Scenario scenario = load(name, 256L << 20);
    assertThat(scenario.name()).isEqualTo(name);
    assertThat(scenario.contract()).isEqualTo(Contract.ENFORCED);
    assertThat(scenario.modelledOn()).isNotEmpty();
    assertThat(scenario.thresholds()).isNotEmpty();
  }

  @Test
  void theListGivesNamesAndDescriptions() {
    assertThat(BundledScenarios.list())
        .extracting(Bundled::name)
        .containsExactly(
            "vfio-reset",
            "dead-importer",
            "frozen-importer",
            "exporter-crash",
            "iommu-crash",
            "both-crash",
            "partition-mid-revoke",
            "lossy-control-plane",
            "rolling-restart",
            "everything-at-once",
            "lying-importer",
            "thousands",
            "gpu-eviction",
            "rdma-context",
            "every-importer",
            "disputed-kinds",
            "pinned-eviction",
            "hot-unplug",
            "ras-error",
            "last-close",
            "chaos-world");
    assertThat(BundledScenarios.list()).noneMatch(b -> b.description().isEmpty());
  }

  @Test
  void vfioResetHas1000AttachmentsTo64BuffersAndSomeThatAreRefused() throws ScenarioException {
    Scenario scenario = load("vfio-reset", Given.PLENTY);
    assertThat(exporters(scenario).mapToInt(ExporterSpec::buffers).sum()).isEqualTo(64);
    assertThat(
            importers(scenario)
                .filter(i -> !i.kind().equals("rdma-pinned"))
                .mapToInt(ImporterSpec::attachments)
                .sum())
        .isEqualTo(1000);
    assertThat(importers(scenario).map(ImporterSpec::kind))
        .containsExactlyInAnyOrder(
            "rdma-pinned-revocable", "gpu-dynamic", "iommufd", "rdma-pinned");
    assertThat(scenario.dma().minBytes()).isEqualTo(64);
    assertThat(scenario.dma().maxBytes()).isEqualTo(1 << 20);
    assertThat(scenario.revokes().rounds()).isEqualTo(24);
  }

  @Test
  void deadImporterDiffersFromVfioResetInItsFaultAndThresholdsOnly() throws ScenarioException {
    Scenario dead = load("dead-importer", Given.PLENTY);
    Scenario reset = load("vfio-reset", Given.PLENTY);
    assertThat(dead.faults())
        .containsExactly(
            new FaultSpec(
                new FaultSpec.ProcessFault(
                    FaultSpec.Action.KILL,
                    new FaultSpec.Target(FaultSpec.Target.By.NODE, "importer-2")),
                new FaultSpec.When.At(FaultPoint.IMPORTER_INVALIDATED, 5),
                Duration.ZERO));
    assertThat(dead)
        .usingRecursiveComparison()
        .ignoringFields("name", "description", "faults", "thresholds")
        .isEqualTo(reset);
  }

  @Test
  void thousandsHas4000AttachmentsTo16Buffers() throws ScenarioException {
    Scenario scenario = load("thousands", Given.PLENTY);
    assertThat(exporters(scenario).mapToInt(ExporterSpec::buffers).sum()).isEqualTo(16);
    assertThat(importers(scenario).mapToInt(ImporterSpec::attachments).sum()).isEqualTo(4000);
  }

  @Test
  void lyingImporterLiesForLongerThanTheMemoryIsHeld() throws ScenarioException {
    Scenario scenario = load("lying-importer", Given.PLENTY);
    assertThat(importers(scenario).map(ImporterSpec::overrun))
        .containsExactly(Duration.ZERO, Duration.ofMillis(300));
    assertThat(scenario.revokes().hold()).isEqualTo(Duration.ofMillis(100));
  }

  @Test
  void everyImporterIsThereAtAnExporterThatRevokesAndAtOneThatDoesNot() throws ScenarioException {
    Scenario scenario = load("every-importer", Given.PLENTY);
    assertThat(importers(scenario).map(ImporterSpec::kind))
        .containsExactlyInAnyOrderElementsOf(ImporterDrivers.load().all().keySet());
    assertThat(exporters(scenario).map(e -> e.causes().isEmpty())).containsExactly(false, true);
  }

  @Test
  void whatIsBundledBesidesIsAsItsNameSays() throws ScenarioException {
    assertThat(exporters(load("gpu-eviction", Given.PLENTY)).flatMap(e -> e.causes().stream()))
        .extracting(RevokeCause::after)
        .containsOnly(RevokeCause.After.MOVED);
    assertThat(exporters(load("rdma-context", Given.PLENTY)).flatMap(e -> e.causes().stream()))
        .extracting(RevokeCause::after)
        .containsOnly(RevokeCause.After.DEAD);
  }

  @ParameterizedTest
  @MethodSource("names")
  void thereIsNothingToRemarkOnABundledScenario(String name) throws ScenarioException {
    assertThat(Remarks.about(load(name, Given.PLENTY))).isEmpty();
  }

  @Test
  void anOverrideOfABundledScenarioMeetsTheSameChecks() {
    assertThat(Given.refusal(BundledScenarios.text("vfio-reset"), "revokes.rounds=-1"))
        .startsWith("--set revokes.rounds=-1: ");
  }

  private static Scenario load(String name, long freeBytes) throws ScenarioException {
    return ScenarioLoader.load(name, Path.of(""), List.of(), freeBytes);
  }

  private static Stream<ExporterSpec> exporters(Scenario scenario) {
    return scenario.nodes().stream().flatMap(n -> n.exporters().stream());
  }

  private static Stream<ImporterSpec> importers(Scenario scenario) {
    return scenario.nodes().stream().flatMap(n -> n.importers().stream());
  }
}
