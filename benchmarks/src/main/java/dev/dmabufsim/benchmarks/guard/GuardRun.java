package dev.dmabufsim.benchmarks.guard;

import dev.dmabufsim.benchmarks.Results;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * All variants at all sizes, as often as there are rounds; each round starts one JVM for each of
 * them, so that a noisy minute does not hit all repetitions of one.
 *
 * @param variants what to measure
 * @param sizes of one write, bytes, powers of two
 * @param rounds how often
 * @param forks JVMs in each round, 1; 0 runs within this JVM, for tests
 * @param warmups iterations thrown away
 * @param iterations iterations measured
 * @param iterationMillis length of one
 */
record GuardRun(
    List<Variant> variants,
    List<Integer> sizes,
    int rounds,
    int forks,
    int warmups,
    int iterations,
    long iterationMillis) {

  /** Everything that is set in the measured JVMs: nothing is inherited. */
  private static final String[] JVM_ARGS = {
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-XX:+UseSerialGC",
    "-Xms128m",
    "-Xmx128m"
  };

  List<Measurement> run() throws RunnerException {
    List<Measurement.Builder> builders = new ArrayList<>();
    for (int size : sizes) {
      for (Variant variant : variants) {
        builders.add(new Measurement.Builder(variant, size));
      }
    }
    for (int round = 1; round <= rounds; round++) {
      for (Measurement.Builder builder : builders) {
        for (RunResult result : new Runner(options(builder)).run()) {
          result.getBenchmarkResults().stream()
              .flatMap(fork -> fork.getIterationResults().stream())
              .forEach(iteration ->
                  builder.add(
                      score(iteration, PairedTimes.ALONE), score(iteration, PairedTimes.ADDED)));
        }
        Results.progress("guard: round " + round + " of " + rounds + ": " + builder);
      }
    }
    return builders.stream().map(Measurement.Builder::build).toList();
  }

  private static double score(IterationResult iteration, String counter) {
    Result<?> result = iteration.getSecondaryResults().get(counter);
    if (result == null) {
      throw new IllegalStateException("JMH gave no " + counter);
    }
    return result.getScore();
  }

  private Options options(Measurement.Builder builder) {
    return new OptionsBuilder()
        .include("^" + PairedCopy.class.getName().replace(".", "\\.") + "\\.round$")
        .param("variant", builder.variant().name())
        .param("bytes", String.valueOf(builder.bytes()))
        .forks(forks)
        .jvmArgs(JVM_ARGS)
        .threads(1)
        .warmupIterations(warmups)
        .warmupTime(time())
        .measurementIterations(iterations)
        .measurementTime(time())
        .shouldFailOnError(true)
        .verbosity(VerboseMode.SILENT)
        .build();
  }

  private TimeValue time() {
    return new TimeValue(iterationMillis, TimeUnit.MILLISECONDS);
  }
}
