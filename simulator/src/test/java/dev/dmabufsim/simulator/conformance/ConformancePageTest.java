package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.simulator.conformance.FieldFailure.Catcher;
import dev.dmabufsim.simulator.scenario.BundledScenarios;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code docs/conformance.md} is what the suite makes, and what it names is there. */
final class ConformancePageTest {
  private static <T extends Catcher> List<T> catchers(Class<T> sort) {
    return FieldFailure.all().stream().flatMap(f -> f.catchers(sort)).toList();
  }

  @Test
  void thePageInTheRepositoryIsWhatTheSuiteMakes() throws IOException {
    assumeFalse(Boolean.getBoolean(ConformancePage.WRITE), "it is being made anew");
    assertThat(Files.readString(Repository.page()))
        .as("docs/conformance.md; make it anew with\n    " + ConformancePage.RENEW)
        .isEqualTo(ConformancePage.ofPasses());
  }

  @Test
  void noTwoRequirementsShareAnId() {
    assertThat(Suite.sections().stream().flatMap(s -> s.requirements().stream()))
        .extracting(Requirement::id)
        .doesNotHaveDuplicates()
        .allMatch(id -> id.matches("[a-z]+(\\.[a-z0-9-]+)+"), "lower case, parts with points");
  }

  @Test
  void everyRequirementIsASentenceWithASource() {
    assertThat(Suite.sections().stream().flatMap(s -> s.requirements().stream()))
        .allSatisfy(r -> {
          assertThat(r.text()).matches("(?s)\\S.*\\.");
          assertThat(r.source()).isNotBlank();
        });
  }

  @Test
  void allTwentyFailuresAreInTheTable() {
    assertThat(FieldFailure.all())
        .extracting(FieldFailure::number)
        .containsExactlyElementsOf(IntStream.rangeClosed(1, 20).boxed().toList());
  }

  @Test
  void aFailureThatNothingCatchesIsListedAsNotModelled() {
    assertThat(FieldFailure.all().stream().filter(f -> f.catchers().isEmpty()))
        .allSatisfy(f ->
            assertThat(Suite.notModelled())
                .anyMatch(n -> n.id().startsWith("field." + f.number() + ".")));
  }

  @Test
  void theCasesThatTheTableNamesAreThere() {
    assertThat(Suite.cases())
        .extracting(Requirement.Case::id)
        .containsAll(catchers(Catcher.OfCase.class).stream().map(Catcher.OfCase::id).toList());
  }

  @Test
  void theTestsThatTheTableNamesAreThere() {
    assertThat(catchers(Catcher.OfTest.class))
        .isNotEmpty()
        .allSatisfy(t ->
            assertThat(Files.readString(Repository.root().resolve(t.path())))
                .contains("void " + t.method() + "("));
  }

  @Test
  void theScenariosThatTheTableNamesAreThere() throws IOException {
    for (Catcher.OfScenario scenario : catchers(Catcher.OfScenario.class)) {
      assertThat(BundledScenarios.names()).contains(scenario.name());
    }
  }

  @Test
  void theCellsThatTheTableNamesCouldBeInAMatrix() {
    List<String> treatments =
        Stream.concat(Stream.of(Behaviour.values()).map(Behaviour::label), Stream.of("killed"))
            .toList();
    assertThat(catchers(Catcher.OfCell.class))
        .isNotEmpty()
        .allSatisfy(c -> {
          assertThat(Contract.labelled(c.contract())).isPresent();
          assertThat(Drivers.kinds()).contains(c.importer());
          assertThat(treatments).contains(c.treatment());
        });
  }
}
