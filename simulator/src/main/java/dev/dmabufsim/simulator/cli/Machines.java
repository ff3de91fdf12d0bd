package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.machine.LspciParser;
import dev.dmabufsim.simulator.machine.Machine;
import dev.dmabufsim.simulator.machine.MachineFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Reads what lspci printed, from a file or from standard input. */
final class Machines {
  /** More than lspci prints of any machine; the parser has limits of its own below it. */
  private static final int MOST_BYTES = 64 << 20;

  private Machines() {}

  /**
   * Reads and parses.
   *
   * @param file a path, or {@code -} for standard input
   * @throws BadInput if it cannot be read, or is not what {@code lspci -vv} prints
   */
  static Machine read(String file) {
    boolean standard = file.equals("-");
    String name = standard ? "(standard input)" : file;
    try (InputStream in = standard ? System.in : Files.newInputStream(Path.of(file))) {
      byte[] bytes = in.readNBytes(MOST_BYTES);
      // Bytes that are no UTF-8 become marks: the parser says in which line, if it matters.
      return LspciParser.parse(name, new String(bytes, StandardCharsets.UTF_8));
    } catch (MachineFormatException e) {
      throw new BadInput(String.valueOf(e.getMessage()));
    } catch (IOException | InvalidPathException e) {
      throw new BadInput(
          name
              + ": cannot be read; name a file with the output of 'lspci -vv', or - for standard"
              + " input");
    }
  }
}
