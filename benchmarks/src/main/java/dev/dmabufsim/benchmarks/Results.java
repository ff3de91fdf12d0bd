package dev.dmabufsim.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where results go: to the terminal, and as Markdown into {@code benchmarks/target/results}. */
public final class Results {
  private Results() {}

  /** The directory; made if it is not there. */
  public static Path directory() throws IOException {
    String root = System.getProperty("dmabufsim.root", "");
    return Files.createDirectories(Path.of(root, "benchmarks", "target", "results"));
  }

  /** Prints one result and writes it down. */
  public static void publish(String name, String title, String body) throws IOException {
    String text = "### " + title + "\n\n" + Machine.describe() + "\n\n" + body;
    Path file = directory().resolve(name + ".md");
    Files.writeString(file, text);
    // Not the platform's charset: where no locale is set, that has neither µ nor ✓.
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    out.println();
    out.println(text);
    out.println("Written to " + file.toAbsolutePath());
  }

  /** Says how far a run is, where it does not mix with the results. */
  public static void progress(String line) {
    System.err.println(line);
  }
}
