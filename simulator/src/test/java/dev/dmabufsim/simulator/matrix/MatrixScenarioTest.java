package dev.dmabufsim.simulator.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.simulator.run.FaultPlan;
import dev.dmabufsim.simulator.scenario.ExporterSpec;
import dev.dmabufsim.simulator.scenario.ImporterSpec;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import dev.dmabufsim.simulator.scenario.ScenarioWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MatrixScenarioTest {
  private static final Map<String, ImporterDriver> DRIVERS =
      new TreeMap<>(ImporterDrivers.load().all());

  @ParameterizedTest
  @EnumSource(Contract.class)
  void loadsAgainAsANodeDoes(Contract contract) throws ScenarioException {
    Scenario scenario = MatrixScenario.of(contract, DRIVERS, Treatment.all()).scenario();
    assertThat(
            ScenarioLoader.parse(
                ScenarioWriter.toYaml(scenario), "matrix.yaml", Path.of("/"), List.of(), 1L << 40))
        .isEqualTo(scenario);
  }

  private static MatrixScenario.Place place(MatrixScenario matrix, CellKey key) {
    return matrix.cells().stream().filter(c -> c.key().equals(key)).findFirst().orElseThrow();
  }

  @Test
  void ofSomeCellsItHasTheseOnly() {
    List<CellKey> keys =
        List.of(
            new CellKey(Contract.V2, "virtio-gpu", Treatment.all().getFirst()),
            new CellKey(Contract.V2, "scanout", Treatment.KILLED));
    MatrixScenario matrix = MatrixScenario.again(keys, DRIVERS);
    assertThat(matrix.cells()).extracting(MatrixScenario.Place::key).isEqualTo(keys);
    assertThat(matrix.scenario().contract()).isEqualTo(Contract.V2);
    assertThat(
            matrix.scenario().nodes().stream()
                .flatMap(n -> n.importers().stream())
                .map(ImporterSpec::name))
        .containsExactlyInAnyOrder("virtio-gpu.honest", "scanout.killed");
    MatrixScenario all = MatrixScenario.of(Contract.V2, DRIVERS, Treatment.all());
    assertThat(matrix.scenario().revokes().rounds())
        .as("more often than all together are")
        .isGreaterThan(all.scenario().revokes().rounds());
    assertThat(matrix.cells().get(1).exporters())
        .hasSizeGreaterThan(place(all, keys.get(1)).exporters().size());
  }

  @Test
  void givesEachCellExportersAndAnImporterOfItsOwn() {
    MatrixScenario matrix = MatrixScenario.of(Contract.V7, DRIVERS, Treatment.all());
    assertThat(matrix.cells())
        .hasSize(DRIVERS.size() * 10)
        .doesNotHaveDuplicates()
        .allSatisfy(c -> {
          ImporterSpec importer = importer(matrix, c.importer());
          assertThat(importer.exporters()).isEqualTo(c.exporters()).isNotEmpty();
          assertThat(importer.kind()).isEqualTo(c.key().importer());
          assertThat(importer.behaviour()).isEqualTo(c.key().treatment().behaviour());
        });
    assertThat(matrix.cells())
        .flatExtracting(MatrixScenario.Place::exporters)
        .doesNotHaveDuplicates();
    assertThat(matrix.scenario().revokes().independent()).isTrue();
  }

  @Test
  void whereAnExporterIsRevokedForGoodACellHasSeveral() {
    MatrixScenario matrix = MatrixScenario.of(Contract.V7, DRIVERS, Treatment.all());
    assertThat(matrix.cells())
        .allSatisfy(c -> {
          boolean once =
              exporter(matrix, c.exporters().getFirst()).causes().getFirst().after()
                  == RevokeCause.After.DEAD;
          assertThat(c.exporters()).hasSize(once ? 6 : 1);
          assertThat(importer(matrix, c.importer()).attachments()).isEqualTo(once ? 6 : 2);
        });
    assertThat(matrix.cells()).anyMatch(c -> c.exporters().size() > 1);
  }

  @Test
  void noTwoRevokesBeginAtTheSameMomentButOfThoseWhoAreKilledTogether() {
    MatrixScenario matrix = MatrixScenario.of(Contract.V7, DRIVERS, Treatment.all());
    List<Duration> alive = new ArrayList<>();
    Set<Duration> killed = new HashSet<>();
    for (MatrixScenario.Place place : matrix.cells()) {
      (place.key().treatment().killed() ? killed : alive)
          .addAll(place.exporters().stream().map(e -> exporter(matrix, e).beginAfter()).toList());
    }
    assertThat(alive).doesNotHaveDuplicates();
    assertThat(killed).hasSize(1);
  }

  /** Of a display of 60 Hz: in the same one each time, it would be lucky or not each time. */
  @Test
  void whatIsRevokedForGoodIsRevokedInEachSixthOfAFrame() {
    MatrixScenario matrix =
        MatrixScenario.of(Contract.V2, DRIVERS, List.of(Treatment.all().get(0)));
    MatrixScenario.Place scanout =
        matrix.cells().stream()
            .filter(c -> c.key().importer().equals("scanout"))
            .findFirst()
            .orElseThrow();
    double frameNanos = 1e9 / 60;
    long first = exporter(matrix, scanout.exporters().getFirst()).beginAfter().toNanos();
    assertThat(scanout.exporters())
        .extracting(e ->
            Math.round(
                    (exporter(matrix, e).beginAfter().toNanos() - first)
                        % frameNanos
                        / (frameNanos / 6))
                % 6)
        .containsExactlyInAnyOrder(0L, 1L, 2L, 3L, 4L, 5L);
  }

  @Test
  void noTwoCellsShareMemorySinceItsPoolGoesBySize() {
    MatrixScenario matrix = MatrixScenario.of(Contract.V7, DRIVERS, Treatment.all());
    assertThat(matrix.cells())
        .extracting(c -> exporter(matrix, c.exporters().getFirst()).bufferBytes())
        .doesNotHaveDuplicates();
    assertThat(matrix.cells())
        .allSatisfy(c ->
            assertThat(c.exporters().stream().map(e -> exporter(matrix, e).bufferBytes()))
                .containsOnly(exporter(matrix, c.exporters().getFirst()).bufferBytes()));
  }

  @Test
  void killsOnlyThoseThatAreToBeKilled() {
    MatrixScenario matrix = MatrixScenario.of(Contract.V7, DRIVERS, Treatment.all());
    String killed = FaultPlan.of(matrix.scenario(), 1).faults().get(0).nodes().getFirst();
    assertThat(matrix.scenario().faults()).hasSize(1);
    assertThat(matrix.scenario().nodes())
        .filteredOn(n -> n.role() == Role.IMPORTER)
        .allSatisfy(n ->
            assertThat(n.importers())
                .allSatisfy(i ->
                    assertThat(i.name().endsWith(".killed")).isEqualTo(n.name().equals(killed))));
  }

  @Test
  void aMatrixWithoutTheKilledHasNoFault() {
    MatrixScenario matrix =
        MatrixScenario.of(Contract.V7, DRIVERS, List.of(Treatment.all().get(0)));
    assertThat(matrix.scenario().faults()).isEmpty();
    assertThat(matrix.scenario().nodes()).hasSize(3);
  }

  @Test
  void letsEachImporterMeetAnExporterThatItCanReachAndThatRevokes() {
    MatrixScenario matrix =
        MatrixScenario.of(Contract.V7, DRIVERS, List.of(Treatment.all().get(0)));
    assertThat(exporter(matrix, "for.rdma-odp.honest").kind()).isEqualTo(ExporterKind.VFIO_PCI);
    assertThat(exporter(matrix, "for.virtio-gpu.honest").causes())
        .containsExactly(RevokeCause.EVICTION);
    assertThat(exporter(matrix, "for.scanout.honest.1").causes())
        .containsExactly(RevokeCause.HOT_UNPLUG);
  }

  private static ImporterSpec importer(MatrixScenario matrix, String name) {
    return matrix.scenario().nodes().stream()
        .flatMap(n -> n.importers().stream())
        .filter(i -> i.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static ExporterSpec exporter(MatrixScenario matrix, String name) {
    return matrix.scenario().nodes().stream()
        .flatMap(n -> n.exporters().stream())
        .filter(e -> e.name().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
