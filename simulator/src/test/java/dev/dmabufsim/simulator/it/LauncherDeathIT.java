package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** {@code kill -9} of the launcher: it can clean up nothing. */
class LauncherDeathIT {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void theNodesOfAKilledLauncherEndByThemselvesAndTheNextStartSweepsTheirMemory()
      throws IOException {
    Simulator run = startAndAwaitRounds();
    Path fabric = sharedMemory(run);
    assertThat(run.nodes()).containsOnlyKeys("iommu-1", "exporter-1", "importer-1");
    run.kill();
    run.awaitNoNodes();
    assertNextStartSweeps(fabric);
  }

  @Test
  void aFrozenNodeOfAKilledLauncherIsEndedByTheNextStartWhichThenSweepsItsMemory()
      throws IOException {
    Simulator run = startAndAwaitRounds();
    Path fabric = sharedMemory(run);
    Map<String, Long> nodes = run.nodes();
    long frozen = nodes.get("importer-1");
    Processes.signal("STOP", frozen);
    await().atMost(LIMIT).until(() -> Processes.stopped(frozen));
    run.kill();
    // The others end by themselves; it cannot.
    await()
        .atMost(LIMIT)
        .untilAsserted(() -> assertThat(run.nodes()).containsOnlyKeys("importer-1"));
    assertThat(Processes.stopped(frozen)).as("still there, and frozen").isTrue();
    assertNextStartSweeps(fabric);
    assertThat(run.nodes()).as("nodes that run").isEmpty();
  }

  private Simulator startAndAwaitRounds() throws IOException {
    Simulator run =
        sandbox.start("run", sandbox.scenario("small.yaml"), "--set", "revokes.rounds=1000000");
    run.awaitOutput("round [1-9]");
    return run;
  }

  private static Path sharedMemory(Simulator run) {
    assertThat(run.sharedMemory()).as("shared memory of a run").hasSize(1);
    return run.sharedMemory().getFirst();
  }

  /** Any start of a run sweeps, also one that gets no further. */
  private void assertNextStartSweeps(Path fabric) {
    Simulator next = sandbox.run("run", "no-such-scenario");
    assertThat(next.awaitExit()).as("%s", next).isEqualTo(2);
    assertThat(fabric).doesNotExist();
  }
}
