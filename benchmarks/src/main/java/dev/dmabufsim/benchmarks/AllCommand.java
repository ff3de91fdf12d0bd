package dev.dmabufsim.benchmarks;

import dev.dmabufsim.benchmarks.drain.DrainCommand;
import dev.dmabufsim.benchmarks.explore.ExploreBenchCommand;
import dev.dmabufsim.benchmarks.guard.GuardCommand;
import dev.dmabufsim.benchmarks.stress.StressCommand;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;

/** Everything, one after another: two at a time would measure each other. */
@Command(
    name = "all",
    description = "Runs guard, drain, explore and jcstress, each with its defaults.",
    mixinStandardHelpOptions = true)
final class AllCommand implements Callable<Integer> {
  @Override
  public Integer call() throws Exception {
    int guard = new GuardCommand().call();
    int drain = new DrainCommand().call();
    int explore = new ExploreBenchCommand().call();
    int stress = new StressCommand().call();
    return IntStream.of(guard, drain, explore, stress).max().orElse(Main.EXIT_OK);
  }
}
