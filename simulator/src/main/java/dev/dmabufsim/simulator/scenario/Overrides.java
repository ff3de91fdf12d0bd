package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.YamlTree.Entry;
import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import dev.dmabufsim.simulator.scenario.YamlTree.Scalar;
import dev.dmabufsim.simulator.scenario.YamlTree.Sequence;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Applies {@code --set PATH=VALUE} to a tree, before it is bound, so that an override meets the
 * same checks as the file.
 *
 * <p>A path is keys separated by dots, with {@code [n]} for the n-th item of a list, from 0, and
 * {@code [+]} for one behind the last. Keys may have dots themselves ({@code
 * nodes.exporter-1.devices.0000:17:00.0.size}): at each map the longest key that is there and fits
 * is taken. The last key of a path may be new, all before it must be there; only the options that
 * every scenario has, stated or not ({@code revokes.rounds}), are made on the way. A value is YAML:
 * {@code [a, b]} is a list.
 */
final class Overrides {
  private static final Pattern INDEX = Pattern.compile("\\[([0-9]{1,6}|\\+)\\](.*)");
  private static final Pattern HEAD = Pattern.compile("([^.\\[]*)(.*)");

  /** Maps that every scenario has, with their defaults if it does not state them. */
  private static final List<String> MAPS = List.of("bound", "revokes", "dma", "cluster");

  /** Lists that every scenario has, empty if it does not state them. */
  private static final List<String> LISTS = List.of("faults", "thresholds", "refusals");

  private final Origin at;
  private final YamlTree value;

  private Overrides(Origin at, YamlTree value) {
    this.at = at;
    this.value = value;
  }

  /** The tree with that override: {@code PATH=VALUE}. */
  static Mapping apply(Mapping tree, String argument) throws ScenarioException {
    Origin at = Origin.set(argument);
    int equals = argument.indexOf('=');
    if (equals <= 0) {
      throw new ScenarioException(
          at, "no 'key=value'", "write a path and a value, such as revokes.rounds=5");
    }
    String text = argument.substring(equals + 1);
    if (text.isBlank()) {
      throw new ScenarioException(at, "no value behind '='", "write one");
    }
    PlainText.check(text, line -> at);
    YamlTree value = YamlReader.read(text, line -> at);
    return new Overrides(at, value).in(tree, "", argument.substring(0, equals));
  }

  /** The map with the override at {@code rest}, which is within {@code walked}. */
  private Mapping in(Mapping map, String walked, String rest) throws ScenarioException {
    String key = "";
    for (String candidate : map.entries().keySet()) {
      String behind = rest.startsWith(candidate) ? rest.substring(candidate.length()) : "?";
      boolean fits = behind.isEmpty() || behind.startsWith(".") || behind.startsWith("[");
      if (fits && candidate.length() > key.length()) {
        key = candidate;
      }
    }
    Entry entry = map.entries().get(key);
    if (entry != null) {
      String path = walked.isEmpty() ? key : walked + "." + key;
      String behind = rest.substring(key.length());
      // The key keeps its place in the file unless all that it stands for is new.
      Origin keyAt = behind.isEmpty() ? at : entry.at();
      return map.with(key, new Entry(keyAt, below(entry.value(), path, behind)));
    }
    return added(map, walked, rest);
  }

  private YamlTree below(YamlTree tree, String walked, String rest) throws ScenarioException {
    if (rest.isEmpty()) {
      return value;
    }
    if (tree instanceof Mapping map && rest.startsWith(".") && rest.length() > 1) {
      return in(map, walked, rest.substring(1));
    }
    Matcher index = INDEX.matcher(rest);
    if (tree instanceof Sequence list && index.matches()) {
      int size = list.items().size();
      int n = index.group(1).equals("+") ? size : Integer.parseInt(index.group(1));
      String behind = index.group(2);
      if (n > size || (n == size && !behind.isEmpty())) {
        throw new ScenarioException(
            at,
            "%s has %s items, there is no [%s]".formatted(walked, size, n),
            "counting from 0, [%s] appends one".formatted(size));
      }
      String path = walked + "[" + n + "]";
      return list.with(n, n == size ? value : below(list.items().get(n), path, behind));
    }
    throw new ScenarioException(
        at, "%s is %s, there is no %s in it".formatted(walked, tree.shape(), rest), right(tree));
  }

  private static String right(YamlTree tree) {
    return switch (tree) {
      case Mapping map -> "there: " + Nearest.listed(map.entries().keySet());
      case Sequence list -> "write [n] for an item, [0] is the first";
      case Scalar scalar -> "end the path there";
    };
  }

  /** The map with a key that it did not have. */
  private Mapping added(Mapping map, String walked, String rest) throws ScenarioException {
    Matcher head = HEAD.matcher(rest);
    String key = head.matches() ? head.group(1) : rest;
    String behind = rest.substring(key.length());
    if ((behind.isEmpty() && !key.isEmpty()) || isName(walked)) {
      return map.with(rest, new Entry(at, value));
    }
    if (walked.isEmpty() && MAPS.contains(key)) {
      return map.with(key, new Entry(at, below(new Mapping(at, Map.of()), key, behind)));
    }
    if (walked.isEmpty() && LISTS.contains(key)) {
      return map.with(key, new Entry(at, below(new Sequence(at, List.of()), key, behind)));
    }
    throw new ScenarioException(
        at,
        "there is no " + Quote.of(key) + " in " + (walked.isEmpty() ? "the scenario" : walked),
        Nearest.advice(key, map.entries().keySet()));
  }

  /** Whether what is left of the path is a new name with dots, and not a path to something. */
  private boolean isName(String walked) {
    return walked.equals("machine.kinds")
        || (walked.endsWith(".devices") && value instanceof Mapping);
  }
}
