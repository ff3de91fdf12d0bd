package dev.dmabufsim.benchmarks.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.RunnerException;

/** Shows that the benchmarks run. Times mean nothing here. */
final class GuardRunTest {
  @BeforeAll
  static void allowOtherBenchmarksMeanwhile() {
    System.setProperty("jmh.ignoreLock", "true");
  }

  @Test
  void everyVariantRunsAtEverySize() throws RunnerException {
    List<Variant> variants = List.of(Variant.values());

    List<Measurement> measured = new GuardRun(variants, GuardCommand.SIZES, 1, 0, 0, 1, 10).run();

    assertThat(measured).hasSize(variants.size() * GuardCommand.SIZES.size());
    assertThat(measured).allMatch(m -> m.aloneNanos() > 0 && m.withNanos() > 0);
    assertThat(new GuardReport(measured).table().lines()).hasSize(2 + measured.size());
  }

  @Test
  void aForkedJvmHasAllFlagsThatItNeeds() throws RunnerException {
    List<Measurement> measured =
        new GuardRun(List.of(Variant.GUARD), List.of(64), 1, 1, 1, 1, 50).run();

    assertThat(measured).singleElement().matches(m -> m.aloneNanos() > 0);
  }
}
