package dev.dmabufsim.simulator.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class NearestTest {
  private static final List<String> LEGAL = List.of("rounds", "every", "hold", "limit");

  @Test
  void aSlipOfTheFingersIsGuessed() {
    assertThat(Nearest.of("round", LEGAL)).contains("rounds");
    assertThat(Nearest.of("Limit", LEGAL)).contains("limit");
    assertThat(Nearest.of("evrey", LEGAL)).contains("every");
    assertThat(Nearest.of("hld", LEGAL)).contains("hold");
  }

  @Test
  void theBeginningOfAWordIsGuessed() {
    assertThat(Nearest.of("li", LEGAL)).contains("limit");
  }

  @Test
  void anotherWordAltogetherIsNotGuessed() {
    assertThat(Nearest.of("parsecs", LEGAL)).isEmpty();
    assertThat(Nearest.of("", LEGAL)).isEmpty();
    assertThat(Nearest.of("x".repeat(1_000_000), LEGAL)).isEmpty();
  }

  @Test
  void editsAreInsertionsDeletionsSubstitutionsAndSwaps() {
    assertThat(Nearest.edits("kitten", "sitting")).isEqualTo(3);
    assertThat(Nearest.edits("", "abc")).isEqualTo(3);
    assertThat(Nearest.edits("abc", "abc")).isZero();
    assertThat(Nearest.edits("evrey", "every")).isEqualTo(1);
  }

  @Test
  void aLongListIsCutShort() {
    assertThat(Nearest.listed(Collections.nCopies(21, "a"))).endsWith("a, a, … (21 in all)");
    assertThat(Nearest.listed(Collections.nCopies(20, "a"))).endsWith("a, a");
  }
}
