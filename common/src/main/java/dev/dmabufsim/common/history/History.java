package dev.dmabufsim.common.history;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where a node writes down what happens. Each event is one write(2) to a file opened for append, so
 * that what was recorded survives SIGKILL; it need not survive the host. May be called from any
 * thread; takes some microseconds.
 */
public interface History {
  /** Records what happens now. */
  void record(HistoryEvent event);

  /** A history in a file, which must not exist yet. */
  static History toFile(Path file, String node) throws IOException {
    HistoryFormat.prefetch();
    Files.createFile(file);
    // A stream and not a channel: a channel closes itself when its thread is interrupted.
    return new FileHistory(new FileOutputStream(file.toFile(), true), node);
  }
}

final class FileHistory implements History {
  private final FileOutputStream file;
  private final String node;
  private long n;

  FileHistory(FileOutputStream file, String node) {
    this.file = file;
    this.node = node;
  }

  @Override
  public synchronized void record(HistoryEvent event) {
    n++;
    try {
      file.write(HistoryFormat.write(new HistoryLine(n, System.nanoTime(), node, event)));
    } catch (IOException e) {
      throw new UncheckedIOException("history of " + node + " cannot be written", e);
    }
  }
}
