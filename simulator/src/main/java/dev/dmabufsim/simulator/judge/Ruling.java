package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What is found while judging: what was broken, what is not known, and by which event. */
final class Ruling {
  private static final int MOST_OF_A_KIND = 10;

  /** Which lines must all be known, for it to be one. */
  private enum Needs {
    /** Those that are there. */
    NONE,
    /** Those before it. */
    EARLIER,
    /** All. */
    ALL
  }

  private record Breach(Violation violation, Needs needs) {}

  private record Doubt(String why, Optional<HistoryLine> line) {}

  private final Map<Invariant, List<Breach>> broken = new EnumMap<>(Invariant.class);
  private final List<Doubt> doubts = new ArrayList<>();

  /** An invariant was broken by an event, or by nothing that a history tells. */
  void broke(Invariant invariant, String detail, @Nullable HistoryLine line) {
    add(invariant, detail, line, Needs.NONE);
  }

  /**
   * Something that had to be in the histories is not. It proves nothing if a part of them is
   * missing.
   *
   * @param line after which it had to come
   */
  void missed(Invariant invariant, String detail, @Nullable HistoryLine line) {
    add(invariant, detail, line, Needs.ALL);
  }

  /**
   * Something that had to be in the histories before this event is not.
   *
   * @param line before which it had to come
   */
  void missedBefore(Invariant invariant, String detail, HistoryLine line) {
    add(invariant, detail, line, Needs.EARLIER);
  }

  private void add(Invariant invariant, String detail, @Nullable HistoryLine line, Needs needs) {
    broken
        .computeIfAbsent(invariant, i -> new ArrayList<>())
        .add(new Breach(new Violation(invariant, detail, Optional.ofNullable(line)), needs));
  }

  /** Why nothing can be said. */
  void doubt(String why, @Nullable HistoryLine line) {
    doubts.add(new Doubt(why, Optional.ofNullable(line)));
  }

  boolean isBroken(Invariant invariant) {
    return broken.containsKey(invariant);
  }

  List<String> doubts() {
    return doubts.stream().map(Doubt::why).distinct().toList();
  }

  /** Of many alike the first ones and a count. */
  List<Violation> violations(boolean whole) {
    return violations(whole, whole);
  }

  /** What is broken by what there is so far, if no line is missing up to there. */
  List<Violation> soFar(boolean whole) {
    return violations(whole, true);
  }

  private List<Violation> violations(boolean whole, boolean soFar) {
    List<Violation> violations = new ArrayList<>();
    broken.forEach((invariant, all) -> {
      List<Violation> its = counting(all, whole, soFar);
      its.stream().limit(MOST_OF_A_KIND).forEach(violations::add);
      if (its.size() > MOST_OF_A_KIND) {
        violations.add(
            new Violation(invariant, "and " + (its.size() - MOST_OF_A_KIND) + " more like these"));
      }
    });
    return violations;
  }

  private static List<Violation> counting(List<Breach> all, boolean whole, boolean soFar) {
    return all.stream()
        .filter(b ->
            switch (b.needs) {
              case NONE -> true;
              case EARLIER -> soFar;
              case ALL -> whole;
            })
        .map(Breach::violation)
        .toList();
  }

  /** The earliest event that broke something; if nothing is broken, that left something unknown. */
  Optional<HistoryLine> firstWrong(boolean whole) {
    List<Violation> violations =
        broken.values().stream().flatMap(all -> counting(all, whole, whole).stream()).toList();
    return violations.isEmpty()
        ? earliest(doubts.stream().map(Doubt::line).toList())
        : earliest(violations.stream().map(Violation::line).toList());
  }

  private static Optional<HistoryLine> earliest(List<Optional<HistoryLine>> lines) {
    return lines.stream()
        .flatMap(Optional::stream)
        .min(Comparator.comparingLong(HistoryLine::clock));
  }
}
