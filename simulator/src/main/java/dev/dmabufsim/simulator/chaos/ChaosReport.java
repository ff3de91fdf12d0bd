package dev.dmabufsim.simulator.chaos;

import dev.dmabufsim.simulator.report.Report;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What came of some rounds of chaos.
 *
 * @param verdict {@code fail} if one round failed, else {@code unknown} if none passed, else {@code
 *     pass}
 * @param seed from which the rounds' seeds come
 * @param scenario what was played
 * @param seconds how long it all took
 * @param rounds each round, in order
 */
public record ChaosReport(
    String verdict, long seed, String scenario, double seconds, List<Round> rounds) {
  /** Takes a copy. */
  public ChaosReport {
    rounds = List.copyOf(rounds);
  }

  /**
   * A round.
   *
   * @param seed its own
   * @param faults that were to strike, as after {@code --fault}
   * @param verdict of its run
   * @param why it is no pass, if it is not
   * @param struck faults that struck, by kind
   * @param midRevoke how many of them while a revoke was under way
   * @param revokes by outcome
   * @param worstMicros the longest revoke
   * @param boundMicros what was allowed
   * @param directory where the run is
   */
  public record Round(
      long seed,
      List<String> faults,
      String verdict,
      List<String> why,
      Map<String, Long> struck,
      long midRevoke,
      Report.Outcomes revokes,
      long worstMicros,
      long boundMicros,
      String directory) {
    /** Takes copies. */
    public Round {
      faults = List.copyOf(faults);
      why = List.copyOf(why);
      struck = Map.copyOf(struck);
    }
  }

  /** The report of these rounds. */
  static ChaosReport of(long seed, String scenario, double seconds, List<Round> rounds) {
    boolean failed = rounds.stream().anyMatch(r -> r.verdict().equals("fail"));
    boolean passed = rounds.stream().anyMatch(r -> r.verdict().equals("pass"));
    return new ChaosReport(
        failed ? "fail" : passed ? "pass" : "unknown", seed, scenario, seconds, rounds);
  }

  /** A line for a round. */
  static String line(int number, Round r) {
    return String.format(
        Locale.ROOT,
        "  round %-3d seed %-11d %-7s %d acked, %d blocked, %d severed, %d reclaimed;"
            + " worst %.0f of %.0f ms; %d of %d faults struck, %d mid-revoke: %s",
        number,
        r.seed(),
        r.verdict(),
        r.revokes().acked(),
        r.revokes().blocked(),
        r.revokes().severed(),
        r.revokes().reclaimed(),
        r.worstMicros() / 1e3,
        r.boundMicros() / 1e3,
        total(r.struck()),
        r.faults().size(),
        r.midRevoke(),
        String.join("; ", r.faults()));
  }

  /** What all rounds come to. */
  public List<String> summary() {
    Map<String, Long> struck = new TreeMap<>();
    rounds.forEach(r -> r.struck().forEach((kind, count) -> struck.merge(kind, count, Long::sum)));
    List<String> lines = new ArrayList<>();
    lines.add("");
    lines.add(
        "  rounds       %d: %d pass, %d unknown, %d fail"
            .formatted(rounds.size(), count("pass"), count("unknown"), count("fail")));
    lines.add(
        "  faults       %d of %d struck, %d of them mid-revoke"
            .formatted(
                total(struck),
                rounds.stream().mapToInt(r -> r.faults().size()).sum(),
                rounds.stream().mapToLong(Round::midRevoke).sum()));
    struck.forEach((kind, count) -> lines.add("               %-18s %d".formatted(kind, count)));
    lines.add(
        "  revokes      %d acked, %d blocked, %d severed, %d reclaimed"
            .formatted(
                rounds.stream().mapToLong(r -> r.revokes().acked()).sum(),
                rounds.stream().mapToLong(r -> r.revokes().blocked()).sum(),
                rounds.stream().mapToLong(r -> r.revokes().severed()).sum(),
                rounds.stream().mapToLong(r -> r.revokes().reclaimed()).sum()));
    rounds.stream()
        .max((a, b) -> Long.compare(a.worstMicros(), b.worstMicros()))
        .ifPresent(r ->
            lines.add(
                String.format(
                    Locale.ROOT,
                    "  worst        %.0f ms of %.0f ms (seed %d)",
                    r.worstMicros() / 1e3,
                    r.boundMicros() / 1e3,
                    r.seed())));
    rounds.stream()
        .filter(r -> r.verdict().equals("unknown"))
        .flatMap(r -> r.why().stream())
        .collect(Collectors.groupingBy(ChaosReport::kind, TreeMap::new, Collectors.counting()))
        .forEach((why, count) -> lines.add("  unknown      %d x %s".formatted(count, why)));
    return lines;
  }

  /** Reasons differ in the names and numbers that they give. */
  private static String kind(String why) {
    return why.startsWith("the fault ") ? "a fault did not strike" : why;
  }

  private long count(String of) {
    return rounds.stream().filter(r -> r.verdict().equals(of)).count();
  }

  private static long total(Map<String, Long> struck) {
    return struck.values().stream().mapToLong(Long::longValue).sum();
  }
}
