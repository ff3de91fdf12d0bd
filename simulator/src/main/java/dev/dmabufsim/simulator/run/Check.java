package dev.dmabufsim.simulator.run;

import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.scenario.Scenario;
import dev.dmabufsim.simulator.scenario.ScenarioException;
import dev.dmabufsim.simulator.scenario.ScenarioLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Judges a run that is over again, from the files in its directory alone, and names the first event
 * at which things went wrong.
 *
 * @param report as the run's own, if nobody changed its files
 * @param firstWrong where things went wrong, for people; empty if the run passed
 */
public record Check(Report report, List<String> firstWrong) {
  private static final double MILLIS = 1e6;
  private static final double NANOS = 1e9;
  private static final int WIDTH = 200;

  /** Takes a copy. */
  public Check {
    firstWrong = List.copyOf(firstWrong);
  }

  /**
   * Judges.
   *
   * @param around how many events to show before and after the first that is wrong
   * @throws IOException with what is wrong, in one line, if this is no run that can be judged
   */
  public static Check of(Path directory, int around) throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new IOException(
          directory + ": is no directory; name one that a run left, such as runs/latest");
    }
    RunDirectory run = new RunDirectory(directory);
    EvidenceFile evidence = EvidenceFile.read(run.evidence());
    Scenario scenario;
    try {
      scenario =
          ScenarioLoader.load(
              "./" + run.scenario().getFileName(),
              directory.toAbsolutePath(),
              List.of(),
              Long.MAX_VALUE);
    } catch (ScenarioException e) {
      throw new IOException(directory + "/" + e.getMessage(), e);
    }
    Judged judged = Judged.of(scenario, evidence, run);
    return new Check(
        judged.report(),
        judged.report().verdict().equals(Verdict.PASS.label())
            ? List.of()
            : firstWrong(judged, around));
  }

  /** A line of a file that is wrong; {@code shown} is it, or the last one before it. */
  private record Spot(String file, long n, String why, Optional<HistoryLine> shown) {}

  private static List<String> firstWrong(Judged judged, int around) {
    Optional<Spot> spot = spot(judged);
    if (spot.isEmpty()) {
      return List.of("no event of the histories shows where it went wrong");
    }
    List<Histories.Entry> all = judged.histories().entries();
    long start = all.isEmpty() ? 0 : all.getFirst().line().nanos();
    int index = spot.get().shown().map(line -> index(all, line)).orElse(-1);
    List<String> lines = new ArrayList<>();
    lines.add(
        "first wrong: %s line %d%s: %s"
            .formatted(
                spot.get().file(),
                spot.get().n(),
                spot.get()
                    .shown()
                    .map(l ->
                        String.format(
                            Locale.ROOT, ", %.6f s after the start", (l.nanos() - start) / NANOS))
                    .orElse(""),
                spot.get().why()));
    if (index >= 0) {
      int from = Math.max(0, index - around);
      int to = Math.min(all.size(), index + around + 1);
      for (int i = from; i < to; i++) {
        lines.add(shown(all.get(i), all.get(index).line().nanos(), i == index));
      }
    }
    return lines;
  }

  private static int index(List<Histories.Entry> all, HistoryLine line) {
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).line().equals(line)) {
        return i;
      }
    }
    return -1;
  }

  /** What is broken comes first; if nothing is, the first place from which a file is not known. */
  private static Optional<Spot> spot(Judged judged) {
    Optional<Spot> event =
        judged
            .findings()
            .firstWrong()
            .map(line -> {
              String file =
                  judged.histories().entries().stream()
                      .filter(e -> e.line().equals(line))
                      .map(Histories.Entry::file)
                      .findFirst()
                      .orElse(line.node());
              String why =
                  judged.findings().violations().stream()
                      .filter(v -> v.line().filter(l -> l.equals(line)).isPresent())
                      .map(v -> v.invariant().number() + "  " + v.detail())
                      .findFirst()
                      .orElse("");
              return new Spot(file, line.n(), why, Optional.of(line));
            });
    if (!judged.findings().violations().isEmpty() || judged.histories().cuts().isEmpty()) {
      return event;
    }
    return judged.histories().cuts().stream()
        .min(
            Comparator.comparingLong(
                c -> c.before().map(HistoryLine::clock).orElse(Long.MIN_VALUE)))
        .map(c -> new Spot(c.file(), c.n(), c.what(), c.before()));
  }

  private static String shown(Histories.Entry entry, long nanos, boolean wrong) {
    String text =
        String.format(
            Locale.ROOT,
            "%s %+11.3f ms  %s:%d  %s",
            wrong ? ">" : " ",
            (entry.line().nanos() - nanos) / MILLIS,
            entry.file(),
            entry.line().n(),
            entry.line().event());
    return text.length() <= WIDTH ? text : text.substring(0, WIDTH - 2) + " …";
  }
}
