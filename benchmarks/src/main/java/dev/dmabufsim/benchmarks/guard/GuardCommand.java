package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.Main;
import dev.dmabufsim.benchmarks.Results;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bench guard}. */
@Command(
    name = "guard",
    description = "What the guard costs a DMA write, against no guard and against locks.",
    mixinStandardHelpOptions = true)
public final class GuardCommand implements Callable<Integer> {
  static final List<Integer> SIZES = List.of(64, 512, 4 << 10, 64 << 10, 1 << 20);
  private static final int WARMUPS = 3;
  private static final int ITERATIONS = 5;
  private static final long ITERATION_MILLIS = 250;

  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--rounds", description = "JVMs for each line of the table (default: 3).")
  private int rounds = 3;

  @Override
  public Integer call() throws Exception {
    if (rounds < 1 && spec != null) {
      throw new ParameterException(spec.commandLine(), "--rounds must be at least 1");
    }
    List<Variant> variants = List.of(Variant.values());
    GuardRun run = new GuardRun(variants, SIZES, rounds, 1, WARMUPS, ITERATIONS, ITERATION_MILLIS);
    GuardReport report = new GuardReport(run.run());
    Results.publish("guard", "A DMA write through the guard", report.table());
    return report.met() ? Main.EXIT_OK : Main.EXIT_MISSED;
  }
}
