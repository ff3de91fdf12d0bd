package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.fault.FaultPoint;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Something that breaks during a run.
 *
 * @param deed what
 * @param when it strikes
 * @param length how long it lasts, zero if it is done at once or for good
 */
public record FaultSpec(Deed deed, When when, Duration length) {
  /** What breaks. */
  public sealed interface Deed {}

  /** Something happens to a node's process. */
  public record ProcessFault(Action action, Target target) implements Deed {}

  /** What can happen to a process. */
  public enum Action {
    /** SIGKILL: nothing is cleaned up, and it does not come back. */
    KILL,
    /** SIGKILL, and after {@code length} the node is started again, as another process. */
    RESTART,
    /** SIGSTOP, and after {@code length} SIGCONT. */
    PAUSE,
    /** The same, as a garbage collection or a virtual machine's host does it. */
    STALL
  }

  /** Some nodes do not hear others. */
  public record Partition(Split split) implements Deed {}

  /** Who does not hear whom. */
  public sealed interface Split {
    /** Nodes are divided at random. */
    enum Shape implements Split {
      /** Into two halves. */
      HALVES,
      /** Into one node and all others. */
      ONE_NODE,
      /** Each hears two others only, in a ring. */
      RING,
      /** Into two halves, of which one does not hear the other, but is heard. */
      ONE_WAY
    }

    /** Nodes hear those of their own group, and nodes of no group hear everybody. */
    record Groups(List<List<String>> groups) implements Split {
      /** Takes copies. */
      public Groups {
        groups = groups.stream().map(List::copyOf).toList();
      }
    }
  }

  /**
   * Something happens to messages between nodes.
   *
   * @param kind what; not {@code CUT}
   * @param share of the messages; 1 for {@code DELAY} and {@code SLOW}
   * @param min {@code DELAY} and {@code REORDER}: held so long at least
   * @param max held so long at most
   * @param bytesPerSecond {@code SLOW}
   * @param links between whom
   */
  public record Link(
      LinkRule.Kind kind,
      double share,
      Duration min,
      Duration max,
      long bytesPerSecond,
      Links links)
      implements Deed {}

  /** Between whom messages suffer. */
  public sealed interface Links {
    /** All nodes. */
    record All() implements Links {}

    /** Two nodes, both ways. */
    record Between(String one, String other) implements Links {}

    /** From one node to another. */
    record OneWay(String from, String to) implements Links {}
  }

  /** There is no more shared memory: whoever asks for some gets ENOSPC. */
  public record FullShm() implements Deed {}

  /** Somebody truncates the memory of a buffer of that node, which must be an exporter. */
  public record TruncateSegment(Target target) implements Deed {}

  /** Somebody writes garbage over the IOMMU's line of a slot. */
  public record DamageSlot() implements Deed {}

  /** The control file is of another version: whoever is there goes on, whoever comes refuses it. */
  public record OtherVersion() implements Deed {}

  /** When a fault strikes. */
  public sealed interface When {
    /** In the round of that number, from 1, when its node passes that point. */
    record At(FaultPoint point, int revoke) implements When {}

    /** So long after the exporters began their rounds. */
    record After(Duration time) implements When {}
  }

  /**
   * One node, by a name or at random.
   *
   * @param name of the node, role or device; empty for any node
   */
  public record Target(By by, String name) {
    /** How it is named. */
    public enum By {
      /** By itself. */
      NODE(""),
      /** One of that role, at random. */
      ROLE("role:"),
      /** The one with that device. */
      DEVICE("device:"),
      /** Any. */
      RANDOM("random");

      private final String prefix;

      By(String prefix) {
        this.prefix = prefix;
      }
    }

    /** What a text names; nothing is checked. */
    static Target of(String text) {
      if (text.equals(By.RANDOM.prefix)) {
        return new Target(By.RANDOM, "");
      }
      for (By by : List.of(By.ROLE, By.DEVICE)) {
        if (text.startsWith(by.prefix)) {
          return new Target(by, text.substring(by.prefix.length()));
        }
      }
      return new Target(By.NODE, text);
    }

    /** As it is written. */
    public String text() {
      return by.prefix + name;
    }

    /** Whether it can be a node of that name, role and devices. */
    public boolean fits(String node, Role role, List<String> devices) {
      return switch (by) {
        case NODE -> name.equals(node);
        case ROLE -> name.equals(role.label());
        case DEVICE -> devices.contains(name);
        case RANDOM -> true;
      };
    }
  }

  /** The kind's name, in scenarios and reports. */
  public String kind() {
    return switch (deed) {
      case ProcessFault p -> word(p.action());
      case Partition p -> "partition";
      case Link l -> l.kind() == LinkRule.Kind.SLOW ? "slow-link" : word(l.kind());
      case FullShm f -> "full-shm";
      case TruncateSegment t -> "truncate-segment";
      case DamageSlot d -> "damage-slot";
      case OtherVersion v -> "other-version";
    };
  }

  /** As it is written in a scenario, in braces. */
  public String text() {
    StringBuilder text = new StringBuilder("{").append(kind()).append(": ").append(subject());
    if (deed instanceof Link l) {
      if (l.kind() == LinkRule.Kind.REORDER) {
        text.append(", by: ").append(range(l.min(), l.max()));
      }
      text.append(", links: ").append(links(l.links()));
    }
    switch (when) {
      case When.At at ->
          text.append(", at: ").append(at.point().label()).append(", revoke: ").append(at.revoke());
      case When.After after -> text.append(", after: ").append(Durations.format(after.time()));
    }
    if (!length.isZero()) {
      text.append(restarts() ? ", down: " : ", for: ").append(Durations.format(length));
    }
    return text.append('}').toString();
  }

  private boolean restarts() {
    return deed instanceof ProcessFault p && p.action() == Action.RESTART;
  }

  private String subject() {
    return switch (deed) {
      case ProcessFault p -> quoted(p.target().text());
      case Partition p ->
          switch (p.split()) {
            case Split.Shape shape -> word(shape);
            case Split.Groups groups ->
                groups.groups().stream()
                    .map(FaultSpec::names)
                    .collect(Collectors.joining(", ", "[", "]"));
          };
      case Link l ->
          switch (l.kind()) {
            case DELAY -> range(l.min(), l.max());
            case SLOW -> Sizes.format(l.bytesPerSecond()) + "/s";
            case DROP, DUPLICATE, REORDER, CUT -> Percents.format(l.share());
          };
      case FullShm f -> "true";
      case TruncateSegment t -> quoted(t.target().text());
      case DamageSlot d -> "random";
      case OtherVersion v -> "true";
    };
  }

  private static String links(Links links) {
    return switch (links) {
      case Links.All all -> "all";
      case Links.Between b -> names(List.of(b.one(), b.other()));
      case Links.OneWay w -> quoted(w.from() + "->" + w.to());
    };
  }

  private static String names(List<String> names) {
    return names.stream().map(FaultSpec::quoted).collect(Collectors.joining(", ", "[", "]"));
  }

  private static String range(Duration min, Duration max) {
    return Durations.format(min) + ".." + Durations.format(max);
  }

  /** Names of nodes and devices have neither quotes nor backslashes. */
  private static String quoted(String name) {
    return '"' + name + '"';
  }

  /** The word for a constant. */
  static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
