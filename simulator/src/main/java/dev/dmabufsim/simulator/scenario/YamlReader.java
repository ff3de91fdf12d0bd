package dev.dmabufsim.simulator.scenario;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import dev.dmabufsim.simulator.scenario.YamlTree.Entry;
import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import dev.dmabufsim.simulator.scenario.YamlTree.Scalar;
import dev.dmabufsim.simulator.scenario.YamlTree.Sequence;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.error.MarkedYAMLException;

/**
 * Makes a {@link YamlTree} of a YAML text.
 *
 * <p>Only the plain part of YAML is read: one document of maps, lists and values. Anchors, aliases,
 * merge keys and tags are refused: they make a small file mean something large, or something else
 * than what a reader sees. (The parser does not tell of an anchor at a single value, and without an
 * alias it means nothing.)
 */
final class YamlReader implements AutoCloseable {
  private static final YAMLFactory FACTORY = new YAMLFactory();

  private final YAMLParser parser;
  private final IntFunction<Origin> origins;

  private YamlReader(YAMLParser parser, IntFunction<Origin> origins) {
    this.parser = parser;
    this.origins = origins;
  }

  /**
   * The tree of a text.
   *
   * @param origins the origin of what stands in a line
   */
  static YamlTree read(String text, IntFunction<Origin> origins) throws ScenarioException {
    try (YamlReader reader = new YamlReader(FACTORY.createParser(text), origins)) {
      return reader.document();
    } catch (IOException e) {
      throw new IllegalStateException("a text in memory could not be read", e);
    }
  }

  @Override
  public void close() throws IOException {
    parser.close();
  }

  private YamlTree document() throws ScenarioException, IOException {
    if (next() == null) {
      throw new ScenarioException(
          origins.apply(1), "nothing is written there", "at least 'nodes:' is needed");
    }
    YamlTree tree = value(1);
    if (next() != null) {
      throw new ScenarioException(
          here(), "a second document begins", "a scenario is one document: remove what follows");
    }
    return tree;
  }

  private YamlTree value(int depth) throws ScenarioException, IOException {
    refuseTricks();
    if (depth > Limits.NESTING_MAX) {
      throw new ScenarioException(
          here(),
          "maps and lists are nested too deep",
          "no part of a scenario is deeper than " + Limits.NESTING_MAX);
    }
    Origin at = here();
    JsonToken token = parser.currentToken();
    if (token == JsonToken.START_OBJECT) {
      return mapping(at, depth);
    }
    if (token == JsonToken.START_ARRAY) {
      List<YamlTree> items = new ArrayList<>();
      while (next() != JsonToken.END_ARRAY) {
        items.add(value(depth + 1));
      }
      return new Sequence(at, items);
    }
    return new Scalar(at, parser.getText());
  }

  private Mapping mapping(Origin at, int depth) throws ScenarioException, IOException {
    Map<String, Entry> entries = new LinkedHashMap<>();
    while (next() != JsonToken.END_OBJECT) {
      refuseTricks();
      String key = parser.getText();
      Origin keyAt = here();
      Entry earlier = entries.get(key);
      if (key.equals("<<")) {
        throw new ScenarioException(
            keyAt, "merge keys ('<<') are not supported", "write the keys out");
      }
      if (earlier != null) {
        throw new ScenarioException(
            keyAt,
            "duplicate key " + Quote.of(key) + ", first in " + earlier.at().within(),
            "keep one of them");
      }
      next();
      entries.put(key, new Entry(keyAt, value(depth + 1)));
    }
    return new Mapping(at, entries);
  }

  private void refuseTricks() throws ScenarioException, IOException {
    if (parser.isCurrentAlias()) {
      throw new ScenarioException(
          here(), "aliases ('*') are not supported", "write the value out again, or quote it");
    }
    if (parser.getObjectId() != null) {
      throw new ScenarioException(
          here(), "anchors ('&') are not supported", "remove it, or quote the value");
    }
    if (parser.getTypeId() != null) {
      throw new ScenarioException(
          here(), "tags ('!') are not supported", "remove it, or quote the value");
    }
  }

  private Origin here() {
    return origins.apply(Math.max(1, parser.currentTokenLocation().getLineNr()));
  }

  /** The next token, null at the end of the text. */
  private @Nullable JsonToken next() throws ScenarioException {
    try {
      return parser.nextToken();
    } catch (JsonProcessingException e) {
      throw notYaml(e);
    } catch (IOException | RuntimeException e) {
      // The parsers below are not ours: whatever they stumble over, it is the text that is wrong.
      throw new ScenarioException(here(), "not valid YAML", "check what stands there");
    }
  }

  private ScenarioException notYaml(JsonProcessingException e) {
    if (e.getCause() instanceof MarkedYAMLException marked) {
      int line = marked.getProblemMark() == null ? 1 : marked.getProblemMark().getLine() + 1;
      return new ScenarioException(
          origins.apply(line),
          "not valid YAML: " + Quote.shortened(String.valueOf(marked.getProblem()), 120),
          "check the indentation, brackets, colons and quotes up to there");
    }
    int line = e.getLocation() == null ? 1 : Math.max(1, e.getLocation().getLineNr());
    if (String.valueOf(e.getOriginalMessage()).startsWith("Expected a field name")) {
      return new ScenarioException(
          origins.apply(line),
          "a key that is not a single value",
          "a key is plain text: no list, no map, no alias");
    }
    return new ScenarioException(origins.apply(line), "not valid YAML", "check what stands there");
  }
}
