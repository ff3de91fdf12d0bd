package dev.dmabufsim.simulator.explore;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Something that may happen next in a world. What {@code a}, {@code b} and {@code arg} are is said
 * at each verb; nodes are numbered as in {@link World}.
 */
public record Action(Verb verb, int a, int b, int arg) {
  /** What kind of thing it is. */
  public enum Verb {
    /** The oldest message from a to b comes. */
    DELIVER,
    /** Engine of a begins a DMA through its target b; arg 1 writes. */
    DMA,
    /** Engine of a takes its next step: goes on with a DMA, or hears what its driver wants. */
    ENGINE,
    /** Driver of a hears what its engine says. */
    HEAR,
    /** A timer of a is over. */
    TIMER,
    /** The exporter's device hears that the buffer's flag has changed. */
    FLAG,
    /** What the exporter has told itself comes: that memory is severed, lent, copied. */
    SELF,
    /** Node a notices that process b is dead. */
    NOTICE,
    /** Time passes until the next thing is due. */
    TIME,
    /** The exporter's user asks for a revoke. */
    REVOKE,
    /** The exporter's user asks for memory again. */
    RESTORE,
    /** The importers' user has them give everything back. */
    END,
    /** A process a is killed. */
    KILL,
    /** A process a will die within a step, behind the next arg things that it does. */
    CRASH,
    /** A process a is frozen. */
    FREEZE,
    /** A process a goes on. */
    RESUME,
    /** A node a is started again. */
    RESTART,
    /** The oldest message from a to b is lost. */
    LOSE,
    /** The oldest message from a to b comes twice. */
    DUPLICATE,
    /** The second oldest message from a to b comes first. */
    REORDER,
    /** The messages from a to b are late. */
    DELAY,
    /** Nodes a and b lose what they send each other. */
    PARTITION,
    /** And do not any more. */
    HEAL;

    /** Whether it is a fault, and not how one ends. */
    boolean fault() {
      return switch (this) {
        case KILL, CRASH, FREEZE, LOSE, DUPLICATE, REORDER, DELAY, PARTITION -> true;
        case DELIVER,
            DMA,
            ENGINE,
            HEAR,
            TIMER,
            FLAG,
            SELF,
            NOTICE,
            TIME,
            REVOKE,
            RESTORE,
            END,
            RESUME,
            RESTART,
            HEAL ->
            false;
      };
    }

    /**
     * Whether it is of one node alone: what comes of it comes from that node, the message that it
     * gets, the memory, and what {@link World.Rest} has.
     */
    boolean alone() {
      return switch (this) {
        case DELIVER,
            DMA,
            ENGINE,
            HEAR,
            TIMER,
            FLAG,
            SELF,
            NOTICE,
            REVOKE,
            RESTORE,
            KILL,
            CRASH,
            FREEZE ->
            true;
        case TIME, END, RESUME, RESTART, HEAL, LOSE, DUPLICATE, REORDER, DELAY, PARTITION -> false;
      };
    }

    boolean between() {
      return switch (this) {
        case DELIVER, LOSE, DUPLICATE, REORDER, DELAY, PARTITION, HEAL -> true;
        case DMA,
            ENGINE,
            HEAR,
            TIMER,
            FLAG,
            SELF,
            NOTICE,
            TIME,
            REVOKE,
            RESTORE,
            END,
            KILL,
            CRASH,
            FREEZE,
            RESUME,
            RESTART ->
            false;
      };
    }
  }

  static Action of(Verb verb) {
    return new Action(verb, 0, 0, 0);
  }

  static Action of(Verb verb, int a) {
    return new Action(verb, a, 0, 0);
  }

  static Action of(Verb verb, int a, int b) {
    return new Action(verb, a, b, 0);
  }

  /** The node whose step it is, of one that is of a node alone. */
  int node() {
    return switch (verb) {
      case DELIVER -> b;
      case FLAG, SELF, REVOKE, RESTORE -> World.EXPORTER;
      default -> a;
    };
  }

  /** As in a trace: {@code deliver x m}, {@code dma i1 0 1}. */
  String text(List<String> nodes) {
    String word = verb.name().toLowerCase(Locale.ROOT);
    if (verb.between()) {
      return word + " " + nodes.get(a) + " " + nodes.get(b);
    }
    return switch (verb) {
      case TIME, REVOKE, RESTORE, END, FLAG, SELF -> word;
      case DMA -> word + " " + nodes.get(a) + " " + b + " " + arg;
      case NOTICE -> word + " " + nodes.get(a) + " " + b;
      case CRASH -> word + " " + nodes.get(a) + " " + arg;
      default -> word + " " + nodes.get(a);
    };
  }

  /** The action with that text, if it is one. */
  static Optional<Action> parse(String text, List<String> nodes) {
    String[] words = text.split(" ", -1);
    Optional<Verb> verb =
        Arrays.stream(Verb.values())
            .filter(v -> v.name().toLowerCase(Locale.ROOT).equals(words[0]))
            .findFirst();
    if (verb.isEmpty()) {
      return Optional.empty();
    }
    int a = words.length > 1 ? nodes.indexOf(words[1]) : 0;
    int b = 0;
    int arg = 0;
    try {
      if (verb.get().between()) {
        b = words.length > 2 ? nodes.indexOf(words[2]) : -1;
      } else if (verb.get() == Verb.CRASH) {
        arg = Integer.parseInt(words.length > 2 ? words[2] : "");
      } else {
        b = words.length > 2 ? Integer.parseInt(words[2]) : 0;
        arg = words.length > 3 ? Integer.parseInt(words[3]) : 0;
      }
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
    Action action = new Action(verb.get(), a, b, arg);
    return a < 0 || b < 0 || !action.text(nodes).equals(text)
        ? Optional.empty()
        : Optional.of(action);
  }
}
