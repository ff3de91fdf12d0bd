package dev.dmabufsim.simulator.netns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Real namespaces, where they can be had. */
class NamespacesTest {
  /** Of {@code timeout}(1). */
  private static final int TIMED_OUT = 124;

  @Test
  void whatIsCutIsLostAndComesThroughAgainWhenItIsHealed() throws Exception {
    try (Namespaces all = create()) {
      assertThat(connect(all, "60")).as("refused: nobody listens there").isEqualTo(1);
      all.cut(Set.of(new Namespaces.Link("a", "b")));
      assertThat(connect(all, "1")).as("nothing comes back").isEqualTo(TIMED_OUT);
      all.cut(Set.of(new Namespaces.Link("b", "a")));
      assertThat(connect(all, "1")).as("the answer is lost").isEqualTo(TIMED_OUT);
      all.cut(Set.of());
      assertThat(connect(all, "60")).as("healed").isEqualTo(1);
    }
  }

  private static Namespaces create() {
    try {
      return Namespaces.create(List.of("a", "b"));
    } catch (IOException e) {
      return abort(e.getMessage());
    }
  }

  /** From one to a port of the other at which nobody listens. */
  private static int connect(Namespaces all, String seconds)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(all.exec("a"));
    command.addAll(
        List.of("timeout", seconds, "bash", "-c", "exec 3<>/dev/tcp/" + all.address("b") + "/9"));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }
}
