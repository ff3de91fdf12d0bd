package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.simulator.report.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Ctrl-C. */
class InterruptIT {
  /** 128 + SIGINT: the JVM's own exit status, whatever the verdict is. */
  private static final int INTERRUPTED = 130;

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void anInterruptedRunKeepsWhatItGatheredAndLeavesNothingBehind() throws IOException {
    Simulator run =
        sandbox.start("run", sandbox.scenario("small.yaml"), "--set", "revokes.rounds=1000000");
    run.awaitOutput("round [1-9]");
    Processes.signal("INT", run.pid());
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(INTERRUPTED);
    Report report = run.report();
    assertThat(report.verdict()).isEqualTo("unknown");
    assertThat(report.reasons()).contains("the run was interrupted");
    assertThat(report.violations()).isEmpty();
    assertThat(report.revokes().completed()).as("before the interrupt").isPositive();
    assertThat(report.nodes()).extracting(Report.Node::name).hasSize(3);
    for (String node : List.of("iommu-1", "exporter-1", "importer-1")) {
      assertThat(run.history(node)).as("history of %s", node).isNotEmpty();
    }
    assertThat(run.history("exporter-1"))
        .anyMatch(l -> l.event() instanceof HistoryEvent.RevokeCompleted);
    run.assertNothingLeft();
  }

  /** Ctrl-C as a person presses it: a terminal, and a progress bar on it. */
  @Test
  void ctrlCOnATerminalIsAnInterruptToo() throws Exception {
    Path out = sandbox.directory().resolve("on-a-terminal");
    String scenario = sandbox.scenario("small.yaml");
    String command =
        Simulator.command(
                List.of(),
                List.of("run", scenario, "--out", out + "", "--set", "revokes.rounds=1000000"))
            .stream()
            .map(argument -> "'" + argument + "'")
            .collect(Collectors.joining(" "));
    Process terminal =
        new ProcessBuilder("script", "--quiet", "--return", "--command", command, "/dev/null")
            .directory(sandbox.directory().toFile())
            .redirectErrorStream(true)
            .redirectOutput(sandbox.directory().resolve("typescript").toFile())
            .start();
    try {
      Path typescript = sandbox.directory().resolve("typescript");
      await()
          .atMost(Duration.ofMinutes(1))
          .until(() -> Files.readString(typescript).matches("(?s).*rounds.*[1-9]/1000000.*"));
      terminal.getOutputStream().write(3);
      terminal.getOutputStream().flush();
      assertThat(terminal.waitFor(1, TimeUnit.MINUTES)).isTrue();
      assertThat(terminal.exitValue()).isEqualTo(INTERRUPTED);
      assertThat(Files.readString(out.resolve("report.json"))).contains("the run was interrupted");
      assertThat(Processes.of(out)).as("nodes").isEmpty();
    } finally {
      terminal.destroyForcibly();
    }
  }

  @Test
  void aRunThatIsInterruptedBeforeItsClusterHasFormedLeavesNothingBehind() throws IOException {
    Simulator run =
        sandbox.start("run", sandbox.scenario("small.yaml"), "--set", "revokes.every=1m");
    run.awaitNodes(3);
    Processes.signal("INT", run.pid());
    assertThat(run.awaitExit()).as("%s", run).isEqualTo(INTERRUPTED);
    assertThat(run.report().verdict()).isEqualTo("unknown");
    assertThat(run.report().reasons()).contains("the run was interrupted", "nothing was revoked");
    run.assertNothingLeft();
  }
}
