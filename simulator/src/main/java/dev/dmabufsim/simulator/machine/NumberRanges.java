package dev.dmabufsim.simulator.machine;

import java.util.List;

/** Numbers of rows or columns in short: {@code e1-e4 e7}. */
final class NumberRanges {

  private NumberRanges() {}

  /** Positions from 0, ascending, named by a letter and numbers from 1. */
  static String text(char letter, List<Integer> positions) {
    StringBuilder text = new StringBuilder();
    int i = 0;
    while (i < positions.size()) {
      int end = i;
      while (end + 1 < positions.size() && positions.get(end + 1) == positions.get(end) + 1) {
        end++;
      }
      text.append(text.isEmpty() ? "" : " ").append(letter).append(positions.get(i) + 1);
      if (end > i) {
        text.append('-').append(letter).append(positions.get(end) + 1);
      }
      i = end + 1;
    }
    return text.toString();
  }
}
