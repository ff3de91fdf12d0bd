package dev.dmabufsim.simulator.scenario;

import java.util.function.IntFunction;

/**
 * Refuses characters that a reader cannot see, before a parser meets them. After this check a line
 * ends with a line feed, a carriage return or both, for us as for every editor.
 */
final class PlainText {
  private PlainText() {}

  static void check(String text, IntFunction<Origin> origins) throws ScenarioException {
    int line = 1;
    boolean indentation = true;
    int previous = '\n';
    int i = 0;
    while (i < text.length()) {
      int c = text.codePointAt(i);
      if (c == '\n' || c == '\r') {
        line += c == '\n' && previous == '\r' ? 0 : 1;
        indentation = true;
      } else if (c == '\t') {
        if (indentation) {
          throw new ScenarioException(
              origins.apply(line), "a tab in the indentation", "indent with spaces");
        }
      } else if (!Quote.printable(c)) {
        throw new ScenarioException(
            origins.apply(line), "character U+%04X is not text".formatted(c), "remove it");
      } else if (c != ' ') {
        indentation = false;
      }
      previous = c;
      i += Character.charCount(c);
    }
  }
}
