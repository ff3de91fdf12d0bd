package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.node.Rehearsal;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** Called by the launching script after a build, so that the JVM can learn what a run loads. */
@Command(name = "rehearse", hidden = true, description = "Plays a small scenario in one JVM.")
final class RehearseCommand implements Callable<Integer> {
  @Override
  public Integer call() throws IOException {
    Rehearsal.play(
        Scenarios.resolve("lying-importer", List.of("revokes.rounds=3"), null, false).scenario());
    return 0;
  }
}
