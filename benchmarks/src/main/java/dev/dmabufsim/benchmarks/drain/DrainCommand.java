package dev.dmabufsim.benchmarks.drain;

import dev.dmabufsim.benchmarks.Main;
import dev.dmabufsim.benchmarks.Results;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bench drain}. */
@Command(
    name = "drain",
    description = "How long it takes to block and drain 4,000 slots that are in use.",
    mixinStandardHelpOptions = true)
public final class DrainCommand implements Callable<Integer> {
  private static final int SLOTS = 4000;
  private static final int WARMUPS = 200;
  private static final List<Load> LOADS =
      List.of(new Load(0, 0), new Load(1, 4 << 10), new Load(2, 4 << 10), new Load(2, 1 << 20));

  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--repetitions", description = "Revokes for each load (default: 1000).")
  private int repetitions = 1000;

  @Override
  public Integer call() throws Exception {
    if (repetitions < 1 && spec != null) {
      throw new ParameterException(spec.commandLine(), "--repetitions must be at least 1");
    }
    List<Revokes> all = new ArrayList<>();
    for (Load load : LOADS) {
      Results.progress("drain: " + load.title());
      all.add(new DrainRun(SLOTS, load, WARMUPS, repetitions).run());
    }
    DrainReport report = new DrainReport(SLOTS, repetitions, all);
    Results.publish("drain", "To block and drain", report.text());
    return Main.EXIT_OK;
  }
}
