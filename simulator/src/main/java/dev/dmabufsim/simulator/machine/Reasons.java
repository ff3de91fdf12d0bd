package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The reasons for the rows of a table, each once: {@code i1-i4: ...}. */
final class Reasons {

  private final char letter;
  private final Map<String, List<Integer>> rows = new LinkedHashMap<>();
  private int next;

  Reasons(char letter) {
    this.letter = letter;
  }

  /** The reason for the next row. */
  void add(String reason) {
    rows.computeIfAbsent(reason, r -> new ArrayList<>()).add(next++);
  }

  void appendTo(StringBuilder out) {
    rows.forEach((reason, numbers) ->
        Layout.hanging(
            out, "  ", NumberRanges.text(letter, numbers) + ": " + Layout.clean(reason)));
  }
}
