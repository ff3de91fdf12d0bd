package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.simulator.conformance.FieldFailure.Catcher;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** {@code docs/conformance.md}, made of the suite. Nothing in it depends on when or where. */
final class ConformancePage {
  static final String PASS = "pass";
  static final String FAIL = "FAIL";
  static final String NOT_RUN = "not run";

  /** With this property set the suite writes the page into the repository. */
  static final String WRITE = "dmabufsim.conformance.write";

  /** How to do so. */
  static final String RENEW =
      "mvn -pl simulator -am test -Dtest='ContractConformanceTest'"
          + " -Dsurefire.failIfNoSpecifiedTests=false -D"
          + WRITE
          + "=true";

  private ConformancePage() {}

  /** The page if everything passes. */
  static String ofPasses() {
    return of(Suite.cases().stream().collect(Collectors.toMap(Requirement.Case::id, c -> PASS)));
  }

  /**
   * The page.
   *
   * @param results by case
   */
  static String of(Map<String, String> results) {
    StringBuilder page = new StringBuilder();
    head(page, results);
    for (Section section : Suite.sections()) {
      section(page, section, results);
    }
    failures(page, results);
    notApplicable(page);
    return page.toString();
  }

  private static void head(StringBuilder page, Map<String, String> results) {
    List<Requirement.Case> cases = Suite.cases();
    long passed = cases.stream().filter(c -> result(results, c.id()).equals(PASS)).count();
    page.append("# Conformance to the dma-buf contract\n\n")
        .append("Made by `ContractConformanceTest`; do not edit. To make it anew:\n\n    ")
        .append(RENEW)
        .append("\n\n")
        .append("Each line is a case that drives the program's own cores, and fails if the")
        .append(" requirement is not kept. *Source* says where the kernel\n")
        .append("documents it, or does it. Operations and phases are those of")
        .append(" [contract.md](contract.md).\n\n")
        .append(
            "%d cases, %d pass; %d requirements are not modelled, each with the reason.\n"
                .formatted(cases.size(), passed, Suite.notModelled().size()));
  }

  private static void section(StringBuilder page, Section section, Map<String, String> results) {
    page.append("\n## ").append(section.title()).append("\n\n");
    page.append(section.about()).append("\n\n");
    page.append("| case | requirement | source | result |\n| --- | --- | --- | --- |\n");
    for (Requirement r : section.requirements()) {
      String result =
          switch (r) {
            case Requirement.Case c -> result(results, c.id());
            case Requirement.NotModelled n -> "not modelled: " + n.reason();
          };
      page.append(
          "| `%s` | %s | %s | %s |\n"
              .formatted(r.id(), cell(r.text()), cell(r.source()), cell(result)));
    }
  }

  private static String result(Map<String, String> results, String id) {
    return results.getOrDefault(id, NOT_RUN);
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }

  private static void failures(StringBuilder page, Map<String, String> results) {
    page.append("\n## What catches each failure seen in the field\n\n")
        .append(
            "Cases of this page; tests; scenarios, with the setting under which they fail; cells")
        .append(" of the matrix (`./dmabuf-sim matrix`).\n\n")
        .append("| | failure | caught by |\n| --- | --- | --- |\n");
    for (FieldFailure failure : FieldFailure.all()) {
      String by =
          failure.catchers().isEmpty()
              ? "not modelled, see above"
              : failure.catchers().stream()
                  .map(c -> catcher(c, results))
                  .collect(Collectors.joining("; "));
      page.append("| %d | %s | %s |\n".formatted(failure.number(), cell(failure.what()), by));
    }
  }

  private static String catcher(Catcher catcher, Map<String, String> results) {
    return switch (catcher) {
      case Catcher.OfCase c ->
          result(results, c.id()).equals(PASS)
              ? "`%s`".formatted(c.id())
              : "`%s` (%s)".formatted(c.id(), result(results, c.id()));
      case Catcher.OfTest t -> "`%s.%s`".formatted(t.className(), t.method());
      case Catcher.OfScenario s -> "scenario `%s --set %s`".formatted(s.name(), s.settings());
      case Catcher.OfCell m ->
          "cell `%s` × `%s` × `%s`".formatted(m.contract(), m.importer(), m.treatment());
    };
  }

  private static void notApplicable(StringBuilder page) {
    page.append("\n## What does not apply\n\n")
        .append("Of the kernel's suites, and of the contract, this is not modelled:\n\n");
    for (Requirement.NotModelled n : Suite.notModelled()) {
      page.append("- `%s` (%s): %s.\n".formatted(n.id(), n.source(), n.reason()));
    }
  }
}
