package dev.dmabufsim.benchmarks.explore;

import dev.dmabufsim.benchmarks.Main;
import dev.dmabufsim.benchmarks.MarkdownTable;
import dev.dmabufsim.benchmarks.Results;
import dev.dmabufsim.simulator.explore.Explorer;
import dev.dmabufsim.simulator.explore.WorldPlan;
import dev.dmabufsim.simulator.explore.Worlds;
import dev.dmabufsim.simulator.judge.Invariant;
import java.lang.management.ManagementFactory;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bench explore}. */
@Command(
    name = "explore",
    description =
        "Protocol steps a second of the explorer on one core, beside an empty event loop.",
    mixinStandardHelpOptions = true)
public final class ExploreBenchCommand implements Callable<Integer> {
  private static final long WANTED = 200_000;
  private static final double WARM_UP_SECONDS = 10;
  private static final double MOST_MINUTES = 1000;
  private static final int ROUNDS = 5;

  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--minutes", description = "For how long (default: 1).")
  private double minutes = 1;

  @Override
  public Integer call() throws Exception {
    if (!(minutes > 0 && minutes <= MOST_MINUTES) && spec != null) {
      throw new ParameterException(spec.commandLine(), "--minutes must be more than 0, up to 1000");
    }
    WorldPlan plan =
        Worlds.of(
            new Worlds.Words(
                "enforced",
                "vfio-pci",
                null,
                List.of("gpu-dynamic", "rdma-odp"),
                1500,
                List.of("all"),
                2,
                2,
                false,
                true));
    Results.progress("explore: warming up");
    explore(plan, 1, WARM_UP_SECONDS);
    EmptyLoop loop = new EmptyLoop();
    loop.run(20_000_000, 200, 1);
    MarkdownTable table =
        new MarkdownTable(
            1,
            "part",
            "schedules",
            "steps a second",
            "empty loop, steps a second",
            "ratio",
            "heap after GC, MiB");
    long slowest = Long.MAX_VALUE;
    for (int i = 1; i <= ROUNDS; i++) {
      Results.progress("explore: part " + i + " of " + ROUNDS);
      Explorer.Result result = explore(plan, 1 + i, minutes * 60 / ROUNDS);
      long rate = (long) (result.steps() / result.seconds());
      int length = (int) Math.max(1, result.steps() / Math.max(1, result.schedules()));
      long since = System.nanoTime();
      long done = loop.run(result.steps(), length, i);
      double empty = done / ((System.nanoTime() - since) / 1e9);
      slowest = Math.min(slowest, rate);
      table.row(
          String.valueOf(i),
          String.valueOf(result.schedules()),
          String.valueOf(rate),
          String.valueOf((long) empty),
          String.format(Locale.ROOT, "%.1f", empty / rate),
          String.valueOf(heapMiB()));
    }
    String verdict =
        "One thread; %d steps a second are wanted, the slowest part had %d. (%d events handled.)%n"
            .formatted(WANTED, slowest, loop.handled() & 1);
    Results.publish("explore", "Protocol steps a second", table + "\n" + verdict);
    return slowest >= WANTED ? Main.EXIT_OK : Main.EXIT_MISSED;
  }

  private static Explorer.Result explore(WorldPlan plan, long seed, double seconds) {
    Explorer.Result result =
        Explorer.explore(
            plan,
            seed,
            new Explorer.Limits(
                Long.MAX_VALUE, (long) (seconds * 1e9), 1, EnumSet.allOf(Invariant.class)));
    result
        .found()
        .ifPresent(f -> {
          throw new IllegalStateException("seed " + seed + " breaks " + f.violation());
        });
    return result;
  }

  private static long heapMiB() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() >> 20;
  }
}
