package dev.dmabufsim.common.fabric;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Removes what crashed runs left in /dev/shm: their fabrics, and such of their nodes as cannot end
 * by themselves (a node ends when its launcher's end closes its standard input; a frozen one does
 * not).
 */
public final class FabricSweeper {
  /** A fabric that is being made is called so, with the process that makes it. */
  private static final Pattern STAGING =
      Pattern.compile(Pattern.quote("." + Fabric.PREFIX) + "([0-9]{1,9})-making-[0-9a-f]+");

  private static final long ORPHAN_END_SECONDS = 5;

  private FabricSweeper() {}

  /**
   * Sweeps. Fabrics in use are left alone, and so are those of other users. To be called before
   * this process opens a fabric: looking at a fabric's lock drops a lock of one's own on it.
   *
   * @param shm where fabrics live
   * @return the directories removed
   * @throws IOException if {@code shm} cannot be listed
   */
  public static List<Path> sweep(Path shm) throws IOException {
    List<Path> removed = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(shm)) {
      for (Path directory : found) {
        if (removed(directory)) {
          removed.add(directory);
        }
      }
    }
    return removed;
  }

  private static boolean removed(Path directory) throws IOException {
    try {
      if (!garbage(directory, String.valueOf(directory.getFileName()))) {
        return false;
      }
      delete(directory);
      return true;
    } catch (AccessDeniedException e) {
      // Another user's: his next start sweeps it.
      return false;
    } catch (NoSuchFileException e) {
      // Renamed or removed by its own process, or by another sweep, since it was listed.
      return false;
    }
  }

  private static boolean garbage(Path directory, String name) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    Matcher staging = STAGING.matcher(name);
    if (staging.matches()) {
      // It is locked a moment after it is made; before that only its maker's life protects it.
      return unused(directory) && ProcessHandle.of(Long.parseLong(staging.group(1))).isEmpty();
    }
    if (!name.startsWith(Fabric.PREFIX)) {
      return false;
    }
    endOrphans(directory);
    return unused(directory);
  }

  /** What a fabric is called while this process makes it. */
  static String stagingName(String unique) {
    return "." + Fabric.PREFIX + ProcessHandle.current().pid() + "-making-" + unique;
  }

  /** Ends the nodes of a fabric whose launcher is dead. Only processes that it had started. */
  private static void endOrphans(Path directory) throws IOException {
    ControlFile control;
    try {
      control = ControlFile.open(directory.resolve("control"));
    } catch (IOException e) {
      // Damaged or half made: nobody can be told from it, and the lock alone decides.
      return;
    }
    List<ProcessEntry> processes = control.processes();
    boolean orphaned =
        processes.stream()
            .filter(p -> p.role() == ProcessEntry.ROLE_OWNER)
            .anyMatch(p -> p.identity().dead());
    if (!orphaned) {
      return;
    }
    for (ProcessEntry process : processes) {
      // The start time makes sure that it is that process and not a later one of the same pid.
      if (process.role() == ProcessEntry.ROLE_NODE && !process.identity().dead()) {
        ProcessHandle.of(process.identity().pid()).ifPresent(FabricSweeper::end);
      }
    }
  }

  private static void end(ProcessHandle orphan) {
    if (!orphan.destroyForcibly()) {
      return;
    }
    try {
      orphan.onExit().get(ORPHAN_END_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // It still holds its lock then, so its fabric stays, and the next sweep tries again.
      return;
    }
  }

  private static boolean unused(Path directory) throws IOException {
    try (FileChannel owner =
        FileChannel.open(directory.resolve(Fabric.OWNER), StandardOpenOption.WRITE)) {
      FileLock lock = owner.tryLock();
      return lock != null;
    } catch (NoSuchFileException e) {
      return true;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  static void delete(Path directory) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    } catch (NoSuchFileException e) {
      return;
    }
    Files.deleteIfExists(directory);
  }
}
