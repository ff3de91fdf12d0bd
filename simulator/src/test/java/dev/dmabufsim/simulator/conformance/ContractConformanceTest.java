package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The program keeps the dma-buf contract, requirement by requirement. When all have been tried,
 * {@code target/conformance.md} says what came of each; with {@code
 * -Ddmabufsim.conformance.write=true}, and if all pass, {@code docs/conformance.md} does.
 */
final class ContractConformanceTest {
  private static final Map<String, String> RESULTS = new ConcurrentHashMap<>();

  static List<Requirement.Case> cases() {
    return Suite.cases();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void theProgramConforms(Requirement.Case requirement) throws Throwable {
    RESULTS.put(requirement.id(), ConformancePage.FAIL);
    requirement.check().execute();
    RESULTS.put(requirement.id(), ConformancePage.PASS);
  }

  @AfterAll
  static void writePage() throws IOException {
    String page = ConformancePage.of(RESULTS);
    Path simulator = Repository.root().resolve("simulator");
    Files.createDirectories(simulator.resolve("target"));
    Files.writeString(simulator.resolve("target/conformance.md"), page);
    if (Boolean.getBoolean(ConformancePage.WRITE)) {
      assertThat(page).as("the page if everything passes").isEqualTo(ConformancePage.ofPasses());
      Files.writeString(Repository.page(), page);
    }
  }
}
