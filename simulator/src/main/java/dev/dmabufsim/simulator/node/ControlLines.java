package dev.dmabufsim.simulator.node;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import dev.dmabufsim.common.control.NodeReport;
import java.util.Optional;

/**
 * How reports look on a node's standard output: a mark, then one JSON object on the line. Whatever
 * has no mark is somebody's chatter and goes to the node's log.
 */
public final class ControlLines {
  private static final String MARK = "@dmabuf-sim ";
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

  /** A report's line, without the newline. */
  public static String write(NodeReport report) {
    try {
      return MARK + MAPPER.writeValueAsString(report);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a report that is not plain data: " + report, e);
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
