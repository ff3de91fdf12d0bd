package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Reads the histories of a run and merges them by time.
 *
 * @param lines in order
 * @param cut what could not be read, in words
 */
record Histories(List<HistoryLine> lines, List<String> cut) {

  static Histories read(List<Path> files) throws IOException {
    List<HistoryLine> lines = new ArrayList<>();
    List<String> cut = new ArrayList<>();
    for (Path file : files) {
      if (Files.exists(file)) {
        readOne(file, lines, cut);
      } else {
        cut.add(file.getFileName() + " is missing");
      }
    }
    // A stable sort, and within a file its clock goes on: a node's own order is kept.
    lines.sort(Comparator.comparingLong(HistoryLine::clock));
    return new Histories(List.copyOf(lines), List.copyOf(cut));
  }

  private static void readOne(Path file, List<HistoryLine> lines, List<String> cut)
      throws IOException {
    long expected = 1;
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      String text;
      while ((text = reader.readLine()) != null) {
        HistoryLine line;
        try {
          line = HistoryFormat.read(text);
        } catch (IOException e) {
          cut.add(file.getFileName() + " is cut short in line " + expected);
          return;
        }
        if (line.n() != expected) {
          cut.add(file.getFileName() + " lacks line " + expected);
          return;
        }
        expected++;
        lines.add(line);
      }
    }
  }
}
