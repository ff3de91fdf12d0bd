package dev.dmabufsim.simulator.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;

/**
 * The AOT cache that the launcher script makes after each build, made where the script looks for
 * it: the many JVMs of these tests start in half the time, and a run after them need not make it
 * again. Only an aid: without it everything works, slower.
 */
final class Rehearsal {
  private static boolean made;
  private static Optional<Path> cache = Optional.empty();

  private Rehearsal() {}

  /** The cache, made at the first call, which may take half a minute; empty if it cannot be. */
  static synchronized Optional<Path> cache(Path target) throws IOException {
    if (!made) {
      made = true;
      cache = make(target);
    }
    return cache;
  }

  private static Optional<Path> make(Path target) throws IOException {
    Path cache = target.resolve("dmabuf-sim.aot");
    Path lib = target.resolve("lib");
    if (Files.exists(cache)
        && Files.getLastModifiedTime(cache).compareTo(Files.getLastModifiedTime(lib)) > 0) {
      return Files.size(cache) > 0 ? Optional.of(cache) : Optional.empty();
    }
    Path staging = target.resolve("dmabuf-sim.aot.new");
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-XX:+UseSerialGC",
                    "-Xmx512m",
                    "-XX:AOTCacheOutput=" + staging,
                    "-cp",
                    Simulator.classPath(target),
                    "dev.dmabufsim.simulator.cli.Main",
                    "rehearse"))
            .redirectErrorStream(true)
            .redirectOutput(target.resolve("dmabuf-sim-rehearsal.log").toFile())
            .start();
    try {
      if (process.waitFor() != 0 || !Files.exists(staging)) {
        return Optional.empty();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
    Files.move(staging, cache, StandardCopyOption.REPLACE_EXISTING);
    return Optional.of(cache);
  }
}
