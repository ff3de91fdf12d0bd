package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.history.HistoryLine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Reads the histories of a run and merges them by their clocks.
 *
 * @param entries in order
 * @param cuts what could not be read
 */
record Histories(List<Entry> entries, List<Cut> cuts) {
  /** The kinds of fault that kill a process, which may tear the line that it writes. */
  private static final Set<String> KILLS = Set.of("kill", "restart", "crash-at");

  /** A line and the file that it is in; {@code line.n()} is its number there. */
  record Entry(String file, HistoryLine line) {}

  /**
   * From there on a file cannot be read.
   *
   * @param what in words, with the file's name
   * @param n the number of the line that is damaged or not there
   * @param before the last line that could be read
   */
  record Cut(String what, String file, long n, Optional<HistoryLine> before) {}

  /** A history, and how many lines it had when the run ended, if that is known. */
  record Source(Path file, OptionalLong lines) {}

  static Histories read(List<Path> files) throws IOException {
    return readSources(files.stream().map(f -> new Source(f, OptionalLong.empty())).toList());
  }

  static Histories readSources(List<Source> sources) throws IOException {
    List<Entry> entries = new ArrayList<>();
    List<Cut> cuts = new ArrayList<>();
    List<Cut> torn = new ArrayList<>();
    for (Source source : sources) {
      String name = String.valueOf(source.file().getFileName());
      if (Files.exists(source.file())) {
        new Reader(name, source, entries, cuts, torn).read();
      } else {
        cuts.add(new Cut(name + " is missing", name, 1, Optional.empty()));
      }
    }
    // A stable sort, and within a file its clock goes on: a node's own order is kept.
    entries.sort(Comparator.comparingLong(e -> e.line().clock()));
    Set<String> killed = killed(entries);
    torn.stream()
        .filter(t -> t.before().map(l -> !killed.contains(l.node())).orElse(true))
        .forEach(cuts::add);
    return new Histories(List.copyOf(entries), List.copyOf(cuts));
  }

  private static Set<String> killed(List<Entry> entries) {
    Set<String> killed = new HashSet<>();
    for (Entry entry : entries) {
      if (entry.line().event() instanceof HistoryEvent.FaultStruck e && KILLS.contains(e.kind())) {
        killed.addAll(e.nodes());
      }
    }
    return killed;
  }

  List<HistoryLine> lines() {
    return entries.stream().map(Entry::line).toList();
  }

  /** What could not be read, in words. */
  List<String> cut() {
    return cuts.stream().map(Cut::what).toList();
  }

  /** How many whole lines a file has. */
  static long countLines(Path file) throws IOException {
    long lines = 0;
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      int read;
      while ((read = in.read(buffer)) >= 0) {
        for (int i = 0; i < read; i++) {
          lines += buffer[i] == '\n' ? 1 : 0;
        }
      }
    }
    return lines;
  }

  /** One file. */
  private static final class Reader {
    private final String name;
    private final Source source;
    private final List<Entry> entries;
    private final List<Cut> cuts;
    private final List<Cut> torn;
    private Optional<HistoryLine> before = Optional.empty();
    private long expected = 1;

    Reader(String name, Source source, List<Entry> entries, List<Cut> cuts, List<Cut> torn) {
      this.name = name;
      this.source = source;
      this.entries = entries;
      this.cuts = cuts;
      this.torn = torn;
    }

    void read() throws IOException {
      // Not Files.newBufferedReader: bytes that are no UTF-8 are a damaged line, not the end of
      // all.
      try (BufferedReader reader =
          new BufferedReader(
              new InputStreamReader(Files.newInputStream(source.file()), StandardCharsets.UTF_8))) {
        String text;
        while ((text = reader.readLine()) != null) {
          if (!take(text)) {
            return;
          }
        }
      }
      long lines = expected - 1;
      if (source.lines().isPresent() && source.lines().getAsLong() != lines) {
        cuts.add(
            cut(
                "%s has %d lines, and had %d when the run ended"
                    .formatted(name, lines, source.lines().getAsLong())));
      }
    }

    private Cut cut(String what) {
      return new Cut(what, name, expected, before);
    }

    private boolean take(String text) throws IOException {
      HistoryLine line;
      try {
        line = HistoryFormat.read(text);
      } catch (IOException e) {
        Cut cut = cut(name + " is cut short in line " + expected);
        boolean last = countLines(source.file()) == expected - 1;
        boolean asItWas = source.lines().isEmpty() || source.lines().getAsLong() == expected - 1;
        (last && asItWas ? torn : cuts).add(cut);
        return false;
      }
      if (line.n() != expected) {
        cuts.add(cut(name + " lacks line " + expected));
        return false;
      }
      if (before.isPresent() && line.clock() < before.get().clock()) {
        cuts.add(cut(name + " goes back in time in line " + expected));
        return false;
      }
      expected++;
      before = Optional.of(line);
      entries.add(new Entry(name, line));
      return true;
    }
  }
}
