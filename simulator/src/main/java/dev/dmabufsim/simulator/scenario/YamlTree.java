package dev.dmabufsim.simulator.scenario;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A YAML document in which every part knows where it was written. Scalars are the text as written,
 * without YAML's guesses at types: {@code 01:00} is not sixty, {@code on} is not true. Immutable.
 */
sealed interface YamlTree {
  /** Where it begins. */
  Origin at();

  /** What it is, for a message. */
  String shape();

  /** A single value; a missing one ({@code key:} and nothing more) is the empty text. */
  record Scalar(Origin at, String text) implements YamlTree {
    @Override
    public String shape() {
      return "a single value";
    }
  }

  /** A list. */
  record Sequence(Origin at, List<YamlTree> items) implements YamlTree {
    public Sequence {
      items = List.copyOf(items);
    }

    @Override
    public String shape() {
      return "a list";
    }

    /** The same list with that item in place of another, or behind the last. */
    Sequence with(int index, YamlTree item) {
      List<YamlTree> changed = new ArrayList<>(items);
      if (index == items.size()) {
        changed.add(item);
      } else {
        changed.set(index, item);
      }
      return new Sequence(at, changed);
    }
  }

  /** A map, in the order of the file. */
  record Mapping(Origin at, Map<String, Entry> entries) implements YamlTree {
    public Mapping {
      entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    }

    @Override
    public String shape() {
      return "a map";
    }

    /** The same map with that entry in place of another, or behind the last. */
    Mapping with(String key, Entry entry) {
      Map<String, Entry> changed = new LinkedHashMap<>(entries);
      changed.put(key, entry);
      return new Mapping(at, changed);
    }
  }

  /** A value, and where its key was written. */
  record Entry(Origin at, YamlTree value) {}
}
