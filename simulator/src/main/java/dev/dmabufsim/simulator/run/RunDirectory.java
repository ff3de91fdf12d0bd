package dev.dmabufsim.simulator.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The product of a run: the resolved scenario, {@code report.json}, and a history and a log for
 * each node. A node that is started again begins another history.
 */
public record RunDirectory(Path path) {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT);
  private static final String HISTORY = ".history.jsonl";
  private static final int MOST_IN_A_SECOND = 1000;

  /** Under which name the launcher writes its history. */
  static final String LAUNCHER = "launcher";

  /** The resolved scenario, which loads again. */
  public Path scenario() {
    return path.resolve("scenario.yaml");
  }

  /** The report. */
  public Path report() {
    return path.resolve("report.json");
  }

  /** What the run is judged by, beside its scenario and its histories. */
  public Path evidence() {
    return path.resolve("evidence.json");
  }

  /** What a node wrote down. */
  public Path history(String node) {
    return path.resolve(node + HISTORY);
  }

  /** What a node wrote down that was started again so often. */
  public Path history(String node, int restarts) {
    return restarts == 0 ? history(node) : path.resolve(node + "." + (restarts + 1) + HISTORY);
  }

  /** All that was written down: by the launcher, and by each process of each node. */
  public List<Path> histories(Collection<String> nodes, Map<String, Integer> restarts) {
    List<Path> files = new ArrayList<>(List.of(history(LAUNCHER)));
    for (String node : nodes) {
      for (int i = 0; i <= restarts.getOrDefault(node, 0); i++) {
        files.add(history(node, i));
      }
    }
    return List.copyOf(files);
  }

  /** What a node logged and printed. */
  public Path log(String node) {
    return path.resolve(node + ".log");
  }

  /**
   * Makes a directory below {@code runs/} for a run that starts now, and the link {@code latest}.
   *
   * @throws IOException if it cannot be made
   */
  public static RunDirectory inRuns(Path runs, String scenario) throws IOException {
    Files.createDirectories(runs);
    String base = LocalDateTime.now(ZoneId.systemDefault()).format(TIME) + "-" + scenario;
    for (int i = 1; i < MOST_IN_A_SECOND; i++) {
      Path path = runs.resolve(i == 1 ? base : base + "-" + i);
      if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        continue;
      }
      Files.createDirectory(path);
      link(runs.resolve("latest"), path.getFileName());
      return new RunDirectory(path);
    }
    throw new IOException(runs + ": too many runs within one second");
  }

  /**
   * Uses a directory that the user named, which must be new or empty.
   *
   * @throws IOException with what is wrong, if it cannot be used
   */
  public static RunDirectory named(Path path) throws IOException {
    if (Files.exists(path)) {
      if (!Files.isDirectory(path)) {
        throw new IOException(path + ": is not a directory");
      }
      try (var entries = Files.list(path)) {
        if (entries.findAny().isPresent()) {
          throw new IOException(path + ": is not empty; name a new directory");
        }
      }
    }
    Files.createDirectories(path);
    return new RunDirectory(path);
  }

  private static void link(Path latest, Path target) throws IOException {
    Path staging = latest.resolveSibling(".latest-" + ProcessHandle.current().pid());
    Files.deleteIfExists(staging);
    Files.createSymbolicLink(staging, target);
    Files.move(staging, latest, StandardCopyOption.REPLACE_EXISTING);
  }
}
