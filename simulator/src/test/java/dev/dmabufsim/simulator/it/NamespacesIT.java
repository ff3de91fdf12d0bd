package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A run whose nodes are hosts of a network of their own. Where that cannot be had, it says so in
 * one line; which of the two this was, the test's output tells.
 */
class NamespacesIT {
  private static final Path NAMES = Path.of("/run/netns");

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void aPartitionOfARealNetworkIsSurvivedOrThereIsNoneAndThatIsSaid() throws IOException {
    Simulator run =
        sandbox.run(
            "run",
            sandbox.scenario("small.yaml"),
            "--namespaces",
            "--set",
            "revokes.rounds=8",
            "--fault",
            "partition: [[exporter-1], [importer-1]], after: 500ms, for: 2s");
    if (run.awaitExit() == 2) {
      assertThat(run.err().lines())
          .singleElement()
          .asString()
          .contains("network namespaces cannot be had here");
      System.out.println("NamespacesIT: not played here: " + run.err().strip());
      assertThat(namespaces(run.pid())).isEmpty();
      return;
    }
    System.out.println("NamespacesIT: played in network namespaces");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    assertThat(run.history("launcher").stream().map(HistoryLine::event))
        .hasAtLeastOneElementOfType(HistoryEvent.FaultOver.class);
    try (DirectoryStream<Path> logs = Files.newDirectoryStream(runOf(run), "importer-1.log")) {
      for (Path log : logs) {
        assertThat(Files.readString(log)).contains("10.77.0.").doesNotContain("127.0.0.1");
      }
    }
    assertThat(namespaces(run.pid())).isEmpty();
    run.assertNothingLeft();
  }

  private Path runOf(Simulator run) throws IOException {
    try (DirectoryStream<Path> runs =
        Files.newDirectoryStream(sandbox.directory().resolve("runs"))) {
      for (Path one : runs) {
        return one;
      }
    }
    throw new IllegalStateException("no run: " + run);
  }

  private static List<Path> namespaces(long launcher) throws IOException {
    List<Path> ours = new ArrayList<>();
    if (Files.isDirectory(NAMES)) {
      try (DirectoryStream<Path> all =
          Files.newDirectoryStream(NAMES, "dmabuf-sim-" + launcher + "-*")) {
        all.forEach(ours::add);
      }
    }
    return ours;
  }
}
