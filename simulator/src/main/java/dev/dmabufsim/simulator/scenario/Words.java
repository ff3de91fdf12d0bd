package dev.dmabufsim.simulator.scenario;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The words that scenarios have for the values of an enum which has none of its own. */
final class Words {
  private Words() {}

  /** {@code IN_CALLBACK} is {@code in-callback}. */
  static String of(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The value that a word stands for, if there is one. */
  static <E extends Enum<E>> Function<String, Optional<E>> among(E[] values) {
    return word -> Arrays.stream(values).filter(v -> of(v).equals(word)).findFirst();
  }

  /** Every word, for an error message. */
  static String all(Enum<?>[] values) {
    return Arrays.stream(values).map(Words::of).collect(Collectors.joining(", "));
  }
}
