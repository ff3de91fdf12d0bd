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

  /**
   * The node's hybrid logical clock, advanced: after all that it has recorded and heard of. To be
   * sent along with a message.
   */
  default long stamp() {
    return System.nanoTime();
  }

  /** A message with that {@link #stamp} has come: what is recorded from now on is after it. */
  default void observe(long stamp) {}

  /** A history in a file, which must not exist yet. */
  static History toFile(Path file, String node) throws IOException {
    HistoryFormat.prefetch();
    Files.createFile(file);
    // A stream and not a channel: a channel closes itself when its thread is interrupted.
    return new FileHistory(new FileOutputStream(file.toFile(), true), node);
  }
}

final class FileHistory implements History {
  /** Clocks of one host agree to within microseconds, those of two by far less than this. */
  private static final long MOST_AHEAD_NANOS = 60_000_000_000L;

  private final FileOutputStream file;
  private final String node;
  private long n;
  private long clock = Long.MIN_VALUE;

  FileHistory(FileOutputStream file, String node) {
    this.file = file;
    this.node = node;
  }

  @Override
  public synchronized void record(HistoryEvent event) {
    n++;
    long nanos = System.nanoTime();
    clock = Math.max(nanos, clock + 1);
    try {
      file.write(HistoryFormat.write(new HistoryLine(n, nanos, clock, node, event)));
    } catch (IOException e) {
      throw new UncheckedIOException("history of " + node + " cannot be written", e);
    }
  }

  @Override
  public synchronized long stamp() {
    clock = Math.max(System.nanoTime(), clock + 1);
    return clock;
  }

  @Override
  public synchronized void observe(long stamp) {
    // A clock from the far future is a damaged message: to follow it would spoil the merging.
    if (stamp - System.nanoTime() < MOST_AHEAD_NANOS) {
      clock = Math.max(clock, stamp);
    }
  }
}
