package dev.dmabufsim.benchmarks.stress;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Shows that the tests run. That they pass after so few samples says little: {@code bench
 * jcstress}.
 */
final class StressRunTest {
  @Test
  @Timeout(120)
  void theClaimsRunInForkedJvms(@TempDir Path directory) throws Exception {
    StressReport report =
        StressReport.of(new StressRun(StressMode.SANITY, StressReport.CLAIMS, directory).run());

    assertThat(report.tests()).hasSize(2);
    assertThat(report.holds()).as(report.text()).isTrue();
  }
}
