package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who ran when, and what befell him: gathered while the histories are read.
 *
 * <p>A node is a name; it may be several processes one after the other. The time of a kill is that
 * of the launcher's line or of the last thing that the process wrote down, whichever is later: one
 * that kills itself at a point may be heard of before or after that; but not later than when the
 * IOMMU found it dead.
 */
final class Cast {
  /** A buffer's number is its process's, and so many bits of its own below. */
  static final int BUFFER_BITS = 16;

  /** What a fault does to those whom it concerns. */
  enum Blow {
    DEATH,
    FREEZE,
    NETWORK,
    MEMORY,
    SLOT,
    /** Nothing that would excuse anybody. */
    VERSION;

    /** What faults of a kind do; a kind that is not known here may do anything to the network. */
    static Blow of(String kind) {
      return switch (kind) {
        case "kill", "restart", "crash-at" -> DEATH;
        case "pause", "stall" -> FREEZE;
        case "full-shm", "truncate-segment" -> MEMORY;
        case "damage-slot" -> SLOT;
        case "other-version" -> VERSION;
        default -> NETWORK;
      };
    }
  }

  /** A time during which a node did nothing: from, inclusively, to, or for ever. */
  record Absence(long from, long to) {
    boolean at(long nanos) {
      return from <= nanos && nanos < to;
    }
  }

  private record Strike(Blow blow, List<String> nodes, HistoryLine line) {}

  /** A freeze of a node; {@code to} is {@code Long.MAX_VALUE} if it never ended. */
  record Freeze(String node, HistoryLine struck, long to, @Nullable HistoryLine over) {}

  /** A process that a node was. */
  static final class Player {
    private final String node;
    private final String role;
    private final int index;
    private final HistoryLine first;
    private HistoryLine last;
    private @Nullable HistoryLine killed;
    private boolean stopped;
    private long noticedNanos = Long.MAX_VALUE;

    Player(String node, String role, int index, HistoryLine first) {
      this.node = node;
      this.role = role;
      this.index = index;
      this.first = first;
      this.last = first;
    }

    String node() {
      return node;
    }

    int index() {
      return index;
    }

    boolean is(String role) {
      return this.role.equals(role);
    }

    long since() {
      return first.nanos();
    }

    HistoryLine last() {
      return last;
    }
  }

  private final List<Player> processes = new ArrayList<>();
  private final Map<Integer, Player> byIndex = new HashMap<>();
  private final Map<String, Player> current = new HashMap<>();
  private final List<Strike> strikes = new ArrayList<>();
  private final List<Freeze> freezes = new ArrayList<>();
  private final Map<String, HistoryLine> frozen = new HashMap<>();
  private @Nullable HistoryLine lastOver;
  private long lastNanos = Long.MIN_VALUE;

  void accept(HistoryLine line) {
    lastNanos = Math.max(lastNanos, line.nanos());
    if (line.event() instanceof HistoryEvent.NodeStarted e) {
      Player process =
          new Player(line.node(), e.role().toLowerCase(Locale.ROOT), e.process(), line);
      processes.add(process);
      byIndex.put(e.process(), process);
      current.put(line.node(), process);
    }
    Player its = current.get(line.node());
    if (its != null) {
      its.last = line;
    }
    switch (line.event()) {
      case HistoryEvent.ExporterStopped e -> stopped(its);
      case HistoryEvent.DeviceStopped e -> stopped(its);
      case HistoryEvent.IommuStopped e -> stopped(its);
      case HistoryEvent.ProcessDied e -> {
        Player dead = byIndex.get(e.process());
        if (dead != null) {
          dead.noticedNanos = Math.min(dead.noticedNanos, line.nanos());
        }
      }
      case HistoryEvent.FaultStruck e -> struck(e, line);
      case HistoryEvent.FaultOver e -> over(e, line);
      default -> {}
    }
  }

  private static void stopped(@Nullable Player process) {
    if (process != null) {
      process.stopped = true;
    }
  }

  private void struck(HistoryEvent.FaultStruck e, HistoryLine line) {
    Blow blow = Blow.of(e.kind());
    strikes.add(new Strike(blow, e.nodes(), line));
    for (String node : e.nodes()) {
      Player process = current.get(node);
      if (blow == Blow.DEATH && process != null) {
        process.killed = line;
      } else if (blow == Blow.FREEZE) {
        frozen.putIfAbsent(node, line);
      }
    }
  }

  private void over(HistoryEvent.FaultOver e, HistoryLine line) {
    lastOver = line;
    if (Blow.of(e.kind()) == Blow.FREEZE) {
      for (String node : e.nodes()) {
        HistoryLine since = frozen.remove(node);
        if (since != null) {
          freezes.add(new Freeze(node, since, line.nanos(), line));
        }
      }
    }
  }

  /** When the last line of all was written. */
  long lastNanos() {
    return lastNanos;
  }

  /** The last end of a fault. */
  Optional<HistoryLine> lastOver() {
    return Optional.ofNullable(lastOver);
  }

  /** When the last fault struck or ended, whichever came later; empty if none did. */
  OptionalLong calmSince() {
    OptionalLong struck = strikes.stream().mapToLong(s -> s.line.nanos()).max();
    if (lastOver == null) {
      return struck;
    }
    return OptionalLong.of(Math.max(lastOver.nanos(), struck.orElse(Long.MIN_VALUE)));
  }

  List<Player> processes() {
    return processes;
  }

  /** The exporter's process that a buffer is of. */
  @Nullable Player exporterOf(int buffer) {
    return byIndex.get(buffer >>> BUFFER_BITS);
  }

  /** The process that a node was at that time. */
  Optional<Player> processOf(String node, long nanos) {
    return processes.stream()
        .filter(p -> p.node.equals(node) && p.since() <= nanos)
        .reduce((earlier, later) -> later);
  }

  /** Later processes of the same node. */
  List<Player> successors(Player process) {
    return processes.stream()
        .filter(p -> p.node.equals(process.node) && p.since() > process.since())
        .toList();
  }

  /** When a process died without having stopped in order; empty if it did not. */
  OptionalLong death(Player process) {
    if (process.killed != null) {
      // The launcher may be slow to hear of what struck at a point, and the IOMMU quicker.
      long known = Math.min(process.killed.nanos(), process.noticedNanos);
      return OptionalLong.of(Math.max(known, process.last.nanos()));
    }
    boolean gone = process.noticedNanos != Long.MAX_VALUE || !successors(process).isEmpty();
    return gone && !process.stopped ? OptionalLong.of(process.last.nanos()) : OptionalLong.empty();
  }

  /** Whether a fault killed it. */
  boolean killed(Player process) {
    return process.killed != null;
  }

  /** The line that tells of a death. */
  HistoryLine deathLine(Player process) {
    return process.killed != null ? process.killed : process.last;
  }

  /** Whether that memory's exporter was dead at that time. */
  boolean orphan(int buffer, long nanos) {
    Player exporter = exporterOf(buffer);
    OptionalLong death = exporter == null ? OptionalLong.empty() : death(exporter);
    return death.isPresent() && death.getAsLong() <= nanos;
  }

  /** Every freeze, also those that never ended. */
  List<Freeze> freezes() {
    List<Freeze> all = new ArrayList<>(freezes);
    frozen.forEach((node, since) -> all.add(new Freeze(node, since, Long.MAX_VALUE, null)));
    return all;
  }

  /** When a node was dead or frozen, in no order. */
  List<Absence> absences(String node) {
    List<Absence> all = new ArrayList<>();
    for (Freeze f : freezes()) {
      if (f.node.equals(node)) {
        all.add(new Absence(f.struck.nanos(), f.to));
      }
    }
    for (Player p : processes) {
      if (p.node.equals(node)) {
        death(p).ifPresent(from -> all.add(new Absence(from, next(p))));
      }
    }
    return all;
  }

  private long next(Player process) {
    return successors(process).stream().mapToLong(Player::since).min().orElse(Long.MAX_VALUE);
  }

  /** When any IOMMU was dead or frozen. */
  List<Absence> iommuAbsences() {
    Set<String> iommus = new HashSet<>();
    processes.stream().filter(p -> p.is("iommu")).forEach(p -> iommus.add(p.node));
    return iommus.stream().flatMap(n -> absences(n).stream()).toList();
  }

  /** How long a node was frozen within that time. */
  long frozenNanos(String node, long from, long to) {
    return freezes().stream()
        .filter(f -> f.node.equals(node))
        .mapToLong(f -> Math.max(0, Math.min(to, f.to) - Math.max(from, f.struck.nanos())))
        .sum();
  }

  /** When a node had been awake for so long since then; {@code Long.MAX_VALUE} if never. */
  long awakeFor(String node, long from, long nanos) {
    long at = from + nanos;
    List<Absence> absences =
        absences(node).stream().sorted((a, b) -> Long.compare(a.from, b.from)).toList();
    for (Absence a : absences) {
      if (a.to > from && a.from < at) {
        if (a.to == Long.MAX_VALUE) {
          return Long.MAX_VALUE;
        }
        at += a.to - Math.max(from, a.from);
      }
    }
    return at;
  }

  /** Whether a fault that does one of these things to a node had struck by then. */
  boolean struck(String node, long nanos, Set<Blow> blows) {
    return strikes.stream()
        .anyMatch(s -> blows.contains(s.blow) && s.line.nanos() <= nanos && s.nodes.contains(node));
  }

  /** Whether a fault that does that to anybody had struck by then. */
  boolean struck(long nanos, Blow blow) {
    return strikes.stream().anyMatch(s -> s.blow == blow && s.line.nanos() <= nanos);
  }

  /** The first fault. */
  Optional<HistoryLine> firstStrike() {
    return strikes.stream().map(Strike::line).findFirst();
  }
}
