package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.dmabufsim.simulator.judge.Invariant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TraceFileTest {
  private static final EnumSet<Invariant> LATE = EnumSet.of(Invariant.NO_LATE_DMA);

  @TempDir private Path dir;

  private static Explorer.Found found() {
    WorldPlan plan = Plans.of("v2", List.of("rdma-odp", "gpu-dynamic"), List.of("all"));
    return Explorer.explore(plan, 1, new Explorer.Limits(2000, Long.MAX_VALUE, 1, LATE))
        .found()
        .orElseThrow();
  }

  private Path written() throws IOException {
    Explorer.Found found = found();
    Shrinker.Shrunk shrunk =
        Shrinker.shrink(found.plan(), found.actions(), found.violation().invariant());
    Path file = dir.resolve("trace.json");
    TraceFile.write(file, shrunk.plan(), shrunk.actions(), found.violation());
    return file;
  }

  @Test
  void whatIsReadTellsTheSameStory() throws IOException {
    Explorer.Found found = found();
    Shrinker.Shrunk shrunk =
        Shrinker.shrink(found.plan(), found.actions(), found.violation().invariant());
    TraceFile.Trace trace = TraceFile.read(written());
    assertThat(trace.actions()).isEqualTo(shrunk.actions());
    Story.Told told = Story.tell(trace.plan(), trace.actions(), LATE).orElseThrow();
    assertThat(told).isEqualTo(Story.tell(shrunk.plan(), shrunk.actions(), LATE).orElseThrow());
    assertThat(told.steps().stream().filter(s -> s.stripLeading().matches("[0-9]+\\. .*")))
        .as("numbered steps")
        .hasSameSizeAs(shrunk.actions())
        .last(STRING)
        .startsWith("%3d. ".formatted(shrunk.actions().size()));
    assertThat(told.diagram().getFirst()).isEqualTo("sequenceDiagram");
  }

  @Test
  void anotherFormatIsNamed() throws IOException {
    Path file = written();
    Files.writeString(file, Files.readString(file).replace("\"format\" : 1", "\"format\" : 2"));
    assertThatThrownBy(() -> TraceFile.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("format 2")
        .hasMessageContaining("explore again");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "[]",
        "{}",
        "{\"format\":1}",
        "{\"format\":1,\"world\":{},\"names\":[],\"actions\":[]}",
        "{\"format\":1,\"world\":null,\"names\":null,\"actions\":null,\"seed\":1}",
        "not json",
        "{\"format\":1,\"unheard-of\":3}"
      })
  void whatIsNoTraceIsRefusedInOneLine(String text) throws IOException {
    Path file = dir.resolve("nonsense.json");
    Files.writeString(file, text);
    assertThatThrownBy(() -> TraceFile.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nonsense.json")
        .extracting(Throwable::getMessage)
        .asString()
        .hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fly i1", "deliver x", "deliver x i9", "dma i1 a 1", "time 3", "crash x"})
  void anActionThatIsNoneDoesNotFitThisVersion(String action) throws IOException {
    Path file = written();
    String text = Files.readString(file);
    Files.writeString(
        file, text.replaceFirst("\"actions\" : \\[", "\"actions\" : [ \"" + action + "\","));
    assertThatThrownBy(() -> TraceFile.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not fit this version");
  }

  @Test
  void anActionThatIsNotPossibleTellsNothing() throws IOException {
    TraceFile.Trace trace = TraceFile.read(written());
    List<Action> impossible = new java.util.ArrayList<>(trace.actions());
    impossible.addFirst(Action.of(Action.Verb.HEAR, World.FIRST_IMPORTER));
    assertThat(Story.tell(trace.plan(), impossible, LATE)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(Action.Verb.class)
  void everyActionIsReadAsItIsWritten(Action.Verb verb) {
    List<String> nodes = List.of("x", "m", "i1", "i2");
    for (Action action :
        List.of(new Action(verb, 0, 1, 0), new Action(verb, 2, 3, 1), new Action(verb, 3, 0, 2))) {
      String text = action.text(nodes);
      Action read = Action.parse(text, nodes).orElseThrow();
      assertThat(read.text(nodes)).isEqualTo(text);
      assertThat(read.verb()).isEqualTo(verb);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "v9|vfio-pci|gpu-dynamic|none|there are: v2, v3",
        "v7|gpu|gpu-dynamic|none|vfio-pci",
        "v7|udmabuf|gpu-dynamic|none|never revokes",
        "v7|vfio-pci|gpu|none|gpu-dynamic",
        "v7|vfio-pci|gpu-dynamic:bad|none|honest",
        "v7|vfio-pci|gpu-dynamic|flood|kill"
      })
  void aWorldThatIsNoneSaysWhatWouldBeRight(
      String contract, String exporter, String importer, String fault, String right) {
    assertThatThrownBy(
            () -> Plans.of(contract, exporter, null, List.of(importer), List.of(fault), false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(right);
  }

  @Test
  void anEmptyWorldIsNone() {
    assertThatThrownBy(() -> Plans.of("v7", List.of(), List.of("none")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("empty");
  }
}
