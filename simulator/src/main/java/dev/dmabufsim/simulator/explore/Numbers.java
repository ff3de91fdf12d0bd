package dev.dmabufsim.simulator.explore;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Numbers for values, so that states are small and quickly compared: equal values have the same
 * number, and others another. The one of each that came first is kept, and is known by identity
 * when it comes again; who takes that one in place of his own need not be compared in depth twice.
 */
final class Numbers {
  /** A value made of numbers. */
  private static final class Row {
    private final long[] parts;
    private final int hash;

    Row(long[] parts) {
      this.parts = parts;
      this.hash = Arrays.hashCode(parts);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Row r && hash == r.hash && Arrays.equals(parts, r.parts);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  private final Map<Object, Integer> byValue = new HashMap<>();
  private final IdentityHashMap<Object, Integer> byIdentity = new IdentityHashMap<>();
  private final List<Object> values = new ArrayList<>();

  /** The number of a value that never changes. */
  int of(Object value) {
    Integer known = byIdentity.get(value);
    if (known != null) {
      return known;
    }
    Integer equal = byValue.putIfAbsent(value, values.size());
    if (equal != null) {
      return equal;
    }
    byIdentity.put(value, values.size());
    values.add(value);
    return values.size() - 1;
  }

  /** The number of what is made of these, be they numbers of other values or values themselves. */
  int of(long... parts) {
    Row row = new Row(parts);
    Integer equal = byValue.putIfAbsent(row, values.size());
    if (equal != null) {
      return equal;
    }
    values.add(row);
    return values.size() - 1;
  }

  /** The value that has a number; not that of what is made of others. */
  Object value(int number) {
    return values.get(number);
  }

  /** The one that came first of those that are equal to a value, which has that number. */
  @SuppressWarnings("unchecked") // what is equal to it is of its kind
  <T> T first(T value, int number) {
    return (T) values.get(number);
  }
}
