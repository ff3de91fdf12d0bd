package dev.dmabufsim.simulator.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading what nodes wrote down, whole or not. */
class HistoriesTest {
  @TempDir Path directory;

  @Test
  void historiesAreMergedByTime() throws IOException {
    Path one = write("one", line(1, 10, "one"), line(2, 30, "one"));
    Path two = write("two", line(1, 20, "two"), line(2, 40, "two"));
    Histories histories = Histories.read(List.of(one, two));
    assertThat(histories.lines())
        .extracting(HistoryLine::nanos)
        .containsExactly(10L, 20L, 30L, 40L);
    assertThat(histories.cut()).isEmpty();
  }

  @Test
  void linesOfANodeAtTheSameTimeKeepTheirOrder() throws IOException {
    Path one = write("one", line(1, 10, "one"), line(2, 10, "one"), line(3, 10, "one"));
    assertThat(Histories.read(List.of(one)).lines())
        .extracting(HistoryLine::n)
        .containsExactly(1L, 2L, 3L);
  }

  @Test
  void timesBelowZeroAreMergedAsTheyCome() throws IOException {
    Path one = write("one", line(1, -5, "one"), line(2, 5, "one"));
    Path two = write("two", line(1, 0, "two"));
    assertThat(Histories.read(List.of(one, two)).lines())
        .extracting(HistoryLine::nanos)
        .containsExactly(-5L, 0L, 5L);
  }

  @Test
  void aHistoryThatEndsWithinALineIsCutAndWhatCameBeforeIsKept() throws IOException {
    byte[] whole = bytes(line(1, 10, "one"), line(2, 20, "one"));
    Path file = directory.resolve("one.history.jsonl");
    Files.write(file, Arrays.copyOf(whole, whole.length - 9));
    Histories histories = Histories.read(List.of(file));
    assertThat(histories.cut()).containsExactly("one.history.jsonl is cut short in line 2");
    assertThat(histories.lines()).extracting(HistoryLine::n).containsExactly(1L);
  }

  @Test
  void theWordNullIsNoLine() throws IOException {
    Path file = write("one", line(1, 10, "one"));
    Files.writeString(file, "null\n", StandardOpenOption.APPEND);
    Histories histories = Histories.read(List.of(file));
    assertThat(histories.cut()).containsExactly("one.history.jsonl is cut short in line 2");
  }

  @Test
  void aHistoryThatLacksALineIsCutThere() throws IOException {
    Path file = write("one", line(1, 10, "one"), line(3, 30, "one"), line(4, 40, "one"));
    Histories histories = Histories.read(List.of(file));
    assertThat(histories.cut()).containsExactly("one.history.jsonl lacks line 2");
    assertThat(histories.lines()).extracting(HistoryLine::n).containsExactly(1L);
  }

  @Test
  void aHistoryThatLacksItsFirstLineHasNone() throws IOException {
    Path file = write("one", line(2, 20, "one"));
    Histories histories = Histories.read(List.of(file));
    assertThat(histories.cut()).containsExactly("one.history.jsonl lacks line 1");
    assertThat(histories.lines()).isEmpty();
  }

  @Test
  void aHistoryThatIsNotThereIsMissed() throws IOException {
    Histories histories = Histories.read(List.of(directory.resolve("one.history.jsonl")));
    assertThat(histories.cut()).containsExactly("one.history.jsonl is missing");
  }

  @Test
  void aHistoryOfOtherBytesIsCutInItsFirstLine() throws IOException {
    Path file = directory.resolve("one.history.jsonl");
    Files.writeString(file, "not a history\n");
    assertThat(Histories.read(List.of(file)).cut())
        .containsExactly("one.history.jsonl is cut short in line 1");
  }

  private Path write(String node, HistoryLine... lines) throws IOException {
    return Files.write(directory.resolve(node + ".history.jsonl"), bytes(lines));
  }

  private static byte[] bytes(HistoryLine... lines) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (HistoryLine line : lines) {
      all.write(HistoryFormat.write(line));
    }
    return all.toByteArray();
  }

  private static HistoryLine line(long n, long nanos, String node) {
    return HistoryLine.at(n, nanos, node, new HistoryEvent.IommuStopped(0));
  }
}
