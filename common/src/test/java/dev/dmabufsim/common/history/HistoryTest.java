package dev.dmabufsim.common.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.testing.ChildProcess;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class HistoryTest {
  @TempDir private Path directory;

  /** Records as fast as it can, and says after each event that it was recorded. */
  static final class Recorder {
    public static void main(String[] args) throws IOException {
      History history = History.toFile(Path.of(args[0]), "recorder");
      for (int i = 1; ; i++) {
        history.record(new HistoryEvent.IommuStopped(i));
        System.out.println(i);
      }
    }
  }

  @Test
  void losesNothingThatWasRecordedBeforeAKill() throws Exception {
    Path file = directory.resolve("history");
    long recorded = 0;
    try (ChildProcess recorder = ChildProcess.jvm(Recorder.class, file)) {
      while (recorded < 2_000) {
        recorded = Long.parseLong(recorder.line());
      }
      recorder.kill();
    }

    String text = Files.readString(file);
    List<HistoryLine> whole = new ArrayList<>();
    for (String line : text.substring(0, text.lastIndexOf('\n')).split("\n", -1)) {
      whole.add(HistoryFormat.read(line));
    }
    assertThat(whole).hasSizeGreaterThanOrEqualTo((int) recorded);
    for (int i = 0; i < whole.size(); i++) {
      assertThat(whole.get(i).n()).isEqualTo(i + 1);
      assertThat(whole.get(i).event()).isEqualTo(new HistoryEvent.IommuStopped(i + 1));
    }
  }

  @Test
  void numbersEventsAndStampsThemInOrderWhoeverRecords() throws Exception {
    Path file = directory.resolve("history");
    History history = History.toFile(file, "n");
    long before = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 500; i++) {
                  history.record(new HistoryEvent.Dropped("m", "w"));
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    long after = System.nanoTime();

    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(2_000);
    long last = before;
    for (int i = 0; i < lines.size(); i++) {
      HistoryLine line = HistoryFormat.read(lines.get(i));
      assertThat(line.n()).isEqualTo(i + 1);
      assertThat(line.node()).isEqualTo("n");
      assertThat(line.nanos() - last).isNotNegative();
      last = line.nanos();
    }
    assertThat(after - last).isNotNegative();
  }

  @Test
  void isNeverWrittenOverAnother() throws IOException {
    Path file = directory.resolve("history");
    History.toFile(file, "first");

    assertThatThrownBy(() -> History.toFile(file, "second"))
        .isInstanceOf(FileAlreadyExistsException.class);
  }

  @Test
  void goesOnWhenARecordingThreadIsInterrupted() throws IOException {
    Path file = directory.resolve("history");
    History history = History.toFile(file, "n");

    Thread.currentThread().interrupt();
    history.record(new HistoryEvent.IommuStopped(1));
    assertThat(Thread.interrupted()).isTrue();
    history.record(new HistoryEvent.IommuStopped(2));

    assertThat(Files.readAllLines(file)).hasSize(2);
  }

  @Test
  void whatIsRecordedAfterAMessageIsLaterThanItsSending() throws Exception {
    Path file = directory.resolve("history");
    History history = History.toFile(file, "n");
    long ahead = System.nanoTime() + 5_000_000_000L;
    history.observe(ahead);
    history.record(new HistoryEvent.IommuStopped(1));
    long stamp = history.stamp();
    history.observe(ahead - 1_000_000_000L);
    history.record(new HistoryEvent.IommuStopped(2));
    history.observe(Long.MAX_VALUE);
    history.record(new HistoryEvent.IommuStopped(3));

    List<HistoryLine> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      lines.add(HistoryFormat.read(line));
    }
    assertThat(lines.get(0).clock()).isGreaterThan(ahead);
    assertThat(lines.get(0).nanos()).isLessThan(ahead);
    assertThat(stamp).isGreaterThan(lines.get(0).clock());
    assertThat(lines.get(1).clock()).isGreaterThan(stamp);
    assertThat(lines.get(2).clock()).isBetween(lines.get(1).clock() + 1, ahead + 60_000_000_000L);
  }
}
