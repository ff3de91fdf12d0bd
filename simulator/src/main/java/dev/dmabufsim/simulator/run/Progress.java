package dev.dmabufsim.simulator.run;

import java.io.Console;
import java.util.Optional;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Tells a person how far a run is: a bar on a terminal, plain lines elsewhere. */
public interface Progress extends AutoCloseable {
  /** Something worth a line. */
  void say(String line);

  /** So many rounds of so many are over. */
  void rounds(int done, int of, String detail);

  @Override
  void close();

  /** The one that fits where output goes. */
  static Progress create(boolean quiet) {
    if (quiet) {
      return new SilentProgress();
    }
    return terminal() ? new BarProgress() : new LineProgress();
  }

  private static boolean terminal() {
    return Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
  }
}

final class SilentProgress implements Progress {
  @Override
  public void say(String line) {}

  @Override
  public void rounds(int done, int of, String detail) {}

  @Override
  public void close() {}
}

/** A line at most every second, so that a log of CI stays readable. */
final class LineProgress implements Progress {
  private static final long EVERY_NANOS = 1_000_000_000L;

  private long lastNanos = System.nanoTime() - EVERY_NANOS;

  @Override
  public void say(String line) {
    System.out.println(line);
  }

  @Override
  public void rounds(int done, int of, String detail) {
    long now = System.nanoTime();
    if (done == of || now - lastNanos >= EVERY_NANOS) {
      lastNanos = now;
      System.out.printf("  round %d of %d  %s%n", done, of, detail);
    }
  }

  @Override
  public void close() {}
}

final class BarProgress implements Progress {
  /** Characters: as wide as a terminal always is. */
  private static final int WIDTH = 79;

  private @Nullable ProgressBar bar;

  /**
   * Draws over what was there. The library's own way asks JLine for the terminal, and JLine takes
   * SIGINT away from the JVM: Ctrl-C would kill the launcher, and the nodes and their memory stay.
   */
  private static void draw(String line) {
    System.out.print("\r" + line);
    System.out.flush();
  }

  @Override
  public void say(String line) {
    if (bar == null) {
      System.out.println(line);
    } else {
      bar.setExtraMessage(" " + line.strip());
    }
  }

  @Override
  public void rounds(int done, int of, String detail) {
    if (bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName("rounds")
              .setInitialMax(of)
              .setStyle(ProgressBarStyle.UNICODE_BLOCK)
              .setUpdateIntervalMillis(200)
              .hideEta()
              .setConsumer(new DelegatingProgressBarConsumer(BarProgress::draw, WIDTH))
              .build();
    }
    bar.stepTo(done);
    bar.setExtraMessage(" " + detail);
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
      System.out.println();
    }
  }
}
