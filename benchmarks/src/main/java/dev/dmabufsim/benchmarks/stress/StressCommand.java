package dev.dmabufsim.benchmarks.stress;

import dev.dmabufsim.benchmarks.Main;
import dev.dmabufsim.benchmarks.Results;
import java.util.Collection;
import java.util.concurrent.Callable;
import org.openjdk.jcstress.infra.collectors.TestResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code bench jcstress}. */
@Command(
    name = "jcstress",
    description = "Stress-tests the guard's memory order, and the tests themselves.",
    mixinStandardHelpOptions = true)
public final class StressCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "MODE",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private StressMode mode = StressMode.QUICK;

  @Override
  public Integer call() throws Exception {
    Collection<TestResult> results =
        new StressRun(mode, StressReport.ALL, Results.directory().resolve("jcstress")).run();
    StressReport report = StressReport.of(results);
    Results.publish("jcstress", "The guard's memory order", report.text());
    return report.holds() ? Main.EXIT_OK : Main.EXIT_MISSED;
  }
}
