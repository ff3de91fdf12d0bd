package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.driver.Distribution;
import java.time.Duration;
import java.util.List;

/**
 * Times that vary, as scenarios write them: {@code 2ms}, {@code 1ms..5ms}, {@code exponential 2ms},
 * {@code normal 5ms 1ms}.
 */
final class Distributions {
  private static final String EXPONENTIAL = "exponential";
  private static final String NORMAL = "normal";

  private Distributions() {}

  static Distribution parse(Field field) throws ScenarioException {
    String text = field.text();
    List<String> parts = List.of(text.strip().split(" +"));
    if (parts.getFirst().isEmpty() || !Character.isLetter(parts.getFirst().charAt(0))) {
      return plain(text, field);
    }
    String word = parts.getFirst();
    if (word.equals(EXPONENTIAL) && parts.size() == 2) {
      return new Distribution.Exponential(duration(parts.get(1), field));
    }
    if (word.equals(NORMAL) && parts.size() == 3) {
      return new Distribution.Normal(duration(parts.get(1), field), duration(parts.get(2), field));
    }
    if (word.equals(EXPONENTIAL) || word.equals(NORMAL)) {
      throw field.wrong(
          "%s is %s, not %s time"
              .formatted(
                  field.path(),
                  Quote.of(text),
                  word.equals(NORMAL) ? "a normal" : "an exponential"),
          word.equals(NORMAL)
              ? "write its mean and its deviation, such as 'normal 5ms 1ms'"
              : "write its mean, such as 'exponential 2ms'");
    }
    String guess =
        Nearest.of(word, List.of(EXPONENTIAL, NORMAL))
            .map(n -> "did you mean " + Quote.of(n) + "? ")
            .orElse("");
    throw field.wrong(
        "%s is %s, not a time".formatted(field.path(), Quote.of(text)),
        guess + "write one such as 2ms, 1ms..5ms, 'exponential 2ms' or 'normal 5ms 1ms'");
  }

  private static Distribution plain(String text, Field field) throws ScenarioException {
    String[] ends = text.split("\\.\\.", -1);
    Duration from = duration(ends[0], field);
    if (ends.length == 1) {
      return new Distribution.Constant(from);
    }
    Duration to = duration(ends[1], field);
    if (ends.length > 2 || from.compareTo(to) > 0) {
      throw field.wrong(
          "%s is %s, not a range of times".formatted(field.path(), Quote.of(text)),
          "write the shorter and the longer, such as 1ms..5ms");
    }
    return new Distribution.Uniform(from, to);
  }

  private static Duration duration(String text, Field field) throws ScenarioException {
    return Durations.parse(
        text.strip(), field.tree().at(), field.path(), Limits.DRIVER_TIME_MICROS);
  }

  static String format(Distribution time) {
    return switch (time) {
      case Distribution.Constant t -> Durations.format(t.time());
      case Distribution.Uniform t -> Durations.format(t.from()) + ".." + Durations.format(t.to());
      case Distribution.Exponential t -> EXPONENTIAL + " " + Durations.format(t.mean());
      case Distribution.Normal t ->
          "%s %s %s".formatted(NORMAL, Durations.format(t.mean()), Durations.format(t.deviation()));
    };
  }
}
