package dev.dmabufsim.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class MainTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"", "gaurd", "guard --rounds 0", "drain --repetitions x", "jcstress never"})
  void refusesBadArgumentsInOneLineThatListsTheBenchmarks(String line) {
    StringWriter err = new StringWriter();
    String[] args = line.isEmpty() ? new String[0] : line.split(" ", -1);

    int status = Main.commandLine().setErr(new PrintWriter(err)).execute(args);

    assertThat(status).isEqualTo(2);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains("guard, drain, jcstress, explore, all");
  }
}
