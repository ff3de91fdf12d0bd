package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.YamlTree.Mapping;
import dev.dmabufsim.simulator.scenario.YamlTree.Scalar;
import dev.dmabufsim.simulator.scenario.YamlTree.Sequence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * One value of a scenario on its way into a record: its place, its path and what was written.
 *
 * @param keyAt where its key, or for an item of a list the item, was written
 * @param path from the root, as in {@code --set PATH=VALUE}
 * @param tree what was written
 */
record Field(Origin keyAt, String path, YamlTree tree) {

  ScenarioException wrong(String wrong, String right) {
    return new ScenarioException(tree.at(), wrong, right);
  }

  /** The text of a single value that is there. */
  String text() throws ScenarioException {
    String text = textOrEmpty();
    if (text.isEmpty()) {
      throw wrong(path + " has no value", "write one behind it, or leave the key out");
    }
    return text;
  }

  /** The text of a single value: one line, possibly empty. */
  String textOrEmpty() throws ScenarioException {
    if (!(tree instanceof Scalar scalar)) {
      throw wrong(path + " is " + tree.shape(), "write a single value");
    }
    if (!scalar.text().codePoints().allMatch(Quote::printable)) {
      throw wrong(path + " is more than one line of text", "write one line, without tabs");
    }
    if (scalar.text().length() > Limits.TEXT_CHARACTERS_MAX) {
      throw wrong(
          path + " is " + scalar.text().length() + " characters long",
          "write at most " + Limits.TEXT_CHARACTERS_MAX);
    }
    return scalar.text();
  }

  /** A whole number in decimal, without leading zeros, which would be octal for other readers. */
  int count(Range range) throws ScenarioException {
    String text = text();
    String right = "write a whole number from %s to %s".formatted(range.min(), range.max());
    if (!text.matches("-?(0|[1-9][0-9]*)")) {
      throw wrong(path + " is " + Quote.of(text) + ", not a whole number", right);
    }
    long value = text.startsWith("-") ? -1 : Saturating.parse(text);
    if (!range.contains(value)) {
      throw wrong(path + " is " + Quote.of(text) + ", out of range", right);
    }
    return Math.toIntExact(value);
  }

  Duration duration(Range rangeMicros) throws ScenarioException {
    return Durations.parse(text(), tree.at(), path, rangeMicros);
  }

  long bytes(Range range, long step) throws ScenarioException {
    return Sizes.parse(text(), tree.at(), path, range, step);
  }

  double percent(boolean zeroToo) throws ScenarioException {
    return Percents.parse(text(), tree.at(), path, zeroToo);
  }

  boolean yesOrNo() throws ScenarioException {
    String text = text();
    if (!text.equals("true") && !text.equals("false")) {
      throw wrong(path + " is " + Quote.of(text), "write true or false");
    }
    return text.equals("true");
  }

  /**
   * One of the values of an enum.
   *
   * @param what the word for such a value, such as "kind of importer"
   * @param labels every legal label, separated by ", "
   */
  <E> E choice(String what, Function<String, Optional<E>> labelled, String labels)
      throws ScenarioException {
    String text = text();
    Optional<E> value = labelled.apply(text);
    if (value.isEmpty()) {
      throw wrong(
          path + " is " + Quote.of(text) + ", which is no " + what,
          Nearest.advice(text, List.of(labels.split(", "))));
    }
    return value.get();
  }

  /** The items of a list. */
  List<Field> items() throws ScenarioException {
    if (!(tree instanceof Sequence sequence)) {
      throw wrong(path + " is " + emptyOr(tree.shape()), "write a list, or leave the key out");
    }
    List<Field> items = new ArrayList<>();
    for (YamlTree item : sequence.items()) {
      items.add(new Field(item.at(), path + "[" + items.size() + "]", item));
    }
    return items;
  }

  /** The items of a list, or the single value that stands for a list of one. */
  List<Field> itemsOrOne() throws ScenarioException {
    return tree instanceof Scalar scalar && !scalar.text().isEmpty() ? List.of(this) : items();
  }

  /** A map with no other keys than these. */
  Section section(List<String> legal) throws ScenarioException {
    Section section = new Section(map(), keyAt, path);
    section.refuseUnknown(legal);
    return section;
  }

  /** A map whose keys are names, such as those of nodes. */
  Section names() throws ScenarioException {
    return new Section(map(), keyAt, path);
  }

  private Mapping map() throws ScenarioException {
    if (tree instanceof Mapping map) {
      return map;
    }
    throw wrong(path + " is " + emptyOr(tree.shape()), "write a map: 'key: value'");
  }

  private String emptyOr(String shape) {
    return tree instanceof Scalar scalar && scalar.text().isEmpty() ? "empty" : shape;
  }
}
