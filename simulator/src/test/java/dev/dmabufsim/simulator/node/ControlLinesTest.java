package dev.dmabufsim.simulator.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes over a node's standard input and output. */
class ControlLinesTest {
  @ParameterizedTest
  @MethodSource("commands")
  void aCommandIsOneLineAndReadsBackEqual(NodeCommand command) {
    String line = ControlLines.write(command);
    assertThat(line).doesNotContain("\n");
    assertThat(ControlLines.command(line)).contains(command);
  }

  static List<NodeCommand> commands() {
    return List.of(
        new NodeCommand.Begin(),
        new NodeCommand.End(),
        new NodeCommand.Leave(),
        new NodeCommand.Check(0),
        new NodeCommand.Check(17),
        new NodeCommand.Network(List.of()),
        new NodeCommand.Network(
            List.of(
                new LinkRule("a", "b", LinkRule.Kind.CUT, 1, 0, 0, 0),
                new LinkRule("b-1", "a", LinkRule.Kind.REORDER, 0.125, 5, Long.MAX_VALUE, 7))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "BEGIN IT", "NETWORK", "NETWORK {", "NETWORK [{\"kind\":\"X\"}]", "x"})
  void whatIsNoCommandIsNone(String line) {
    assertThat(ControlLines.command(line)).isEmpty();
  }

  @Test
  void aReportReadsBackEqual() {
    NodeReport report = new NodeReport.Recovered("importer-1", 3, List.of("0000:65:00.0"));
    assertThat(ControlLines.read(ControlLines.write(report))).contains(report);
  }
}
