package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ScenarioWriterTest {
  @Test
  void whatIsWrittenLoadsBackEqual(@TempDir Path directory) throws IOException, ScenarioException {
    String machine = Files.writeString(directory.resolve("ls\"pci\\ ä.txt"), "").toString();
    for (long seed = 0; seed < 500; seed++) {
      Scenario scenario = RandomScenario.of(seed, machine);
      String yaml = ScenarioWriter.toYaml(scenario);
      assertThat(Given.load(yaml)).as("seed %s:\n%s", seed, yaml).isEqualTo(scenario);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.dmabufsim.simulator.scenario.BundledScenariosTest#names")
  void aBundledScenarioSurvivesBeingWritten(String name) throws ScenarioException {
    Scenario scenario = Given.load(BundledScenarios.text(name));
    assertThat(Given.load(ScenarioWriter.toYaml(scenario))).isEqualTo(scenario);
  }

  @Test
  void everyOptionIsWrittenOut() throws ScenarioException {
    assertThat(ScenarioWriter.toYaml(Given.load(Given.LEAST)))
        .isEqualTo(
            """
            name: "s.yaml"
            description: ""
            modelled-on: ""
            contract: enforced
            bound: {ask: 1s, block: 250ms, sever: 250ms}
            revokes: {order: in-turn, rounds: 10, every: 100ms, hold: 10ms, limit: 3s}
            dma: {sizes: 64B..1MiB, reads: 50%, duty: 25%}
            importers: {}
            nodes:
              "iommu-1":
                role: iommu
              "exporter-1":
                role: exporter
                devices:
                  "gpu": {kind: vfio-pci, buffers: 4, size: 1MiB, revoke-by: [reset]}
              "importer-1":
                role: importer
                devices:
                  "nic":
                    kind: gpu-dynamic
                    attachments: 8
                    behaviour: honest
                    ats: false
                    cpu-access: false
                    exporters: []
            faults: []
            thresholds: []
            cluster: {port: 0}
            refusals: []
            """);
  }

  @Test
  @ResourceLock(Resources.LOCALE)
  void numbersAreWrittenInAsciiDigitsWhateverTheLocale() throws ScenarioException {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
      Scenario scenario = Given.load(Given.LEAST);
      assertThat(ScenarioWriter.toYaml(scenario)).contains("rounds: 10,");
      assertThat(Given.refusal(Given.plus("revokes: {order: in-turn, rounds: 0}\n")))
          .contains("from 1 to 1000000");
    } finally {
      Locale.setDefault(before);
    }
  }
}
