package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a user gets wrong costs him one line, before anything is started or made. */
class BadInputIT {
  private static final int BAD_INPUT = 2;

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @BeforeEach
  void files() throws IOException {
    String small = Files.readString(sandbox.directory().resolve(sandbox.scenario("small.yaml")));
    sandbox.file("unknown-key.yaml", small + "bounds: {ask: 1s}\n");
    sandbox.file("bad-unit.yaml", small.replace("size: 64KiB", "size: 64KB"));
    sandbox.file("no-yaml.yaml", small + "faults: [\n");
    sandbox.file("empty.yaml", "");
    Files.createDirectory(sandbox.directory().resolve("full"));
    sandbox.file("full/mine", "");
  }

  static Stream<Arguments> mistakes() {
    return Stream.of(
        bad("there is no contract 'v9'; there are: v2", "explore", "--contract", "v9"),
        bad("there is no kind of importer 'gpu'", "explore", "--importers", "gpu"),
        bad("kind of fault 'flood'; there are: kill", "explore", "--faults", "flood"),
        bad("empty; name some", "explore", "--importers", ""),
        bad("--schedules is 0; write 1 or more", "explore", "--schedules", "0"),
        bad("--depth, --states and --mapped go with", "explore", "--depth", "4"),
        bad("there is no such file", "explore", "--replay", "no-such.json"),
        bad("is no trace of this version", "explore", "--replay", "small.yaml"),
        bad("--seed does not go with --replay", "explore", "--replay", "a.json", "--seed", "3"),
        bad("Unmatched argument at index 0: 'rum'", "rum"),
        bad("a command is missing"),
        bad("Unknown option: '--sets'", "run", "--sets", "a=b"),
        bad("'--seed': 'x' is not a long", "run", "--seed", "x"),
        bad("Missing required parameter for option '--out'", "run", "--out"),
        bad("full: is not empty; name a new directory", "run", "small.yaml", "--out", "full"),
        bad("small.yaml: is not a directory", "run", "small.yaml", "--out", "small.yaml"),
        bad("--out names no directory", "run", "small.yaml", "--out", ""),
        bad("cannot be made or written; name", "run", "small.yaml", "--out", "/proc/no/such"),
        bad("did you mean 'vfio-reset'?", "run", "vfio-rest"),
        bad("unknown-key.yaml:19: unknown key 'bounds'; did you mean 'bound'?", "unknown-key.yaml"),
        bad("bad-unit.yaml:12: ", "bad-unit.yaml"),
        bad(": not valid YAML", "no-yaml.yaml"),
        bad("empty.yaml:1: nothing is written there", "empty.yaml"),
        badSet("'-64KiB', a negative size", "nodes.exporter-1.devices.0000:17:00.0.size=-64KiB"),
        badSet("'10', a duration without a unit", "bound.ask=10"),
        badSet("unknown unit 'min'", "bound.ask=10min"),
        badSet(
            "MiB of shared memory needed",
            "nodes.exporter-1.devices.0000:17:00.0.size=16GiB",
            "nodes.exporter-1.devices.0000:17:00.0.buffers=60000"),
        badSet("kind of importer", "nodes.importer-1.devices.0000:65:00.0.kind=rdma"),
        badSet(
            "'0000:18:00.0', which is no device of this scenario",
            "nodes.importer-1.devices.0000:65:00.0.exporters=[0000:18:00.0]"),
        badSet("no 'key=value'", "revokes.rounds"),
        badSet("unknown key 'round' in revokes; did you mean 'rounds'?", "revokes.round=3"),
        badSet("cluster.port is '70000', out of range", "cluster.port=70000"),
        badSet(
            "fences[0].delay is '1', a duration without a unit",
            "importers={dpu: {fences: [{usage: read, delay: 1}]}}"),
        badSet(
            "which is no reason for vfio-pci to revoke",
            "nodes.exporter-1.devices.0000:17:00.0.revoke-by=eviction"));
  }

  /** The arguments, and what the line says. A scenario's name alone is run. */
  private static Arguments bad(String says, String... arguments) {
    List<String> line = List.of(arguments);
    boolean scenario = line.size() == 1 && line.getFirst().endsWith(".yaml");
    return arguments(scenario ? List.of("run", line.getFirst()) : line, says);
  }

  private static Arguments badSet(String says, String... sets) {
    return arguments(
        Stream.concat(
                Stream.of("run", "small.yaml"), Stream.of(sets).flatMap(s -> Stream.of("--set", s)))
            .toList(),
        says);
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void aMistakeIsOneLineAndStatusTwoAndStartsNothing(List<String> arguments, String says) {
    assertRefused(sandbox.run(arguments.toArray(String[]::new)), says);
  }

  private void assertRefused(Simulator run, String says) {
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(BAD_INPUT);
    assertThat(run.err().lines()).as("standard error").hasSize(1);
    assertThat(run.err()).startsWith("dmabuf-sim: ").contains(says).endsWith("\n");
    assertThat(run.out()).isEmpty();
    assertThat(sandbox.directory().resolve("runs")).doesNotExist();
    assertThat(Processes.of(sandbox.directory())).as("nodes").isEmpty();
    assertThat(run.sharedMemory()).isEmpty();
  }

  @Test
  void aPortInUseIsRefusedBeforeAnyNodeStarts() throws IOException {
    try (ServerSocket mine = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String port = "cluster.port=" + mine.getLocalPort();
      assertRefused(
          sandbox.run("run", "small.yaml", "--set", port),
          "cluster.port: " + mine.getLocalPort() + " is in use; name a free one, or 0");
    }
  }

  @Test
  void aNodeByHandWhosePortIsInUseSaysSoInOneLineAndLeavesNoFabric() throws IOException {
    Path fabric = Path.of("/dev/shm/dmabuf-sim-port-in-use-" + ProcessHandle.current().pid());
    try (ServerSocket mine = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String address = "127.0.0.1:" + mine.getLocalPort();
      Simulator node =
          sandbox.run(
              "node",
              "--role=iommu",
              "--listen=" + address,
              "--seed-nodes=" + address,
              "--fabric=" + fabric);
      assertThat(node.awaitExit()).as("%s", node).isEqualTo(BAD_INPUT);
      assertThat(node.err().lines()).as("standard error").hasSize(1);
      assertThat(node.err()).contains(address, "in use");
      assertThat(fabric).doesNotExist();
    }
  }

  @Test
  void aDirectoryThatIsRefusedIsLeftAsItWas() throws IOException {
    Simulator run = sandbox.run("run", "small.yaml", "--out", "full");
    assertThat(run.awaitExit()).isEqualTo(BAD_INPUT);
    try (Stream<Path> files = Files.list(sandbox.directory().resolve("full"))) {
      assertThat(files).containsExactly(sandbox.directory().resolve("full/mine"));
    }
  }

  @Test
  void scenariosListsEveryBundledOneWithItsDescription() {
    Simulator run = sandbox.run("scenarios");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    assertThat(run.out().lines())
        .hasSize(21)
        .anyMatch(l -> l.matches("vfio-reset +\\S.*"))
        .anyMatch(l -> l.matches("dead-importer +\\S.*"))
        .anyMatch(l -> l.matches("lying-importer +\\S.*"))
        .anyMatch(l -> l.matches("thousands +\\S.*"))
        .anyMatch(l -> l.matches("gpu-eviction +\\S.*"))
        .anyMatch(l -> l.matches("rdma-context +\\S.*"))
        .anyMatch(l -> l.matches("every-importer +\\S.*"));
  }

  @ParameterizedTest
  @MethodSource("helps")
  void helpIsGivenAndIsNoMistake(List<String> arguments, String says) {
    Simulator run = sandbox.run(arguments.toArray(String[]::new));
    assertThat(run.awaitExit()).as("%s", run).isZero();
    assertThat(run.out()).contains(says);
    assertThat(run.err()).isEmpty();
  }

  static Stream<Arguments> helps() {
    return Stream.of(
        arguments(List.of("--help"), "Exit status: 0 pass, 1 fail, 2 bad input, 3 unknown."),
        arguments(List.of("run", "--help"), "--set=KEY=VALUE"),
        arguments(List.of("--version"), "dmabuf-sim "));
  }
}
