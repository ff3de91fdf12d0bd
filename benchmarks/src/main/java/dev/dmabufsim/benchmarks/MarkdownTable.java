package dev.dmabufsim.benchmarks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A table that reads well on a terminal and is Markdown at once: some columns to the left, the rest
 * right.
 */
public final class MarkdownTable {
  private final List<List<String>> rows = new ArrayList<>();

  private final int leftColumns;

  /** A table with these headings and no rows; the first so many columns are text. */
  public MarkdownTable(int leftColumns, String... headings) {
    this.leftColumns = leftColumns;
    rows.add(List.of(headings));
  }

  /** Adds a row. */
  public MarkdownTable row(String... cells) {
    if (cells.length != rows.getFirst().size()) {
      throw new IllegalArgumentException(
          cells.length + " cells under " + rows.getFirst().size() + " headings");
    }
    rows.add(List.of(cells));
    return this;
  }

  @Override
  public String toString() {
    List<Integer> widths = new ArrayList<>(Collections.nCopies(rows.getFirst().size(), 3));
    for (List<String> row : rows) {
      for (int column = 0; column < row.size(); column++) {
        widths.set(column, Math.max(widths.get(column), row.get(column).length()));
      }
    }
    StringBuilder text = new StringBuilder();
    for (int line = 0; line < rows.size(); line++) {
      appendRow(text, rows.get(line), widths);
      if (line == 0) {
        appendRule(text, widths);
      }
    }
    return text.toString();
  }

  private void appendRow(StringBuilder text, List<String> row, List<Integer> widths) {
    for (int column = 0; column < row.size(); column++) {
      String cell = row.get(column);
      String padding = " ".repeat(widths.get(column) - cell.length());
      text.append("| ").append(column < leftColumns ? cell + padding : padding + cell).append(' ');
    }
    text.append("|\n");
  }

  private void appendRule(StringBuilder text, List<Integer> widths) {
    for (int column = 0; column < widths.size(); column++) {
      int width = widths.get(column);
      text.append(
              column < leftColumns ? "| " + "-".repeat(width) : "| " + "-".repeat(width - 1) + ":")
          .append(' ');
    }
    text.append("|\n");
  }
}
