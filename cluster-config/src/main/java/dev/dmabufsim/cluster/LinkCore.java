package dev.dmabufsim.cluster;

import dev.dmabufsim.common.control.LinkRule;
import java.util.ArrayList;
import java.util.List;
import org.pcollections.HashTreePMap;
import org.pcollections.PMap;

/**
 * What becomes of messages on their way from another node: they pass, or a fault of the network
 * loses, repeats, delays or overtakes them. A pure function; chance comes from a seed in the state.
 *
 * <p>A message goes through the rules of its link in this order: cut or lost, repeated, then
 * delayed. {@code DELAY} and {@code SLOW} keep the order of a link's messages, as TCP does; {@code
 * REORDER} has some of them wait while those behind them pass.
 */
final class LinkCore {
  private static final long GOLDEN_GAMMA = 0x9e37_79b9_7f4a_7c15L;
  private static final double TO_UNIT = 0x1p-53;
  private static final double NANOS = 1e9;

  private LinkCore() {}

  /**
   * The links into a node.
   *
   * @param rules those in force, of whatever link
   * @param dueNanos of each sender's last message that was delayed in order: none of its later ones
   *     comes before that
   * @param random the state of a SplitMix64
   */
  record State(List<LinkRule> rules, PMap<String, Long> dueNanos, long random) {
    State {
      rules = List.copyOf(rules);
    }

    /** All links are whole. */
    static State whole(long seed) {
      return new State(List.of(), HashTreePMap.empty(), seed);
    }

    /** The same under other rules. */
    State rules(List<LinkRule> next) {
      return new State(next, dueNanos, random);
    }

    /** Whether it matters how many bytes a message from there has. */
    boolean weighs(String from, String to) {
      return rules.stream().anyMatch(r -> on(r, from, to) && r.kind() == LinkRule.Kind.SLOW);
    }
  }

  /**
   * What follows.
   *
   * @param copies when the message is to be handed on, each time: empty if it is lost
   */
  record Step(State state, List<Long> copies) {
    Step {
      copies = List.copyOf(copies);
    }
  }

  private static boolean on(LinkRule rule, String from, String to) {
    return rule.from().equals(from) && rule.to().equals(to);
  }

  /**
   * A message has come.
   *
   * @param bytes its size; used only if the state {@link State#weighs} it
   */
  static Step received(State state, String from, String to, long bytes, long nowNanos) {
    long random = state.random();
    int copies = 1;
    long inOrder = nowNanos;
    long lateBy = 0;
    for (LinkRule rule : state.rules()) {
      if (!on(rule, from, to)) {
        continue;
      }
      random += GOLDEN_GAMMA;
      boolean struck = unit(random) < rule.share();
      switch (rule.kind()) {
        case CUT -> copies = 0;
        case DROP -> copies = struck ? 0 : copies;
        case DUPLICATE -> copies = struck ? copies * 2 : copies;
        case DELAY -> {
          random += GOLDEN_GAMMA;
          inOrder = later(inOrder, nowNanos + between(rule, random));
        }
        case SLOW ->
            inOrder =
                later(inOrder, state.dueNanos().getOrDefault(from, nowNanos))
                    + (long) (bytes / (double) rule.bytesPerSecond() * NANOS);
        case REORDER -> {
          random += GOLDEN_GAMMA;
          lateBy = struck ? Math.max(lateBy, between(rule, random)) : lateBy;
        }
      }
    }
    PMap<String, Long> dueNanos = state.dueNanos();
    if (copies > 0) {
      Long before = dueNanos.get(from);
      if (before != null && before - nowNanos > 0) {
        inOrder = later(inOrder, before);
      }
      dueNanos = inOrder - nowNanos > 0 ? dueNanos.plus(from, inOrder) : dueNanos.minus(from);
    }
    List<Long> due = new ArrayList<>();
    for (int i = 0; i < copies; i++) {
      // A repetition comes behind the first, and what comes next may come in between.
      due.add(inOrder + lateBy + i);
    }
    return new Step(new State(state.rules(), dueNanos, random), due);
  }

  /** Of two times of {@code System.nanoTime()}, which may overflow in between. */
  private static long later(long a, long b) {
    return a - b > 0 ? a : b;
  }

  private static long between(LinkRule rule, long random) {
    return rule.minNanos() + (long) (unit(random) * (rule.maxNanos() - rule.minNanos()));
  }

  /** From 0 to below 1. */
  private static double unit(long state) {
    long z = (state ^ state >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return ((z ^ z >>> 31) >>> 11) * TO_UNIT;
  }
}
