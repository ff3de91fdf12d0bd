package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Finding scenarios, and the files they name. */
class ScenarioSourceTest {
  private static final String LIST =
      "write a file or one of vfio-reset, dead-importer, frozen-importer, exporter-crash,"
          + " iommu-crash, both-crash, partition-mid-revoke, lossy-control-plane, rolling-restart,"
          + " everything-at-once, lying-importer, thousands, gpu-eviction, rdma-context,"
          + " every-importer, disputed-kinds, pinned-eviction, hot-unplug, ras-error, last-close,"
          + " chaos-world";

  private final Path directory;

  ScenarioSourceTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @BeforeEach
  void writeAScenario() throws IOException {
    Files.createDirectories(directory.resolve("sub dir"));
    Files.writeString(directory.resolve("sub dir/my first.yaml"), Given.LEAST);
  }

  @Test
  void aFileIsFoundFromTheWorkingDirectoryAndGivesItsName() throws ScenarioException {
    assertThat(load("sub dir/my first.yaml").name()).isEqualTo("my-first");
  }

  @Test
  void aBundledNameWinsOverADirectoryThatARunLeftBehind() throws IOException, ScenarioException {
    Files.createDirectories(directory.resolve("vfio-reset"));
    assertThat(load("vfio-reset").name()).isEqualTo("vfio-reset");
    assertRefused(
        "./vfio-reset",
        "scenario './vfio-reset' is a directory; did you mean" + " 'vfio-reset'? " + LIST);
  }

  @Test
  void aMissingFileIsAnsweredWithTheBundledNames() {
    assertRefused(
        "other.yaml", "scenario 'other.yaml' is neither a file nor a bundled scenario; " + LIST);
    assertRefused(
        "vfio-rset",
        "scenario 'vfio-rset' is neither a file nor a bundled scenario; did you mean 'vfio-reset'? "
            + LIST);
    assertRefused(
        "x/thousand.yaml",
        "scenario 'x/thousand.yaml' is neither a file nor a bundled scenario; did you mean"
            + " 'thousands'? "
            + LIST);
  }

  @Test
  void aDirectoryOrAnImpossiblePathIsNoScenario() {
    assertRefused("sub dir", "scenario 'sub dir' is a directory; " + LIST);
    assertRefused("", "scenario '' is no name; " + LIST);
    assertRefused("a\0b", "scenario 'a\\u0000b' is not a path; " + LIST);
  }

  @Test
  void aFileAboveOneMebibyteIsRefused() throws IOException {
    Files.write(directory.resolve("large.yaml"), new byte[(1 << 20) + 1]);
    assertRefused("large.yaml", "large.yaml: larger than 1MiB; a scenario is a short YAML file");
    assertRefused("/dev/zero", "/dev/zero: larger than 1MiB; a scenario is a short YAML file");
  }

  @Test
  void aFileThatIsNotUtf8IsRefusedWithTheLine() throws IOException {
    String yaml = Given.LEAST + "# Größe\n";
    Files.write(directory.resolve("latin.yaml"), yaml.getBytes(StandardCharsets.ISO_8859_1));
    assertRefused("latin.yaml", "latin.yaml:11: not UTF-8; save the file as UTF-8");
    byte[] cut = yaml.getBytes(StandardCharsets.UTF_8);
    Files.write(directory.resolve("cut.yaml"), Arrays.copyOf(cut, cut.length - 5));
    assertRefused("cut.yaml", "cut.yaml:11: not UTF-8; save the file as UTF-8");
  }

  @Test
  void mistakesAreReportedUnderTheNameTheUserGave() throws IOException {
    Files.writeString(directory.resolve("sub dir/bad.yaml"), Given.plus("contract: v1\n"));
    assertRefused(
        "sub dir/bad.yaml",
        "sub dir/bad.yaml:11: contract is 'v1', which is no contract; did you mean 'v2'? legal"
            + " here: v2, v3, v4, v5, v7, enforced");
  }

  @Test
  void aMachineIsFoundBesideItsScenario() throws IOException, ScenarioException {
    Path lspci = Files.writeString(directory.resolve("sub dir/lspci.txt"), "");
    Files.writeString(directory.resolve("sub dir/m.yaml"), "machine: lspci.txt\n");
    assertThat(load("sub dir/m.yaml").machine())
        .contains(new MachineUse(lspci.toString(), false, Map.of(), 4, 16, 256L << 20));
    assertRefused(
        "sub dir/m.yaml",
        "--set machine=lspci.txt: machine is 'lspci.txt', which is no file; write the path of the"
            + " output of 'lspci -vvv'",
        "machine=lspci.txt");
  }

  @Test
  void aMachineHasOptions() throws IOException, ScenarioException {
    Path lspci = Files.writeString(directory.resolve("lspci.txt"), "");
    Files.writeString(
        directory.resolve("m.yaml"),
        """
        machine:
          file: lspci.txt
          allow-host-bridge: true
          kinds: {01:00.0: iommufd}
          buffers: 2
          attachments: 3
          memory: 1MiB
        """);
    assertThat(load("m.yaml", "machine.kinds.02:00.1=gpu-dynamic").machine())
        .contains(
            new MachineUse(
                lspci.toString(),
                true,
                Map.of("01:00.0", "iommufd", "02:00.1", "gpu-dynamic"),
                2,
                3,
                1 << 20));
    assertRefused(
        "m.yaml",
        "--set machine.allow-host-bridge=on: machine.allow-host-bridge is 'on'; write true or"
            + " false",
        "machine.allow-host-bridge=on");
  }

  private Scenario load(String nameOrPath, String... sets) throws ScenarioException {
    return ScenarioLoader.load(nameOrPath, directory, List.of(sets), Given.PLENTY);
  }

  private void assertRefused(String nameOrPath, String message, String... sets) {
    assertThatThrownBy(() -> load(nameOrPath, sets))
        .isInstanceOf(ScenarioException.class)
        .hasMessage(message);
  }
}
