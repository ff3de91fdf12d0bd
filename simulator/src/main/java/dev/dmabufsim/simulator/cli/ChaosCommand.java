package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.FabricSweeper;
import dev.dmabufsim.simulator.chaos.Chaos;
import dev.dmabufsim.simulator.chaos.ChaosFaults;
import dev.dmabufsim.simulator.chaos.ChaosReport;
import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.run.RunDirectory;
import dev.dmabufsim.simulator.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "chaos",
    description = {
      "Runs a scenario over and over, each time with other faults at random, and stops at the first"
          + " round in which an invariant breaks.",
      "A round's faults come from its seed alone, so that --seed S --rounds 1 repeats it."
    },
    mixinStandardHelpOptions = true)
final class ChaosCommand implements Callable<Integer> {
  private static final double MOST_MINUTES = 10_000;
  private static final double SECONDS = 60;

  @Option(
      names = "--minutes",
      paramLabel = "N",
      description = "For how long rounds are begun; 0.5 is half a minute (default: 5).")
  private @Nullable Double minutes;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "How many rounds; with --minutes, whichever is over first.")
  private @Nullable Integer rounds;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "The first round's seed, from which the others' come (default: a fresh one).")
  private @Nullable Long seed;

  @Option(
      names = "--scenario",
      paramLabel = "SCENARIO",
      description = "A file, or the name of a bundled one (default: ${DEFAULT-VALUE}).")
  private String scenario = "chaos-world";

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides an option of the scenario; may be repeated.")
  private List<String> sets = new ArrayList<>();

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to keep everything (default: runs/TIME-chaos).")
  private @Nullable Path out;

  @Override
  public Integer call() throws IOException {
    if (minutes != null && !(minutes > 0 && minutes <= MOST_MINUTES)) {
      throw new BadInput("--minutes is " + minutes + "; write more than 0, up to 10000");
    }
    if (rounds != null && rounds < 1) {
      throw new BadInput("--rounds is " + rounds + "; write 1 or more");
    }
    FabricSweeper.sweep(Fabric.SHM);
    Scenario base = Scenarios.resolve(scenario, sets, null, false).scenario();
    long first = seed != null ? seed : ThreadLocalRandom.current().nextLong(1L << 31);
    RunDirectory directory = OutDirectory.of(out, "chaos");
    Duration time =
        Duration.ofMillis(
            (long)
                ((minutes != null ? minutes : rounds != null ? MOST_MINUTES : 5) * SECONDS * 1000));
    System.out.printf(
        "dmabuf-sim chaos %s%nseed %d%ninto %s%n", base.name(), first, directory.path());
    System.out.flush();
    ChaosReport report;
    try {
      report =
          Chaos.run(
              new Chaos.Options(
                  base.name(),
                  first,
                  time,
                  rounds != null ? rounds : Integer.MAX_VALUE,
                  directory.path()),
              theSeed -> withFaults(base, theSeed),
              line -> {
                System.out.println(line);
                System.out.flush();
              });
    } catch (IOException e) {
      throw new BadInput("cannot run: " + e.getMessage());
    }
    report.summary().forEach(System.out::println);
    report.rounds().stream()
        .filter(r -> r.verdict().equals("fail"))
        .forEach(r -> System.out.println(repeat(r)));
    System.out.printf(
        "%n%s chaos  (seed %d, %d rounds, %.1f s)%n  report %s%n",
        report.verdict().toUpperCase(Locale.ROOT),
        first,
        report.rounds().size(),
        report.seconds(),
        directory.path().resolve(Chaos.JSON));
    System.out.flush();
    return Verdict.valueOf(report.verdict().toUpperCase(Locale.ROOT)).exitStatus();
  }

  private Chaos.Faulty withFaults(Scenario base, long theSeed) throws IOException {
    List<String> faults = ChaosFaults.of(base, theSeed);
    List<String> all = new ArrayList<>(sets);
    faults.forEach(f -> all.add("faults[+]={" + f + "}"));
    return new Chaos.Faulty(faults, Scenarios.resolve(scenario, all, null, false).scenario());
  }

  /** The command that plays a round again. */
  private String repeat(ChaosReport.Round round) {
    StringBuilder command = new StringBuilder("  again: ./dmabuf-sim chaos --rounds 1 --seed ");
    command.append(round.seed()).append(" --scenario ").append(scenario);
    sets.forEach(s -> command.append(" --set '").append(s).append('\''));
    return command.append("\n  judge: ./dmabuf-sim check ").append(round.directory()).toString();
  }
}
