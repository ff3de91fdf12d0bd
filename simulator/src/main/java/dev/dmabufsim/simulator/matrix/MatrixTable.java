package dev.dmabufsim.simulator.matrix;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A matrix as a table: a line for each importer and behaviour, a column for each sequence. For a
 * terminal the verdicts alone; in Markdown each cell with its worst time and how it ended.
 */
public final class MatrixTable {
  private static final int WORD = 10;

  private MatrixTable() {}

  private static List<String> contracts(MatrixReport report) {
    return report.cells().stream().map(MatrixReport.Row::contract).distinct().toList();
  }

  private static Map<List<String>, Map<String, MatrixReport.Row>> lines(MatrixReport report) {
    Map<List<String>, Map<String, MatrixReport.Row>> lines = new LinkedHashMap<>();
    for (MatrixReport.Row row : report.cells()) {
      lines
          .computeIfAbsent(List.of(row.importer(), row.behaviour()), k -> new LinkedHashMap<>())
          .put(row.contract(), row);
    }
    return lines;
  }

  /** For a terminal. */
  public static List<String> text(MatrixReport report) {
    List<String> contracts = contracts(report);
    int label =
        report.cells().stream()
            .mapToInt(r -> r.importer().length() + r.behaviour().length() + 2)
            .max()
            .orElse(0);
    List<String> text = new ArrayList<>();
    text.add(" ".repeat(label + 2) + row(contracts, c -> c));
    String before = "";
    for (var line : lines(report).entrySet()) {
      String importer = line.getKey().get(0);
      String behaviour = line.getKey().get(1);
      String shown = importer.equals(before) ? " ".repeat(importer.length()) : importer;
      before = importer;
      String name = shown + "  " + behaviour;
      text.add(
          "  "
              + name
              + " ".repeat(label - name.length())
              + row(contracts, c -> word(line.getValue().get(c))));
    }
    return text;
  }

  private static String word(MatrixReport.@Nullable Row row) {
    return row == null ? "" : row.verdict();
  }

  private static String row(List<String> contracts, Function<String, String> cell) {
    StringBuilder row = new StringBuilder();
    for (String contract : contracts) {
      row.append("  ").append(padded(cell.apply(contract)));
    }
    return row.toString().stripTrailing();
  }

  private static String padded(String word) {
    return word + " ".repeat(Math.max(0, WORD - word.length()));
  }

  /** {@code matrix.md}, whole. */
  public static String markdown(MatrixReport report) {
    List<String> contracts = contracts(report);
    StringBuilder md = new StringBuilder("# The matrix\n\n");
    md.append("    %s%n%n".formatted(report.command()));
    md.append(
        "**%s**, seed %d, %d cells in %s s; enforced is bounded by %s, a revoke hangs after %s.%n%n"
            .formatted(
                report.verdict(),
                report.seed(),
                report.cells().size(),
                String.format(Locale.ROOT, "%.0f", report.seconds()),
                time(report.boundMicros()),
                time(report.hangLimitMicros())));
    md.append(
        "%d cells are such as the threads had said something about.%n"
            .formatted(report.claimsChecked()));
    report.reasons().forEach(r -> md.append("- ").append(r).append('\n'));
    md.append(
        "\nIn each cell: the verdict, the longest revoke, how the memory was proven free at worst,"
            + " and the gravest class of late access with the number of its kind.\n");
    String before = "";
    for (var line : lines(report).entrySet()) {
      String importer = line.getKey().get(0);
      if (!importer.equals(before)) {
        before = importer;
        String meets = line.getValue().values().iterator().next().exporter();
        md.append("\n## %s (exporter: %s)%n%n".formatted(importer, meets));
        md.append("| behaviour | ").append(String.join(" | ", contracts)).append(" |\n");
        md.append("| --- ").append("| --- ".repeat(contracts.size())).append("|\n");
      }
      md.append("| ").append(line.getKey().get(1)).append(" |");
      for (String contract : contracts) {
        md.append(' ').append(cell(line.getValue().get(contract))).append(" |");
      }
      md.append('\n');
    }
    return md.toString();
  }

  private static String cell(MatrixReport.@Nullable Row row) {
    if (row == null) {
      return "";
    }
    StringBuilder cell = new StringBuilder("**" + row.verdict() + "**");
    if (row.revokes() > 0) {
      cell.append(' ').append(time(row.worstMicros()));
    }
    if (row.how() != null) {
      cell.append(", ").append(row.how());
    }
    if (row.worstLate() != null) {
      cell.append(", ").append(row.worstLate()).append(' ').append(row.late().get(row.worstLate()));
    }
    if (row.plays() > 1) {
      cell.append(" (in ").append(row.plays()).append(" plays)");
    }
    return cell.toString();
  }

  private static String time(long micros) {
    return micros < 1_000_000
        ? String.format(Locale.ROOT, "%.1f ms", micros / 1e3)
        : String.format(Locale.ROOT, "%.2f s", micros / 1e6);
  }
}
