package dev.dmabufsim.simulator.cli;

import dev.dmabufsim.simulator.judge.Verdict;
import dev.dmabufsim.simulator.report.Summary;
import dev.dmabufsim.simulator.run.Check;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "check",
    description =
        "Judges a run again, from the files in its directory alone, and names the first event at"
            + " which things went wrong.",
    mixinStandardHelpOptions = true)
final class CheckCommand implements Callable<Integer> {
  private static final int MOST_AROUND = 1000;

  @Parameters(paramLabel = "DIR", description = "What a run left, such as runs/latest.")
  private Path directory = Path.of("");

  @Option(
      names = "--around",
      paramLabel = "N",
      description = "How many events to show before and after it (default: ${DEFAULT-VALUE}).")
  private int around = 5;

  @Override
  public Integer call() {
    if (around < 0 || around > MOST_AROUND) {
      throw new BadInput("--around is " + around + "; write 0 to " + MOST_AROUND);
    }
    Check check;
    try {
      check = Check.of(directory, around);
    } catch (IOException e) {
      throw new BadInput("cannot check: " + e.getMessage());
    }
    Summary.lines(check.report()).forEach(System.out::println);
    check.firstWrong().forEach(System.out::println);
    System.out.flush();
    return Verdict.valueOf(check.report().verdict().toUpperCase(Locale.ROOT)).exitStatus();
  }
}
