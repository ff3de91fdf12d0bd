package dev.dmabufsim.simulator.scenario;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * The text of a scenario, and where it came from.
 *
 * @param text what it says
 * @param label how messages call it: the file as the user named it
 * @param baseName the name of the scenario if it states none
 * @param directory what relative paths within it are relative to
 */
record ScenarioSource(String text, String label, String baseName, Path directory) {

  /**
   * Finds a scenario. The name of a bundled one wins over a file or directory of the same name
   * (earlier runs leave such directories behind); {@code ./NAME} always means the file.
   */
  static ScenarioSource find(String nameOrPath, Path workingDirectory) throws ScenarioException {
    if (BundledScenarios.names().contains(nameOrPath)) {
      String text = BundledScenarios.text(nameOrPath);
      return new ScenarioSource(text, nameOrPath + " (bundled)", nameOrPath, workingDirectory);
    }
    Path path;
    try {
      path = workingDirectory.resolve(nameOrPath).normalize();
    } catch (InvalidPathException e) {
      throw notFound(nameOrPath, "is not a path");
    }
    String label = Quote.oneLine(nameOrPath);
    String text = decode(bytes(nameOrPath, path), Origin.file(label));
    Path directory = path.toAbsolutePath().getParent();
    return new ScenarioSource(
        text, label, baseName(path), directory == null ? workingDirectory : directory);
  }

  private static byte[] bytes(String nameOrPath, Path path) throws ScenarioException {
    if (nameOrPath.isEmpty() || Files.isDirectory(path)) {
      throw notFound(nameOrPath, nameOrPath.isEmpty() ? "is no name" : "is a directory");
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(path)) {
      // One byte more than may be there, so that a device file that never ends is refused too.
      bytes = in.readNBytes(Limits.FILE_BYTES_MAX + 1);
    } catch (NoSuchFileException e) {
      throw notFound(nameOrPath, "is neither a file nor a bundled scenario");
    } catch (AccessDeniedException e) {
      throw new ScenarioException(Origin.file(nameOrPath), "may not be read", "check its mode");
    } catch (IOException e) {
      throw notFound(nameOrPath, "cannot be read");
    }
    if (bytes.length > Limits.FILE_BYTES_MAX) {
      throw new ScenarioException(
          Origin.file(nameOrPath),
          "larger than " + Sizes.format(Limits.FILE_BYTES_MAX),
          "a scenario is a short YAML file");
    }
    return bytes;
  }

  /** The text of UTF-8 bytes, without a byte order mark. */
  static String decode(byte[] bytes, Origin file) throws ScenarioException {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length + 1);
    CoderResult result = StandardCharsets.UTF_8.newDecoder().decode(in, out, true);
    if (result.isError()) {
      int line = 1;
      for (int i = 0; i < in.position(); i++) {
        line += bytes[i] == '\n' ? 1 : 0;
      }
      throw new ScenarioException(file.atLine(line), "not UTF-8", "save the file as UTF-8");
    }
    String text = out.flip().toString();
    return text.startsWith("\ufeff") ? text.substring(1) : text;
  }

  private static ScenarioException notFound(String nameOrPath, String wrong) {
    List<String> names = BundledScenarios.names();
    String base = nameOrPath.replaceFirst("^.*/", "").replaceFirst("\\.ya?ml$", "");
    String guess =
        Nearest.of(base, names).map(n -> "did you mean " + Quote.of(n) + "? ").orElse("");
    return new ScenarioException(
        "scenario %s %s; %swrite a file or one of %s"
            .formatted(Quote.of(nameOrPath), wrong, guess, String.join(", ", names)));
  }

  /** The file's name without its extension, with a hyphen for whatever a name may not have. */
  private static String baseName(Path path) {
    Path fileName = path.getFileName();
    String base = fileName == null ? "" : fileName.toString().replaceFirst("\\.ya?ml$", "");
    String legal = base.replaceAll("[^A-Za-z0-9._-]", "-").replaceFirst("^[^A-Za-z0-9]+", "");
    return legal.isEmpty() ? "scenario" : legal.substring(0, Math.min(64, legal.length()));
  }
}
