package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was said to be severed must be gone. */
class NotSeveredTest {
  @TempDir Path directory;

  @Test
  void whatWasSaidToBeSeveredAndIsThereIsLeft() throws IOException {
    List<HistoryEvent> events =
        List.of(
            new HistoryEvent.RevokeCompleted(10, 1, 1, 5, RevokeOutcome.SEVERED, 7, List.of()),
            new HistoryEvent.Reclaimed(11, 1, 2, 5, RevokeOutcome.BLOCKED, 7),
            new HistoryEvent.RevokeCompleted(12, 1, 3, 5, RevokeOutcome.ACKED, 7, List.of()));
    Path file = directory.resolve("exporter-1.history.jsonl");
    try (OutputStream out = Files.newOutputStream(file)) {
      for (int i = 0; i < events.size(); i++) {
        out.write(HistoryFormat.write(HistoryLine.at(i + 1, i, "exporter-1", events.get(i))));
      }
    }
    assertThat(Evidence.notSevered(Set.of(1, 2, 3), List.of(file)))
        .containsExactly(
            "segment 1 was severed, says exporter-1, and is there",
            "segment 2 was severed, says exporter-1, and is there");
    assertThat(Evidence.notSevered(Set.of(3), List.of(file))).isEmpty();
    assertThat(Evidence.notSevered(Set.of(), List.of(file))).isEmpty();
  }
}
