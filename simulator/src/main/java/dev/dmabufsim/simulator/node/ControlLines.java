package dev.dmabufsim.simulator.node;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How commands look on a node's standard input, and reports on its standard output.
 *
 * <p>A command is a word; rules for the network follow theirs as a JSON list. A report is a mark,
 * then one JSON object on the line. Whatever has no mark is somebody's chatter and goes to the
 * node's log.
 */
public final class ControlLines {
  private static final String MARK = "@dmabuf-sim ";
  private static final String BEGIN = "BEGIN";
  private static final String END = "END";
  private static final String LEAVE = "LEAVE";
  private static final String CHECK = "CHECK";
  private static final String NETWORK = "NETWORK ";
  private static final JsonMapper MAPPER = mapper();

  private ControlLines() {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "is")
  private interface Kind {}

  private static JsonMapper mapper() {
    JsonMapper.Builder builder = JsonMapper.builder().addMixIn(NodeReport.class, Kind.class);
    for (Class<?> kind : NodeReport.class.getPermittedSubclasses()) {
      builder.registerSubtypes(new NamedType(kind, kind.getSimpleName()));
    }
    return builder.build();
  }

  /** A command's line, without the newline. */
  public static String write(NodeCommand command) {
    return switch (command) {
      case NodeCommand.Begin c -> BEGIN;
      case NodeCommand.End c -> END;
      case NodeCommand.Leave c -> LEAVE;
      case NodeCommand.Check c -> CHECK + " " + c.number();
      case NodeCommand.Network c -> NETWORK + json(c.rules());
    };
  }

  /** The command on a line, if there is one. */
  public static Optional<NodeCommand> command(String line) {
    String text = line.strip();
    if (text.startsWith(NETWORK)) {
      try {
        return Optional.of(
            new NodeCommand.Network(
                List.of(MAPPER.readValue(text.substring(NETWORK.length()), LinkRule[].class))));
      } catch (JsonProcessingException e) {
        return Optional.empty();
      }
    }
    String upper = text.toUpperCase(Locale.ROOT);
    if (upper.matches(CHECK + " \\d{1,9}")) {
      int number = Integer.parseInt(upper, CHECK.length() + 1, upper.length(), 10);
      return Optional.of(new NodeCommand.Check(number));
    }
    return switch (upper) {
      case BEGIN -> Optional.of(new NodeCommand.Begin());
      case END -> Optional.of(new NodeCommand.End());
      case LEAVE -> Optional.of(new NodeCommand.Leave());
      case CHECK -> Optional.of(new NodeCommand.Check(0));
      default -> Optional.empty();
    };
  }

  /** A report's line, without the newline. */
  public static String write(NodeReport report) {
    return MARK + json(report);
  }

  private static String json(Object data) {
    try {
      return MAPPER.writeValueAsString(data);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("not plain data: " + data, e);
    }
  }

  /** The report on a line, if there is one. */
  public static Optional<NodeReport> read(String line) {
    if (!line.startsWith(MARK)) {
      return Optional.empty();
    }
    try {
      return Optional.of(MAPPER.readValue(line.substring(MARK.length()), NodeReport.class));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }
}
