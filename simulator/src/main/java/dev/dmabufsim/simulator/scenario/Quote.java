package dev.dmabufsim.simulator.scenario;

/** Makes a user's text fit to stand within a message of one line. */
final class Quote {
  private static final int CHARACTERS_MAX = 60;

  private Quote() {}

  /** The text in single quotes, shortened if it is long, with whatever is not printable escaped. */
  static String of(String text) {
    return "'" + shortened(text, CHARACTERS_MAX) + "'";
  }

  /** The beginning of the text, with an ellipsis if there is more, on one line. */
  static String shortened(String text, int charactersMax) {
    if (text.length() <= charactersMax) {
      return oneLine(text);
    }
    int end = Character.isHighSurrogate(text.charAt(charactersMax - 1)) ? 1 : 0;
    return oneLine(text.substring(0, charactersMax - end)) + "…";
  }

  /** The text with every control character, line separator and lone surrogate escaped. */
  static String oneLine(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.codePoints()
        .forEach(c -> {
          if (printable(c)) {
            line.appendCodePoint(c);
          } else {
            line.append(c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\u%04x".formatted(c));
          }
        });
    return line.toString();
  }

  /** Whether a code point may stand in a line of text; a tab and a line feed may not. */
  static boolean printable(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      // The two last code points of every plane are no characters; a byte order mark is no text.
      default -> (codePoint & 0xfffe) != 0xfffe && codePoint != 0xfeff;
    };
  }
}
