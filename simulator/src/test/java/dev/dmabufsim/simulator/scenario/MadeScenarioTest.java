package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.dmabufsim.simulator.machine.LspciParser;
import dev.dmabufsim.simulator.machine.Machine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is wrong with a scenario and a machine is said of the line that its user wrote. */
final class MadeScenarioTest {
  /** Not enough for any machine. */
  private static final long FREE = 1L << 20;

  @TempDir private Path directory;

  @Test
  void aFaultOfANodeThatIsNotMadeIsToldAtTheFault() throws Exception {
    assertThat(
            refused(
                """
                # A comment.
                machine: m.lspci
                faults:
                  - {kill: importer-1}
                  - {kill: importer-7}
                """))
        .startsWith("mine.yaml:5: faults[1].kill is 'importer-7', which is no node");
  }

  @Test
  void aKindForADeviceThatIsNotThereIsToldAtTheKind() throws Exception {
    assertThat(
            refused(
                """
                machine:
                  file: m.lspci
                  kinds:
                    "ff:00.0": iommufd
                """))
        .startsWith("mine.yaml:4: machine.kinds: 'ff:00.0' is no importer of m.lspci");
  }

  @Test
  void whatComesOfTheMachineIsToldWhereItIsNamed() throws Exception {
    assertThat(
            refused(
                """
                contract: v7
                machine:
                  file: m.lspci
                  buffers: 2
                """))
        .startsWith("mine.yaml:2: ")
        .contains("of shared memory needed")
        .endsWith("(with m.lspci)");
  }

  @Test
  void anOptionOfTheCommandLineIsToldByItsName() throws Exception {
    Files.writeString(directory.resolve("mine.yaml"), Given.LEAST);
    MachineUse use = new MachineUse("m.lspci", true, Map.of(), 1, 1, 1L << 30);
    assertThat(refused(Given.load(Given.LEAST), use, "m.lspci"))
        .startsWith("--machine m.lspci: ")
        .contains("of shared memory needed");
  }

  private String refused(String text) throws IOException, ScenarioException {
    Files.createFile(directory.resolve("m.lspci"));
    Path file = Files.writeString(directory.resolve("mine.yaml"), text);
    Scenario base = ScenarioLoader.load("mine.yaml", file.getParent(), List.of(), FREE);
    return refused(base, base.machine().orElseThrow(), null);
  }

  private String refused(Scenario base, MachineUse use, @Nullable String option) {
    ScenarioException e =
        catchThrowableOfType(
            ScenarioException.class,
            () ->
                MadeScenario.make(
                    base, use, machine(), "mine.yaml", directory, List.of(), option, FREE));
    assertThat(e).isNotNull();
    return String.valueOf(e.getMessage());
  }

  private static Machine machine() throws Exception {
    Path listing = Path.of("src/test/resources/machine/switches-vvv-nn-D-k.lspci");
    return LspciParser.parse("m.lspci", Files.readString(listing));
  }
}
