package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** {@code ./dmabuf-sim check} of what a real run left. */
class CheckIT {
  @RegisterExtension final Sandbox sandbox = new Sandbox();

  @Test
  void aRunIsJudgedAgainAsItWasAndOtherwiseWhenItsFilesAreOthers() throws IOException {
    Simulator run = sandbox.run("run", sandbox.scenario("small.yaml"), "--seed", "7");
    assertThat(run.awaitExit()).as("%s", run).isZero();
    Path directory = run.runDirectory();
    Simulator check = sandbox.run("check", directory.toString());
    assertThat(check.awaitExit()).as("%s", check).isZero();
    assertThat(run.out()).as("the same summary").contains(check.out());
    assertThat(check.out()).contains("PASS small");

    Path history = directory.resolve("exporter-1.history.jsonl");
    List<String> whole = Files.readAllLines(history);
    List<String> lacking = new ArrayList<>(whole);
    lacking.remove(whole.size() / 2);
    Files.write(history, lacking);
    Simulator doctored = sandbox.run("check", directory.toString(), "--around", "2");
    assertThat(doctored.awaitExit()).as("%s", doctored).isEqualTo(3);
    assertThat(doctored.out())
        .contains("UNKNOWN small")
        .contains("first wrong: exporter-1.history.jsonl line " + (whole.size() / 2 + 1));
    assertThat(doctored.out().lines().filter(l -> l.contains(".history.jsonl:"))).hasSize(5);

    int completed = 0;
    while (!whole.get(completed).contains("\"RevokeCompleted\"")) {
      completed++;
    }
    List<String> slow = new ArrayList<>(whole);
    slow.set(
        completed, whole.get(completed).replaceFirst("\"micros\":[0-9]+", "\"micros\":99000000"));
    Files.write(history, slow);
    Simulator failed = sandbox.run("check", directory.toString());
    assertThat(failed.awaitExit()).as("%s", failed).isEqualTo(1);
    assertThat(failed.out())
        .contains("first wrong: exporter-1.history.jsonl line " + (completed + 1) + ",")
        .contains("took 99000000 us");
  }

  @Test
  void whatIsNoRunIsBadInput() throws IOException {
    Simulator check = sandbox.run("check", "no-such-directory");
    assertThat(check.awaitExit()).isEqualTo(2);
    assertThat(check.err().lines())
        .singleElement()
        .asString()
        .contains("no-such-directory: is no directory");
    Simulator around = sandbox.run("check", ".", "--around", "-1");
    assertThat(around.awaitExit()).isEqualTo(2);
    assertThat(around.err().lines()).singleElement().asString().contains("--around is -1");
  }
}
