package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.YamlTree.Entry;
import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One map of a scenario on its way into a record.
 *
 * @param map what was written
 * @param at where the key that it belongs to was written
 * @param path from the root; empty for the root
 */
record Section(Mapping map, Origin at, String path) {
  /** Stands for a section that was left out. */
  static Section absent(Origin at, String path) {
    return new Section(new Mapping(at, Map.of()), at, path);
  }

  void refuseUnknown(List<String> legal) throws ScenarioException {
    for (var entry : map.entries().entrySet()) {
      if (!legal.contains(entry.getKey())) {
        String within = path.isEmpty() ? "" : " in " + path;
        throw new ScenarioException(
            entry.getValue().at(),
            "unknown key " + Quote.of(entry.getKey()) + within,
            Nearest.advice(entry.getKey(), legal));
      }
    }
  }

  /** The value of a key, null if the key is not there. */
  @Nullable Field find(String key) {
    Entry entry = map.entries().get(key);
    return entry == null ? null : new Field(entry.at(), pathOf(key), entry.value());
  }

  /** The value of a key that must be there. */
  Field need(String key, String example) throws ScenarioException {
    Field field = find(key);
    if (field == null) {
      String within = path.isEmpty() ? "" : " in " + path;
      throw new ScenarioException(
          at, "missing key " + Quote.of(key) + within, "such as '" + key + ": " + example + "'");
    }
    return field;
  }

  /** Every value by its key, in the order of the file. */
  Map<String, Field> all() {
    Map<String, Field> fields = new LinkedHashMap<>();
    map.entries().forEach((k, e) -> fields.put(k, new Field(e.at(), pathOf(k), e.value())));
    return fields;
  }

  boolean has(String key) {
    return map.entries().containsKey(key);
  }

  /** The section under a key, or an empty one. */
  Section section(String key, List<String> legal) throws ScenarioException {
    Field field = find(key);
    return field == null ? absent(at, pathOf(key)) : field.section(legal);
  }

  /** The items under a key, or none. */
  List<Field> items(String key) throws ScenarioException {
    Field field = find(key);
    return field == null ? List.of() : field.items();
  }

  int count(String key, Range range, int fallback) throws ScenarioException {
    Field field = find(key);
    return field == null ? fallback : field.count(range);
  }

  Duration duration(String key, Range rangeMicros, Duration fallback) throws ScenarioException {
    Field field = find(key);
    return field == null ? fallback : field.duration(rangeMicros);
  }

  double percent(String key, boolean zeroToo, double fallback) throws ScenarioException {
    Field field = find(key);
    return field == null ? fallback : field.percent(zeroToo);
  }

  String textOrEmpty(String key) throws ScenarioException {
    Field field = find(key);
    return field == null ? "" : field.textOrEmpty();
  }

  /** Where the value of a key was written, or else the section. */
  Origin atOf(String key) {
    Entry entry = map.entries().get(key);
    return entry == null ? at : entry.value().at();
  }

  String pathOf(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }
}
