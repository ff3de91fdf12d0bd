package dev.dmabufsim.benchmarks.stress;

import dev.dmabufsim.benchmarks.Results;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openjdk.jcstress.infra.collectors.DiskReadCollector;
import org.openjdk.jcstress.infra.collectors.InProcessCollector;
import org.openjdk.jcstress.infra.collectors.TestResult;

/**
 * Runs JCStress in a JVM of its own, in a directory of its own: it leaves its results in the
 * working directory, and hands the flags of its JVM on to those that it forks.
 *
 * @param mode how thorough
 * @param tests a regular expression; tests run whose names contain it
 * @param directory where JCStress may leave what it likes
 */
record StressRun(StressMode mode, String tests, Path directory) {
  /**
   * Short strides: the actors start anew together after so many slots. One of them often makes a
   * system call in each, so in a long stride the other would be far ahead and never meet it.
   */
  private static final int STRIDE_SIZE = 8;

  private static final int STRIDE_COUNT = 128;

  /** Most states that JCStress holds at once. */
  static final int STATES_ALIVE = STRIDE_SIZE * STRIDE_COUNT;

  private static final long PROGRESS_NANOS = 10_000_000_000L;
  private static final String BLOB = "jcstress-results-*.bin.gz";
  private static final List<String> FLAGS =
      List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow");

  /**
   * Runs them.
   *
   * @return what JCStress saw
   * @throws IOException if it ended without results
   */
  Collection<TestResult> run() throws IOException, InterruptedException, ClassNotFoundException {
    Files.createDirectories(directory);
    for (Path old : blobs()) {
      Files.delete(old);
    }
    Path log = directory.resolve("jcstress.log");
    Process process =
        new ProcessBuilder(command())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    Thread killer = Thread.ofPlatform().unstarted(process::destroy);
    Runtime.getRuntime().addShutdownHook(killer);
    relay(process, log);
    process.waitFor();
    Runtime.getRuntime().removeShutdownHook(killer);
    // Its exit status is 1 after forbidden outcomes too: the results tell more.
    List<Path> written = blobs();
    if (written.isEmpty()) {
      throw new IOException("JCStress ended without results; its output is in " + log);
    }
    InProcessCollector collector = new InProcessCollector();
    DiskReadCollector reader = new DiskReadCollector(written.getFirst().toString(), collector);
    reader.dump();
    reader.close();
    return collector.getTestResults();
  }

  private List<String> command() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(FLAGS);
    command.addAll(List.of("-cp", classPath(), "org.openjdk.jcstress.Main"));
    command.addAll(List.of("-m", mode.word(), "-t", tests, "-r", "report"));
    String flags = String.join(" ", FLAGS);
    if (mode == StressMode.SANITY) {
      // One JVM for each test, and not one for each pair of compilers.
      command.addAll(List.of("-jvmArgs", flags, "-sc", "false"));
    } else {
      command.addAll(List.of("-jvmArgsPrepend", flags));
      command.addAll(List.of("-strideSize", String.valueOf(STRIDE_SIZE)));
      command.addAll(List.of("-strideCount", String.valueOf(STRIDE_COUNT)));
    }
    return command;
  }

  /** This JVM's class path, for a JVM that starts in another directory. */
  private static String classPath() {
    String separator = System.getProperty("path.separator");
    return Stream.of(System.getProperty("java.class.path").split(separator, -1))
        .map(entry -> Path.of(entry).toAbsolutePath().toString())
        .collect(Collectors.joining(separator));
  }

  /** All output goes to a file; how far it is is shown now and then. */
  private static void relay(Process process, Path log) throws IOException {
    try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
        PrintWriter file = new PrintWriter(Files.newBufferedWriter(log))) {
      String line;
      long shown = System.nanoTime();
      while ((line = output.readLine()) != null) {
        file.println(line);
        if (line.startsWith("(Results:") && System.nanoTime() - shown > PROGRESS_NANOS) {
          shown = System.nanoTime();
          Results.progress("jcstress: " + line);
        }
      }
    }
  }

  private List<Path> blobs() throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, BLOB)) {
      files.forEach(found::add);
    }
    return found;
  }
}
