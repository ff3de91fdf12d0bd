package dev.dmabufsim.simulator.chaos;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.dmabufsim.simulator.report.Report;
import dev.dmabufsim.simulator.run.Played;
import dev.dmabufsim.simulator.run.Progress;
import dev.dmabufsim.simulator.run.Run;
import dev.dmabufsim.simulator.run.RunOptions;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Plays rounds of chaos until the time is over, or one fails. */
public final class Chaos {
  /** The name of the report for programs. */
  public static final String JSON = "chaos.json";

  private static final double NANOS = 1e9;
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private Chaos() {}

  /**
   * What to play.
   *
   * @param scenario its name
   * @param seed of the first round
   * @param time for which rounds are begun
   * @param rounds most rounds
   * @param directory where everything is kept; must exist
   */
  public record Options(String scenario, long seed, Duration time, int rounds, Path directory) {}

  /** A scenario with the faults of a round, and those as a user would write them. */
  public record Faulty(List<String> faults, Scenario scenario) {
    /** Takes a copy. */
    public Faulty {
      faults = List.copyOf(faults);
    }
  }

  /** Makes the scenario of a round from its seed. */
  public interface Rounds {
    /** Makes it. */
    Faulty of(long seed) throws IOException;
  }

  /**
   * Plays. Blocks; each round takes some ten seconds.
   *
   * @param progress is told a line for each round when it is over
   * @throws IOException if the directory cannot be written or there is no room in /dev/shm
   */
  public static ChaosReport run(Options options, Rounds source, Consumer<String> progress)
      throws IOException {
    long begun = System.nanoTime();
    List<ChaosReport.Round> rounds = new ArrayList<>();
    SplittableRandom seeds = new SplittableRandom(options.seed());
    long seed = options.seed();
    ChaosReport report;
    ChaosReport.Round round;
    do {
      round = play(seed, rounds.size() + 1, source.of(seed), options.directory());
      rounds.add(round);
      progress.accept(ChaosReport.line(rounds.size(), round));
      if (!round.verdict().equals("pass")) {
        round.why().forEach(w -> progress.accept("             " + w));
      }
      report =
          ChaosReport.of(
              options.seed(), options.scenario(), (System.nanoTime() - begun) / NANOS, rounds);
      // After each round: what was learned so far is not lost with the last one.
      Files.writeString(
          options.directory().resolve(JSON), MAPPER.writeValueAsString(report) + "\n");
      seed = seeds.nextLong(1L << 31);
    } while (!report.verdict().equals("fail")
        && rounds.size() < options.rounds()
        && System.nanoTime() - begun < options.time().toNanos()
        && !round.why().contains(Run.INTERRUPTED)
        && !Thread.currentThread().isInterrupted());
    return report;
  }

  private static ChaosReport.Round play(long seed, int number, Faulty faulty, Path directory)
      throws IOException {
    Path its = Files.createDirectory(directory.resolve("round-" + number));
    Played played;
    try (Progress silent = Progress.create(true)) {
      played = Run.play(new RunOptions(faulty.scenario(), seed, its, true), silent);
    }
    Report report = played.report();
    List<String> why = new ArrayList<>();
    report.violations().forEach(v -> why.add("invariant " + v.number() + ": " + v.detail()));
    why.addAll(report.reasons());
    Map<String, Long> struck = new TreeMap<>();
    report.faults().struck().forEach(s -> struck.put(s.kind(), s.count()));
    return new ChaosReport.Round(
        seed,
        faulty.faults(),
        report.verdict(),
        why,
        struck,
        report.faults().midRevoke(),
        report.revokes().outcomes(),
        report.revokes().latencyMicros().max(),
        report.revokes().boundMicros(),
        its.toString());
  }
}
