package dev.dmabufsim.benchmarks.drain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Shows that slots in use are blocked, drained and opened again. Times mean nothing here. */
final class DrainRunTest {
  @Test
  void enginesDoDmaBetweenRevokes() throws InterruptedException {
    int repetitions = 5;

    Revokes revokes = new DrainRun(64, new Load(1, 4096), 1, repetitions).run();

    assertThat(revokes.total.getTotalCount()).isEqualTo(repetitions);
    assertThat(revokes.operations).isPositive();
    assertThat(new DrainReport(64, repetitions, List.of(revokes)).text())
        .contains("1 engine, 4 KiB writes");
  }
}
