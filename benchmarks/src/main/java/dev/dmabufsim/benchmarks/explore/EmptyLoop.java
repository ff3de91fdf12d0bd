package dev.dmabufsim.benchmarks.explore;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * An event loop in which nothing happens: as many choices among as many events as the explorer
 * makes, each written down, and none has an effect. What the explorer needs beyond this is the
 * protocol's.
 */
final class EmptyLoop {
  private sealed interface Event {
    record Message(int from, int to) implements Event {}

    record Timer(int node) implements Event {}

    record Engine(int node, int stage) implements Event {}
  }

  /** About as many as are possible at a time in a world of two importers. */
  private static final int POSSIBLE = 6;

  private long handled;

  /** Plays schedules of that many steps until so many steps are done; answers how many were. */
  long run(long steps, int stepsOfSchedule, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long done = 0;
    while (done < steps) {
      List<Event> played = new ArrayList<>();
      for (int i = 0; i < stepsOfSchedule; i++) {
        List<Event> possible = new ArrayList<>(POSSIBLE);
        for (int p = 0; p < POSSIBLE; p++) {
          possible.add(
              switch (p % 3) {
                case 0 -> new Event.Message(p, i & 3);
                case 1 -> new Event.Timer(p);
                default -> new Event.Engine(p, i & 3);
              });
        }
        Event event = possible.get(random.nextInt(possible.size()));
        handled +=
            switch (event) {
              case Event.Message m -> m.from() + m.to();
              case Event.Timer t -> t.node();
              case Event.Engine e -> e.stage();
            };
        played.add(event);
      }
      done += played.size();
    }
    return done;
  }

  /** So that none of it is left out by the compiler. */
  long handled() {
    return handled;
  }
}
