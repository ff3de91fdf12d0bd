package dev.dmabufsim.simulator.scenario;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** Guesses which of the legal words somebody meant. */
final class Nearest {
  /** Beyond this a word is no slip of the fingers, and comparing it would only take time. */
  private static final int CHARACTERS_MAX = 64;

  /** More than this no reader takes in; there are fewer legal keys and metrics. */
  private static final int LISTED_MAX = 20;

  private Nearest() {}

  /** The legal word within a third of the length in edits, or else the first that begins so. */
  static Optional<String> of(String word, Collection<String> legal) {
    if (word.isEmpty() || word.length() > CHARACTERS_MAX) {
      return Optional.empty();
    }
    String lower = word.toLowerCase(Locale.ROOT);
    int editsLeast = Math.max(1, word.length() / 3) + 1;
    Optional<String> nearest = Optional.empty();
    for (String candidate : legal) {
      int edits = edits(lower, candidate.toLowerCase(Locale.ROOT));
      if (edits < editsLeast) {
        editsLeast = edits;
        nearest = Optional.of(candidate);
      }
    }
    return nearest.or(() -> legal.stream().filter(c -> begins(c, lower)).findFirst());
  }

  /** What would be right: the guess if there is one, and every legal word. */
  static String advice(String word, Collection<String> legal) {
    String guess = of(word, legal).map(n -> "did you mean " + Quote.of(n) + "? ").orElse("");
    return guess + "legal here: " + listed(legal);
  }

  /** The words with commas in between; the first few if there are many. */
  static String listed(Collection<String> words) {
    String few = words.stream().limit(LISTED_MAX).collect(Collectors.joining(", "));
    return words.size() <= LISTED_MAX ? few : few + ", … (" + words.size() + " in all)";
  }

  private static boolean begins(String candidate, String lower) {
    return lower.length() >= 2 && candidate.toLowerCase(Locale.ROOT).startsWith(lower);
  }

  /** Insertions, deletions, substitutions and swaps of neighbours that turn one into the other. */
  static int edits(String from, String to) {
    int[][] edits = new int[from.length() + 1][to.length() + 1];
    for (int i = 0; i <= from.length(); i++) {
      for (int j = 0; j <= to.length(); j++) {
        edits[i][j] = i == 0 || j == 0 ? i + j : edits(edits, i, j, from, to);
      }
    }
    return edits[from.length()][to.length()];
  }

  private static int edits(int[][] edits, int i, int j, String from, String to) {
    int substituted = edits[i - 1][j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
    int least = Math.min(substituted, Math.min(edits[i - 1][j], edits[i][j - 1]) + 1);
    boolean swapped =
        i > 1
            && j > 1
            && from.charAt(i - 1) == to.charAt(j - 2)
            && from.charAt(i - 2) == to.charAt(j - 1);
    return swapped ? Math.min(least, edits[i - 2][j - 2] + 1) : least;
  }
}
