package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.simulator.explore.Action.Verb;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Chooses what happens next. */
interface Strategy {
  /** One of these, which are not empty. */
  Action choose(List<Action> enabled);

  /**
   * Who an action is of: two of one actor do not happen at once, and those of different actors may
   * happen in any order.
   */
  static int actor(Action action, int nodes) {
    int kind =
        switch (action.verb()) {
          case DELIVER -> 0;
          case DMA, ENGINE -> 1;
          case HEAR -> 2;
          case TIMER -> 3;
          case FLAG, SELF -> 4;
          case NOTICE -> 5;
          case TIME -> 6;
          case REVOKE, RESTORE, END -> 7;
          case RESUME, RESTART, HEAL -> 8;
          case KILL, CRASH, FREEZE, LOSE, DUPLICATE, REORDER, DELAY, PARTITION -> 9;
        };
    int whom =
        switch (action.verb()) {
          case DELIVER -> action.a() * nodes + action.b();
          case DMA, ENGINE, HEAR, TIMER, NOTICE -> action.a();
          default -> 0;
        };
    return kind * nodes * nodes + whom;
  }

  /** So many kinds of actors as {@link #actor} tells apart. */
  int KINDS = 10;

  /** A random walk: an actor at random, and one of its actions; time and faults more seldom. */
  static Strategy randomWalk(long seed, int nodes) {
    return new RandomWalk(seed, nodes);
  }

  /**
   * Priorities at random which change at a few random steps, as in probabilistic concurrency
   * testing (Burckhardt and others, 2010): an order that needs d rare choices is found with a
   * probability that does not fall exponentially with the length of the schedule. An actor that has
   * had many turns on end is put last, since there is always one more DMA.
   *
   * @param changes how often a priority changes
   * @param steps about how long schedules are
   */
  static Strategy pct(long seed, int nodes, int changes, int steps) {
    return new Pct(seed, nodes, changes, steps);
  }

  /** What an untroubled cluster does: messages come, engines go on, then time passes. */
  static Strategy calm() {
    return new Calm();
  }

  /** {@link #randomWalk}. */
  final class RandomWalk implements Strategy {
    private final SplittableRandom random;
    private final int nodes;
    private final int[] weights;

    RandomWalk(long seed, int nodes) {
      this.random = new SplittableRandom(seed);
      this.nodes = nodes;
      this.weights = new int[] {8, 8, 8, 8, 8, 8, random.nextInt(1, 7), 1, 1, 1};
    }

    @Override
    public Action choose(List<Action> enabled) {
      int total = 0;
      int last = -1;
      int actors = 0;
      for (Action a : enabled) {
        int actor = actor(a, nodes);
        if (actor != last) {
          total += weights[actor / (nodes * nodes)];
          last = actor;
          actors++;
        }
      }
      int at = random.nextInt(total);
      last = -1;
      int first = 0;
      int count = 0;
      boolean found = false;
      for (int i = 0; i < enabled.size(); i++) {
        int actor = actor(enabled.get(i), nodes);
        if (actor != last) {
          if (found) {
            break;
          }
          at -= weights[actor / (nodes * nodes)];
          last = actor;
          first = i;
          count = 0;
          found = at < 0;
        }
        count++;
      }
      return enabled.get(
          actors == 1 ? random.nextInt(enabled.size()) : first + random.nextInt(count));
    }
  }

  /** {@link #pct}. */
  final class Pct implements Strategy {
    private static final int MOST_TURNS = 6;

    private final SplittableRandom random;
    private final int nodes;
    private final int[] priorities;
    private final int[] changes;
    private int lowest;
    private int step;
    private int last = -1;
    private int turns;

    Pct(long seed, int nodes, int changes, int steps) {
      this.random = new SplittableRandom(seed);
      this.nodes = nodes;
      this.priorities = new int[KINDS * nodes * nodes];
      for (int i = 0; i < priorities.length; i++) {
        priorities[i] = 1 + random.nextInt(1 << 20);
      }
      this.changes = new int[changes];
      for (int i = 0; i < changes; i++) {
        this.changes[i] = random.nextInt(steps);
      }
    }

    @Override
    public Action choose(List<Action> enabled) {
      int best = best(enabled);
      boolean change = Arrays.stream(changes).anyMatch(c -> c == step);
      step++;
      turns = best == last ? turns + 1 : 1;
      if (change || turns > MOST_TURNS) {
        priorities[best] = --lowest;
        best = best(enabled);
        turns = 1;
      }
      last = best;
      int chosen = best;
      List<Action> its = enabled.stream().filter(a -> actor(a, nodes) == chosen).toList();
      return its.get(its.size() == 1 ? 0 : random.nextInt(its.size()));
    }

    private int best(List<Action> enabled) {
      int best = -1;
      for (Action a : enabled) {
        int actor = actor(a, nodes);
        if (best < 0 || priorities[actor] > priorities[best]) {
          best = actor;
        }
      }
      return best;
    }
  }

  /** {@link #calm}. */
  final class Calm implements Strategy {
    private boolean dmaDone;

    @Override
    public Action choose(List<Action> enabled) {
      for (Action a : enabled) {
        if (a.verb() != Verb.DMA && a.verb() != Verb.TIME && !a.verb().fault() && !ends(a)) {
          return a;
        }
      }
      for (Action a : enabled) {
        if (a.verb() == Verb.DMA && !dmaDone) {
          dmaDone = true;
          return a;
        }
      }
      dmaDone = false;
      for (Action a : enabled) {
        if (a.verb() == Verb.TIME || ends(a)) {
          return a;
        }
      }
      return enabled.getFirst();
    }

    private static boolean ends(Action a) {
      return switch (a.verb()) {
        case END, RESUME, RESTART, HEAL -> true;
        default -> false;
      };
    }
  }
}
