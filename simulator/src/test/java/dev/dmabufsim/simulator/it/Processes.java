package dev.dmabufsim.simulator.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Processes of this host, as {@code /proc} shows them, and signals to them by their ids. */
final class Processes {
  private Processes() {}

  /**
   * A process of which the command line speaks of a test's directory: a node, since nodes are told
   * where their log goes.
   *
   * @param command its command line, one argument each
   */
  record Found(long pid, List<String> command) {
    /** The argument behind that option, or nothing. */
    String option(String name) {
      int at = command.indexOf(name);
      return at < 0 || at + 1 == command.size() ? "" : command.get(at + 1);
    }
  }

  /** The processes that there are now and that work in that directory. */
  static List<Found> of(Path directory) {
    List<Found> found = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : all) {
        List<String> command = command(process);
        // Not merely its name: one run's directory can begin like another's.
        if (command.stream()
            .anyMatch(a -> a.contains(directory + "/") || a.endsWith("" + directory))) {
          found.add(new Found(Long.parseLong(process.getFileName().toString()), command));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  private static List<String> command(Path process) {
    try {
      String line = Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1);
      return List.of(line.split("\0", -1));
    } catch (IOException e) {
      // It has ended since it was listed.
      return List.of();
    }
  }

  /** Whether a signal stopped it. */
  static boolean stopped(long pid) {
    try {
      String stat =
          Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
      return stat.startsWith("T", stat.lastIndexOf(')') + 2);
    } catch (IOException e) {
      return false;
    }
  }

  /** Sends a signal: INT, STOP, KILL. */
  static void signal(String name, long pid) {
    try {
      Process kill =
          new ProcessBuilder("sh", "-c", "kill -\"$1\" \"$2\"", "sh", name, Long.toString(pid))
              .inheritIO()
              .start();
      if (!kill.waitFor(30, TimeUnit.SECONDS) || kill.exitValue() != 0) {
        throw new IllegalStateException("kill -" + name + " " + pid + " failed");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Ends it, if it is still there; also a stopped one. */
  static void kill(Found process) {
    ProcessHandle.of(process.pid())
        .ifPresent(handle -> {
          handle.destroyForcibly();
          handle.onExit().orTimeout(30, TimeUnit.SECONDS).join();
        });
  }
}
