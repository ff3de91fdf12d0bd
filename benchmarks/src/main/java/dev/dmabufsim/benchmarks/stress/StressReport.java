package dev.dmabufsim.benchmarks.stress;

import dev.dmabufsim.benchmarks.MarkdownTable;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.infra.Status;
import org.openjdk.jcstress.infra.collectors.TestResult;
import org.openjdk.jcstress.infra.grading.GradingResult;
import org.openjdk.jcstress.infra.grading.ReportUtils;

/** What JCStress saw, one entry for each test. */
record StressReport(List<TestResult> tests) {
  private static final String PACKAGE = StressReport.class.getPackageName() + ".";
  private static final String CONTROL = "Control";

  /** Selects the tests of this package. */
  static final String ALL = PACKAGE.replace(".", "\\.");

  /** Those which must never see a forbidden outcome. */
  static final String CLAIMS = ALL + "\\w+\\.(?!" + CONTROL + ")";

  static StressReport of(Collection<TestResult> results) {
    return new StressReport(
        ReportUtils.mergedByName(results).stream()
            .sorted(Comparator.comparing(StressReport::control).thenComparing(TestResult::getName))
            .toList());
  }

  /** Whether every test ran and none saw what it forbids. */
  boolean holds() {
    return !tests.isEmpty() && tests.stream().allMatch(StressReport::passed);
  }

  String text() {
    MarkdownTable table = new MarkdownTable(3, "test", "outcome", "", "seen");
    StringBuilder verdicts = new StringBuilder();
    for (TestResult test : tests) {
      for (GradingResult outcome : test.grading().gradingResults.values()) {
        table.row(
            name(test),
            outcome.expect + ": " + outcome.id,
            outcome.description,
            String.format(Locale.ROOT, "%,d", outcome.count));
      }
      verdicts.append("- ").append(verdict(test)).append('\n');
    }
    return verdicts + "\n" + table;
  }

  private static String verdict(TestResult test) {
    long samples = test.getTotalCount();
    if (test.status() != Status.NORMAL) {
      return String.format("✗ %s did not run properly: %s.", name(test), test.status());
    }
    if (!control(test)) {
      return String.format(
          Locale.ROOT,
          "%s %s: %,d forbidden outcomes in %,d samples.",
          passed(test) ? "✓" : "✗",
          name(test),
          count(test, Expect.FORBIDDEN),
          samples);
    }
    long bad = count(test, Expect.ACCEPTABLE_INTERESTING);
    return String.format(
        Locale.ROOT,
        bad > 0
            ? "✓ %s: the bad outcome %,d times in %,d samples, as it should be."
            : "✗ %s: the bad outcome %,d times in %,d samples; so this run could not find any.",
        name(test),
        bad,
        samples);
  }

  private static long count(TestResult test, Expect expect) {
    return test.grading().gradingResults.values().stream()
        .filter(outcome -> outcome.expect == expect)
        .mapToLong(outcome -> outcome.count)
        .sum();
  }

  private static boolean passed(TestResult test) {
    return test.status() == Status.NORMAL && test.grading().isPassed;
  }

  private static boolean control(TestResult test) {
    return name(test).contains(CONTROL);
  }

  private static String name(TestResult test) {
    return test.getName().substring(PACKAGE.length());
  }
}
