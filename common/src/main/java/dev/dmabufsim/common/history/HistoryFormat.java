package dev.dmabufsim.common.history;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import java.util.Objects;

/** How a history line looks on disk: one JSON object, its event's kind under {@code is}. */
public final class HistoryFormat {
  private static final JsonMapper MAPPER = mapper();

  private HistoryFormat() {}

  private static JsonMapper mapper() {
    JsonMapper.Builder builder =
        JsonMapper.builder()
            .addMixIn(HistoryEvent.class, Kind.class)
            .enable(
                DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES,
                DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
                DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);
    for (Class<?> kind : HistoryEvent.class.getPermittedSubclasses()) {
      builder.registerSubtypes(new NamedType(kind, kind.getSimpleName()));
    }
    return builder.build();
  }

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "is")
  private interface Kind {}

  /**
   * Makes what writes each kind of event, so that no first one of its kind has to wait for that.
   */
  static void prefetch() {
    for (Class<?> kind : HistoryEvent.class.getPermittedSubclasses()) {
      MAPPER.writerFor(kind);
    }
  }

  /** A line's bytes, with the newline. */
  public static byte[] write(HistoryLine line) {
    try {
      byte[] json = MAPPER.writeValueAsBytes(line);
      byte[] text = java.util.Arrays.copyOf(json, json.length + 1);
      text[json.length] = '\n';
      return text;
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a history event that is not plain data: " + line, e);
    }
  }

  /**
   * Reads a line.
   *
   * @throws java.io.IOException if it is not one, as when a kill cut it short
   */
  public static HistoryLine read(String text) throws java.io.IOException {
    HistoryLine line = MAPPER.readValue(text, HistoryLine.class);
    if (Objects.isNull(line)) {
      // Which is what Jackson makes of the word null.
      throw new java.io.IOException("no history line: " + text);
    }
    return line;
  }
}
