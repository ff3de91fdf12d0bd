package dev.dmabufsim.simulator.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.function.Executable;

/**
 * The requirements of one subject: a table in {@code docs/conformance.md}.
 *
 * @param title the table's
 * @param about a line or two below it
 */
record Section(String title, String about, List<Requirement> requirements) {
  Section {
    requirements = List.copyOf(requirements);
  }

  /** Those that are tried. */
  Stream<Requirement.Case> cases() {
    return requirements.stream()
        .filter(Requirement.Case.class::isInstance)
        .map(Requirement.Case.class::cast);
  }

  /** Gathers requirements, in the order of the table. */
  static final class Builder {
    private final String prefix;
    private final List<Requirement> all = new ArrayList<>();
    private String source = "";

    /** A section whose ids begin with that and a point. */
    Builder(String prefix) {
      this.prefix = prefix + ".";
    }

    /** Where the following requirements are documented. */
    Builder from(String where) {
      source = where;
      return this;
    }

    /** A requirement, and what fails if it is not kept. */
    Builder requires(String id, String text, Executable check) {
      all.add(new Requirement.Case(prefix + id, text, source, check));
      return this;
    }

    /** A requirement to which nothing holds the program, and why. */
    Builder notModelled(String id, String text, String reason) {
      all.add(new Requirement.NotModelled(prefix + id, text, source, reason));
      return this;
    }

    Section build(String title, String about) {
      return new Section(title, about, all);
    }
  }
}
