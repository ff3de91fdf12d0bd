package dev.dmabufsim.simulator.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.report.ReportSchema;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code ./dmabuf-sim}, started as that script starts it. */
final class Simulator {
  /** Within this everything ends that ends at all; far above what a busy host needs. */
  private static final Duration LIMIT = Duration.ofMinutes(4);

  private static final Path SHM = Path.of("/dev/shm");
  private static final JsonMapper MAPPER = new JsonMapper();

  private final Path directory;
  private final Path out;
  private final Path err;
  private final Process process;

  private Simulator(Path directory, Path out, Path err, Process process) {
    this.directory = directory;
    this.out = out;
    this.err = err;
    this.process = process;
  }

  static Simulator start(Path directory, int number, List<Path> ownClasses, List<String> arguments)
      throws IOException {
    List<String> command = command(ownClasses, arguments);
    // Beside the directory, which belongs to the program under test.
    Path out = directory.resolveSibling(number + ".out");
    Path err = directory.resolveSibling(number + ".err");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    // With these a JVM says on standard error that it picked them up.
    List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
        .forEach(builder.environment()::remove);
    builder.environment().put("LC_ALL", "C.UTF-8");
    return new Simulator(directory, out, err, builder.start());
  }

  /** What the launcher script comes down to. */
  static List<String> command(List<Path> ownClasses, List<String> arguments) throws IOException {
    Path target = Path.of("target").toAbsolutePath();
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1"));
    Rehearsal.cache(target)
        .ifPresent(cache ->
            command.addAll(
                List.of("-XX:AOTCache=" + cache, "-Ddmabufsim.aot=" + cache, "-Xlog:disable")));
    command.addAll(
        List.of(
            "-cp",
            ownClasses.stream()
                .map(p -> ":" + p)
                .collect(Collectors.joining("", classPath(target), "")),
            "dev.dmabufsim.simulator.cli.Main"));
    command.addAll(arguments);
    return command;
  }

  /** Of the simulator alone. */
  static String classPath(Path target) throws IOException {
    return jar(target) + ":" + target.resolve("lib") + "/*";
  }

  private static Path jar(Path target) throws IOException {
    try (DirectoryStream<Path> jars = Files.newDirectoryStream(target, "simulator-*.jar")) {
      for (Path jar : jars) {
        return jar;
      }
    }
    throw new IllegalStateException("the simulator is not packaged: no jar in " + target);
  }

  long pid() {
    return process.pid();
  }

  boolean alive() {
    return process.isAlive();
  }

  /** What it printed on standard output until now. */
  String out() {
    return read(out);
  }

  /** What it printed on standard error until now. */
  String err() {
    return read(err);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits until it has printed something that matches. */
  void awaitOutput(String regex) {
    Pattern pattern = Pattern.compile(regex);
    await()
        .atMost(LIMIT)
        .pollInterval(Duration.ofMillis(50))
        .until(() -> pattern.matcher(out()).find() || !alive());
    assertThat(out()).as("output; errors: %s", err()).containsPattern(pattern);
  }

  /** Waits until it has ended, and answers its exit status. */
  int awaitExit() {
    try {
      assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS))
          .as("ended within %s; output: %s", LIMIT, out())
          .isTrue();
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** SIGKILL, and waits until it is gone. */
  void kill() {
    process.destroyForcibly();
    awaitExit();
  }

  /** The process ids of its nodes that run now, by name. */
  Map<String, Long> nodes() {
    Map<String, Long> nodes = new LinkedHashMap<>();
    Processes.of(runDirectory()).forEach(p -> nodes.put(p.option("--name"), p.pid()));
    return nodes;
  }

  /** Waits until so many of its nodes run. */
  void awaitNodes(int count) {
    awaitOutput("into ");
    await()
        .atMost(LIMIT)
        .untilAsserted(() -> assertThat(nodes()).as("nodes of %s", this).hasSize(count));
  }

  /** Waits until none of its nodes runs. */
  void awaitNoNodes() {
    await()
        .atMost(LIMIT)
        .untilAsserted(() -> assertThat(Processes.of(runDirectory())).as("nodes").isEmpty());
  }

  /** The shared memory that it made and that is still there. */
  List<Path> sharedMemory() {
    List<Path> found = new ArrayList<>();
    String glob = "{.,}dmabuf-sim-" + pid() + "-*";
    try (DirectoryStream<Path> all = Files.newDirectoryStream(SHM, glob)) {
      all.forEach(found::add);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  /** Where it says that it keeps this run. */
  Path runDirectory() {
    String line =
        out()
            .lines()
            .filter(l -> l.startsWith("into "))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no run directory in: " + out() + err()));
    return directory.resolve(line.substring("into ".length()));
  }

  /** {@code report.json}, which fits its schema. */
  Report report() {
    String json = read(runDirectory().resolve("report.json"));
    assertThat(ReportSchema.problems(json)).as("report.json by its schema").isEmpty();
    try {
      return MAPPER.readValue(json, Report.class);
    } catch (IOException e) {
      throw new UncheckedIOException(json, e);
    }
  }

  /** What a node wrote down. */
  List<HistoryLine> history(String node) {
    List<HistoryLine> lines = new ArrayList<>();
    try (Stream<String> text = Files.lines(runDirectory().resolve(node + ".history.jsonl"))) {
      for (String line : text.toList()) {
        lines.add(HistoryFormat.read(line));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return lines;
  }

  /** That it left neither a process nor shared memory. */
  void assertNothingLeft() {
    assertThat(alive()).as("launcher runs").isFalse();
    assertThat(Processes.of(runDirectory())).as("nodes that run").isEmpty();
    assertThat(sharedMemory()).as("shared memory").isEmpty();
  }

  /** For messages: all that a person would want to see when a test failed. */
  @Override
  public String toString() {
    return "exit "
        + (alive() ? "none" : process.exitValue())
        + "\n"
        + out()
        + (err().isEmpty() ? "" : "standard error:\n" + err());
  }
}
