package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.run.RunDirectory;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where a command keeps what it makes: {@code --out}, or a new directory below {@code runs/}. */
final class OutDirectory {
  private OutDirectory() {}

  /**
   * Makes it.
   *
   * @param out what the user named, or null
   * @param name what it is called otherwise, behind the time
   * @throws BadInput if it cannot be had
   */
  static RunDirectory of(@Nullable Path out, String name) {
    try {
      if (out == null) {
        return RunDirectory.inRuns(Path.of("runs").toAbsolutePath(), name);
      }
      if (out.toString().isEmpty()) {
        throw new BadInput("--out names no directory; write one that is new or empty");
      }
      return RunDirectory.named(out);
    } catch (FileSystemException e) {
      throw new BadInput(
          "%s: cannot be made or written; name a directory that can, with --out"
              .formatted(out == null ? Path.of("runs").toAbsolutePath() : out));
    } catch (IOException e) {
      throw new BadInput("--out " + e.getMessage());
    }
  }
}
