package dev.dmabufsim.common.fabric;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A process of this host, told apart from a later one that got the same pid.
 *
 * @param pid process id
 * @param start when it started, in clock ticks since boot: field 22 of {@code /proc/PID/stat}, see
 *     proc_pid_stat(5)
 */
public record ProcessIdentity(int pid, long start) {
  private static final Path PROC = Path.of("/proc");

  /** The process that calls. */
  public static ProcessIdentity self() {
    return of((int) ProcessHandle.current().pid());
  }

  /**
   * The process which has that pid now.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static ProcessIdentity of(int pid) {
    Stat stat = stat(PROC.resolve(Integer.toString(pid)).resolve("stat"));
    if (stat == null || stat.unreadable()) {
      throw new IllegalArgumentException("no process " + pid);
    }
    return new ProcessIdentity(pid, stat.start);
  }

  /**
   * Whether the process has ceased to touch memory: it does not exist any more, or not one of its
   * threads runs. A leader that is a zombie proves nothing, since other threads may outlive it by
   * some milliseconds; so every thread is looked at. A thread in state Z or X has given up its
   * memory ({@code exit_mm()} comes before it). Reads {@code /proc}; does not block.
   */
  public boolean dead() {
    Path process = PROC.resolve(Integer.toString(pid));
    Stat leader = stat(process.resolve("stat"));
    if (leader == null) {
      return true;
    }
    if (leader.unreadable()) {
      return false;
    }
    if (leader.start != start) {
      return true;
    }
    if (!leader.gone()) {
      return false;
    }
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(process.resolve("task"))) {
      for (Path task : tasks) {
        Stat thread = stat(task.resolve("stat"));
        if (thread != null && !thread.gone()) {
          return false;
        }
      }
      return true;
    } catch (NoSuchFileException e) {
      return true;
    } catch (IOException | DirectoryIteratorException e) {
      // The process went away while it was being read: what could not be read is asked again later.
      return false;
    }
  }

  private record Stat(char state, long start) {
    boolean unreadable() {
      return state == '?';
    }

    /** It is there, yet cannot be read (no descriptors left, say): never a proof of death. */
    static final Stat UNREADABLE = new Stat('?', -1);

    boolean gone() {
      return state == 'Z' || state == 'X';
    }
  }

  private static @Nullable Stat stat(Path file) {
    String text;
    try {
      text = Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      // ENOENT: there is none. ESRCH: it ended between open and read.
      return Files.exists(file.resolveSibling(".")) ? Stat.UNREADABLE : null;
    }
    // The command name may hold anything, spaces and parentheses too: fields count from its end.
    int afterName = text.lastIndexOf(')') + 2;
    String[] fields = text.substring(afterName).split(" ", -1);
    return new Stat(fields[0].charAt(0), Long.parseLong(fields[19]));
  }
}
