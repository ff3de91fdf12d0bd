package dev.dmabufsim.simulator.scenario;

import java.time.Duration;
import java.util.List;

/** Binds {@code bound} and {@code revokes}. */
final class TimingBinder {
  static final List<String> BOUND_KEYS = List.of("ask", "block", "sever");
  static final List<String> REVOKES_KEYS = List.of("order", "rounds", "every", "hold", "limit");

  private TimingBinder() {}

  static Bound bound(Section root) throws ScenarioException {
    Section section = root.section("bound", BOUND_KEYS);
    return new Bound(
        section.duration("ask", Limits.BOUND_STEP_MICROS, Defaults.ASK),
        section.duration("block", Limits.BOUND_STEP_MICROS, Defaults.BLOCK),
        section.duration("sever", Limits.BOUND_STEP_MICROS, Defaults.SEVER));
  }

  static Revokes revokes(Section root, Bound bound) throws ScenarioException {
    Section section = root.section("revokes", REVOKES_KEYS);
    Field order = section.find("order");
    boolean independent =
        order != null
            && order.choice(
                "order of rounds", Revokes::ordered, Revokes.IN_TURN + ", " + Revokes.INDEPENDENT);
    int rounds = section.count("rounds", Limits.ROUNDS, Defaults.ROUNDS);
    Duration every = section.duration("every", Limits.PAUSE_MICROS, Defaults.EVERY);
    Duration hold = section.duration("hold", Limits.PAUSE_MICROS, Defaults.HOLD);
    Duration limit =
        section.duration(
            "limit", Limits.WAIT_MICROS, bound.total().multipliedBy(Defaults.LIMIT_BOUNDS));
    if (limit.compareTo(bound.total()) < 0) {
      String total = Durations.format(bound.total());
      throw new ScenarioException(
          section.atOf("limit"),
          "revokes.limit is %s, less than the bound (ask + block + sever = %s)"
              .formatted(Durations.format(limit), total),
          "write at least " + total);
    }
    checkLength(section, rounds, every.plus(hold));
    return new Revokes(independent, rounds, every, hold, limit);
  }

  private static void checkLength(Section section, int rounds, Duration each)
      throws ScenarioException {
    long micros = Saturating.multiply(rounds, Durations.micros(each));
    if (micros > Limits.RUN_MICROS_MAX) {
      throw new ScenarioException(
          section.atOf("rounds"),
          "%s rounds of %s (every + hold) take longer than a day"
              .formatted(rounds, Durations.format(each)),
          "at most %s such rounds fit".formatted(Limits.RUN_MICROS_MAX / Durations.micros(each)));
    }
  }
}
