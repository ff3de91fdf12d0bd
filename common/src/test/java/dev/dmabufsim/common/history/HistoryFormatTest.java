package dev.dmabufsim.common.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class HistoryFormatTest {
  static Stream<Class<?>> events() {
    return Arrays.stream(HistoryEvent.class.getPermittedSubclasses());
  }

  @ParameterizedTest
  @MethodSource("events")
  void readsBackEveryKindOfEvent(Class<? extends HistoryEvent> kind) throws Exception {
    HistoryEvent event = new Samples().of(kind);
    HistoryLine line = HistoryLine.at(7, Long.MIN_VALUE, "node-ä", event);

    assertThat(HistoryFormat.read(text(line))).isEqualTo(line);
  }

  @ParameterizedTest
  @MethodSource("events")
  void writesEachEventOnOneLineThatNamesItsKind(Class<? extends HistoryEvent> kind)
      throws Exception {
    String text = text(HistoryLine.at(1, 2, "n", new Samples().of(kind)));

    assertThat(text).endsWith("\n").containsOnlyOnce("\n");
    assertThat(text).contains("\"is\":\"" + kind.getSimpleName() + "\"");
  }

  @ParameterizedTest
  @MethodSource("events")
  void refusesALineThatIsCutAnywhere(Class<? extends HistoryEvent> kind) throws Exception {
    String text = text(HistoryLine.at(1, 2, "n", new Samples().of(kind)));

    // The newline alone may be missing: then the event is whole.
    for (int length = 0; length < text.length() - 1; length++) {
      String cut = text.substring(0, length);
      assertThatIOException().as(cut).isThrownBy(() -> HistoryFormat.read(cut));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"n\":1,\"nanos\":2,\"node\":\"x\"}",
        "{\"n\":1,\"nanos\":2,\"node\":\"x\",\"event\":{\"is\":\"NoSuchEvent\"}}",
        "{\"n\":1,\"nanos\":2,\"node\":\"x\",\"event\":{\"is\":\"IommuStopped\"}}",
        "{\"n\":1,\"nanos\":2,\"node\":\"x\",\"event\":{\"is\":\"IommuStopped\",\"slots\":null}}",
        "{\"n\":1,\"node\":\"x\",\"event\":{\"is\":\"IommuStopped\",\"slots\":1}}",
        "[]",
        "garbage"
      })
  void refusesALineInWhichSomethingIsMissing(String text) {
    assertThatIOException().isThrownBy(() -> HistoryFormat.read(text));
  }

  @Test
  void tellsAnEmptyListFromAMissingOne() throws IOException {
    HistoryLine line = HistoryLine.at(1, 2, "n", new HistoryEvent.Fenced("d", 1, 2, List.of()));

    assertThat(HistoryFormat.read(text(line))).isEqualTo(line);
  }

  private static String text(HistoryLine line) {
    return new String(HistoryFormat.write(line), StandardCharsets.UTF_8);
  }
}
