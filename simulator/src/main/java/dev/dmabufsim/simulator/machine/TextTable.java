package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.List;

/** A table in columns, as wide as what is in them; the last column is broken into lines. */
final class TextTable {

  private static final String MARGIN = "  ";
  private static final String GAP = "  ";
  private static final int WIDEST_CELL = 34;
  private static final int NARROWEST_LAST = 20;

  private final List<List<String>> rows = new ArrayList<>();

  TextTable(String... header) {
    rows.add(List.of(header));
  }

  void row(String... cells) {
    rows.add(List.of(cells));
  }

  void appendTo(StringBuilder out) {
    int last = rows.getFirst().size() - 1;
    int[] widths = new int[last];
    int before = MARGIN.length();
    for (int column = 0; column < last; column++) {
      for (List<String> row : rows) {
        widths[column] =
            Math.max(widths[column], Math.min(WIDEST_CELL, Layout.width(row.get(column))));
      }
      before += widths[column] + GAP.length();
    }
    int room = Math.max(NARROWEST_LAST, Layout.WIDTH - before);
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder(MARGIN);
      for (int column = 0; column < last; column++) {
        line.append(Layout.pad(Layout.clip(row.get(column), widths[column]), widths[column]));
        line.append(GAP);
      }
      for (String part : Layout.wrap(row.get(last), room)) {
        out.append((line + part).stripTrailing()).append('\n');
        line.setLength(0);
        line.append(" ".repeat(before));
      }
    }
  }
}
