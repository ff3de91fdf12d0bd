package dev.dmabufsim.simulator.machine;

import java.util.ArrayList;
import java.util.List;

/** Lines that keep within the width of a report. */
final class Layout {

  /** No line of a report is longer. */
  static final int WIDTH = 120;

  private Layout() {}

  /** What is printed of a text from the input: nothing that moves the cursor, or is not seen. */
  static String clean(String text) {
    return text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]", "?");
  }

  static int width(String text) {
    return text.codePointCount(0, text.length());
  }

  static String clip(String text, int width) {
    if (width(text) <= width) {
      return text;
    }
    return text.substring(0, text.offsetByCodePoints(0, Math.max(0, width - 1))) + "…";
  }

  static String pad(String text, int width) {
    return text + " ".repeat(Math.max(0, width - width(text)));
  }

  /** A paragraph in lines of that width at most, broken at spaces; a longer word is cut. */
  static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ", -1)) {
      String fitting = clip(word, width);
      if (!line.isEmpty() && width(line.toString()) + 1 + width(fitting) > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      if (!line.isEmpty()) {
        line.append(' ');
      }
      line.append(fitting);
    }
    lines.add(line.toString());
    return lines;
  }

  /** A paragraph whose first line begins with a head, and whose others are indented as far. */
  static void hanging(StringBuilder out, String head, String text) {
    String indent = " ".repeat(width(head));
    String before = head;
    for (String line : wrap(text, WIDTH - width(head))) {
      out.append((before + line).stripTrailing()).append('\n');
      before = indent;
    }
  }
}
