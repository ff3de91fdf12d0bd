package dev.dmabufsim.simulator.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who asks whether there is room for a scenario, and of what. */
final class ScenariosTest {
  @TempDir private Path directory;
  private String huge;

  @BeforeEach
  void write() throws IOException {
    Path file = directory.resolve("huge.yaml");
    Files.writeString(
        file,
        """
        nodes:
          iommu-1: {role: iommu}
          exporter-1:
            role: exporter
            devices: {gpu: {kind: vfio-pci, buffers: 60000, size: 16GiB}}
          importer-1: {role: importer, devices: {nic: {kind: iommufd}}}
        """);
    huge = file.toString();
  }

  @Test
  void aRunNeedsRoomForAllOfIt() {
    assertThatExceptionOfType(BadInput.class)
        .isThrownBy(() -> Scenarios.resolve(huge, List.of(), null, false))
        .withMessageContaining("of shared memory needed");
  }

  @Test
  void aNodeIsNotRefusedForMemoryThatOthersMayHaveTakenAlready() throws IOException {
    assertThat(Scenarios.resolve(huge).nodes()).hasSize(3);
  }

  @Test
  void whatAMachineTakesThePlaceOfNeedsNoRoom() throws IOException {
    String machine = "src/test/resources/machine/switches-vvv-nn-D-k.lspci";
    assertThat(Scenarios.resolve(huge, List.of("dma.sizes=64B"), machine, true).scenario().nodes())
        .isNotEmpty();
  }
}
