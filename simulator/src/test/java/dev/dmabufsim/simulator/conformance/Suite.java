package dev.dmabufsim.simulator.conformance;

import java.util.List;

/** All requirements, in the order of {@code docs/conformance.md}. */
final class Suite {
  private static final List<Section> SECTIONS =
      List.of(
          OperationCases.section(),
          PhaseCases.section(),
          SequenceCases.section(),
          ImporterCases.section(),
          ExporterCases.section(),
          SelftestCases.section(),
          FieldFailureCases.section());

  private Suite() {}

  static List<Section> sections() {
    return SECTIONS;
  }

  /** Those that are tried. */
  static List<Requirement.Case> cases() {
    return SECTIONS.stream().flatMap(Section::cases).toList();
  }

  /** Those that are not. */
  static List<Requirement.NotModelled> notModelled() {
    return SECTIONS.stream()
        .flatMap(s -> s.requirements().stream())
        .filter(Requirement.NotModelled.class::isInstance)
        .map(Requirement.NotModelled.class::cast)
        .toList();
  }
}
