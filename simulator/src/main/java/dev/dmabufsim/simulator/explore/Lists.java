package dev.dmabufsim.simulator.explore;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Short lists that are never changed in place, so that copies of a world can share them. */
final class Lists {
  private Lists() {}

  static <T> List<T> plus(List<T> list, T last) {
    if (list.isEmpty()) {
      return List.of(last);
    }
    List<T> next = new ArrayList<>(list.size() + 1);
    next.addAll(list);
    next.add(last);
    return Collections.unmodifiableList(next);
  }

  static <T> List<T> tail(List<T> list) {
    return without(list, 0);
  }

  static <T> List<T> without(List<T> list, int index) {
    if (list.size() == 1) {
      return List.of();
    }
    List<T> next = new ArrayList<>(list);
    next.remove(index);
    return Collections.unmodifiableList(next);
  }

  static <T> List<T> with(List<T> list, int index, T item) {
    List<T> next = new ArrayList<>(list);
    next.set(index, item);
    return Collections.unmodifiableList(next);
  }
}
