package dev.dmabufsim.importer;

import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A node's real history, and what has been written into it so far. */
final class RecordedHistory {
  final History history;
  private final Path file;

  RecordedHistory(Path directory) throws IOException {
    this.file = directory.resolve("history");
    this.history = History.toFile(file, "importer");
  }

  /** The events of one kind so far. */
  <T extends HistoryEvent> List<T> events(Class<T> kind) {
    try {
      List<T> events = new ArrayList<>();
      for (String line : Files.readAllLines(file)) {
        HistoryEvent event = HistoryFormat.read(line).event();
        if (kind.isInstance(event)) {
          events.add(kind.cast(event));
        }
      }
      return events;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
