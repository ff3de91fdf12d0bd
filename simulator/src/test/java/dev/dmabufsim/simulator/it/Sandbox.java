package dev.dmabufsim.simulator.it;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A directory of its own for each test, and everything that was started in it ended with the test,
 * however it ends: launchers, their nodes, their shared memory.
 */
final class Sandbox implements BeforeEachCallback, AfterEachCallback {
  private final List<Simulator> started = new ArrayList<>();
  private Path root = Path.of("");

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    root = Files.createTempDirectory("dmabuf-sim-it-").toRealPath();
    Files.createDirectory(directory());
  }

  @Override
  public void afterEach(ExtensionContext context) throws IOException {
    started.forEach(Simulator::kill);
    Processes.of(root).forEach(Processes::kill);
    for (Simulator simulator : started) {
      for (Path fabric : simulator.sharedMemory()) {
        delete(fabric);
      }
    }
    delete(root);
  }

  /** Where launchers are started; runs go to {@code runs} below it. */
  Path directory() {
    return root.resolve("work");
  }

  /** Starts {@code ./dmabuf-sim} with these arguments. */
  Simulator start(String... arguments) {
    return start(List.of(), arguments);
  }

  private Simulator start(List<Path> ownClasses, String... arguments) {
    try {
      Simulator simulator =
          Simulator.start(directory(), started.size() + 1, ownClasses, List.of(arguments));
      started.add(simulator);
      return simulator;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts it and waits until it has ended. */
  Simulator run(String... arguments) {
    Simulator simulator = start(arguments);
    simulator.awaitExit();
    return simulator;
  }

  /** The same, with {@code DMABUF_SIM_CLASSPATH} naming that directory or jar. */
  Simulator runWith(Path ownClasses, String... arguments) {
    return runWith(List.of(ownClasses), arguments);
  }

  /** Runs with importer drivers of its own from several places. */
  Simulator runWith(List<Path> ownClasses, String... arguments) {
    Simulator simulator = start(ownClasses, arguments);
    simulator.awaitExit();
    return simulator;
  }

  /** Puts a scenario of these tests' resources into the directory, and answers its name there. */
  String scenario(String name) throws IOException {
    try (InputStream in = Sandbox.class.getResourceAsStream("/it/" + name)) {
      if (in == null) {
        throw new IllegalArgumentException("no such scenario: " + name);
      }
      Files.copy(in, directory().resolve(name));
    }
    return name;
  }

  /** Puts a file into the directory, and answers its name there. */
  String file(String name, String text) throws IOException {
    Files.writeString(directory().resolve(name), text);
    return name;
  }

  private static void delete(Path root) throws IOException {
    if (!Files.isDirectory(root)) {
      return;
    }
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
