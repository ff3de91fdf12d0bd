package dev.dmabufsim.simulator.matrix;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.simulator.judge.Findings;
import dev.dmabufsim.simulator.judge.Judge;
import dev.dmabufsim.simulator.judge.Scope;
import dev.dmabufsim.simulator.run.Played;
import dev.dmabufsim.simulator.run.Progress;
import dev.dmabufsim.simulator.run.Run;
import dev.dmabufsim.simulator.run.RunOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Runs a matrix: one cluster for each sequence, all of its cells at once; judges each cell, and
 * plays again, with few others, what that left open.
 */
public final class Matrix {
  /** The name of the report for programs. */
  public static final String JSON = "matrix.json";

  /** The name of the report for people. */
  public static final String MARKDOWN = "matrix.md";

  /** Hangs are expected, and a scenario's own limit is wide. */
  private static final Duration SLACK = Duration.ofSeconds(2);

  private static final double NANOS = 1e9;
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private Matrix() {}

  /**
   * Runs it and writes both reports. Blocks, for a quarter of a minute and more for each sequence.
   *
   * @param progress is told a line at a time how far it is
   * @throws IOException if the directory cannot be written or there is no room in /dev/shm
   */
  public static MatrixReport run(MatrixOptions options, Consumer<String> progress)
      throws IOException {
    Instant started = Instant.now();
    long begun = System.nanoTime();
    List<Cell> cells = new ArrayList<>();
    Duration bound = Duration.ZERO;
    List<Claims.Claim> claims = Claims.all();
    int done = 0;
    for (Contract contract : options.contracts()) {
      MatrixScenario matrix =
          MatrixScenario.of(contract, options.importers(), options.treatments());
      bound = matrix.scenario().bound().total();
      List<Cell> its = play(matrix, 1, options);
      for (int play = 2; play <= Replays.MOST_PLAYS; play++) {
        List<CellKey> again = Replays.wanted(its, claims);
        if (again.isEmpty()) {
          break;
        }
        progress.accept(
            "          %-9s once more: %s"
                .formatted(
                    contract.label(),
                    again.stream()
                        .map(k -> k.importer() + " " + k.treatment().label())
                        .collect(Collectors.joining(", "))));
        its =
            Replays.together(
                its, play(MatrixScenario.again(again, options.importers()), play, options));
      }
      cells.addAll(its);
      done++;
      progress.accept(
          String.format(
              Locale.ROOT,
              "  %d of %d  %-9s %s  (%.0f s)",
              done,
              options.contracts().size(),
              contract.label(),
              counts(its),
              seconds(begun)));
    }
    MatrixVerdict verdict = MatrixVerdict.of(cells, claims, bound);
    MatrixReport report =
        new MatrixReport(
            verdict.verdict().label(),
            verdict.reasons(),
            verdict.claimsChecked(),
            options.seed(),
            started.toString(),
            seconds(begun),
            bound.toNanos() / 1000,
            MatrixScenario.HANG_LIMIT.toNanos() / 1000,
            options.command(),
            MatrixReport.rows(cells));
    Files.writeString(options.directory().resolve(JSON), MAPPER.writeValueAsString(report) + "\n");
    Files.writeString(options.directory().resolve(MARKDOWN), MatrixTable.markdown(report));
    return report;
  }

  private static List<Cell> play(MatrixScenario matrix, int play, MatrixOptions options)
      throws IOException {
    String contract = matrix.scenario().contract().label();
    Path directory =
        Files.createDirectory(
            options.directory().resolve(play == 1 ? contract : contract + "." + play));
    Played played;
    try (Progress silent = Progress.create(true)) {
      played =
          Run.play(
              new RunOptions(
                  matrix.scenario(), options.seed() + play - 1, directory, true, SLACK, false),
              silent);
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new IOException("interrupted");
    }
    List<Cell> cells = new ArrayList<>();
    for (MatrixScenario.Place place : matrix.cells()) {
      Scope scope =
          Scope.of(played.lines(), Set.copyOf(place.exporters()), Set.of(place.importer()));
      Judge judge = new Judge();
      scope.lines(played.lines()).forEach(judge::accept);
      Findings found = judge.finish(played.facts().ofPart());
      cells.add(
          CellJudge.judge(
              place.key(),
              place.meets(),
              found,
              played.facts().troubles(),
              MatrixScenario.HANG_LIMIT.toNanos() / 1000));
    }
    return cells;
  }

  private static String counts(List<Cell> cells) {
    Map<CellVerdict, Integer> counts = new EnumMap<>(CellVerdict.class);
    cells.forEach(c -> counts.merge(c.verdict(), 1, Integer::sum));
    List<String> words = new ArrayList<>();
    counts.forEach((verdict, count) -> words.add(count + " " + verdict.label()));
    return String.join(", ", words);
  }

  private static double seconds(long begunNanos) {
    return (System.nanoTime() - begunNanos) / NANOS;
  }
}
