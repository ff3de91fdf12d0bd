package dev.dmabufsim.common.fault;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Where a process is made to die or to freeze, to the instruction. What is to happen where comes
 * with the JVM, in the property {@value #PROPERTY}: {@code POINT@REVOKE=kill} or {@code =stop},
 * separated by commas.
 *
 * <p>{@link #ARMED} is a constant to the JIT compiler: where no fault is wanted, {@code if
 * (FaultTrap.ARMED)} and all behind it is compiled to nothing, also within a DMA's guard.
 *
 * <p>A point strikes once, the first time that it is passed when the node has taken part in so many
 * revokes. What counts as one is a round: a device's revoke of all its buffers.
 */
public final class FaultTrap {
  /** The property from which a node learns of its faults. */
  public static final String PROPERTY = "dmabufsim.faults";

  /** Whether there is any fault in this process's life. */
  public static final boolean ARMED = !System.getProperty(PROPERTY, "").isEmpty();

  /** What happens to a process at a point. */
  public enum Action {
    /** SIGKILL. */
    KILL,
    /** SIGSTOP: not one of its threads runs on, until somebody sends SIGCONT. */
    STOP
  }

  /**
   * A fault.
   *
   * @param point where
   * @param revoke in which round of this node, from 1; 0 for before any
   * @param action what
   */
  public record Trap(FaultPoint point, int revoke, Action action) {
    /** As it stands in the property. */
    public String text() {
      return point.label() + "@" + revoke + "=" + action.name();
    }
  }

  private record Armed(Trap trap, AtomicBoolean struck) {}

  private static final List<Armed> TRAPS =
      parse(System.getProperty(PROPERTY, "")).stream()
          .map(t -> new Armed(t, new AtomicBoolean()))
          .toList();

  /** So long a message takes, at most, from an actor to the kernel. */
  private static final long SENDING_NANOS = 20_000_000;

  private static final Set<Object> ROUNDS = ConcurrentHashMap.newKeySet();

  private static volatile Consumer<Trap> witness = trap -> {};

  private FaultTrap() {}

  /**
   * Reads faults.
   *
   * @throws IllegalArgumentException if it is not what {@link Trap#text} writes
   */
  public static List<Trap> parse(String text) {
    List<Trap> traps = new ArrayList<>();
    for (String one : text.isEmpty() ? new String[0] : text.split(",", -1)) {
      String[] parts = one.split("[@=]", -1);
      if (parts.length != 3) {
        throw new IllegalArgumentException("no fault: " + one);
      }
      FaultPoint point =
          FaultPoint.labelled(parts[0])
              .orElseThrow(() -> new IllegalArgumentException("no point of a fault: " + one));
      Action action =
          Arrays.stream(Action.values())
              .filter(a -> a.name().equals(parts[2]))
              .findFirst()
              .orElseThrow(() -> new IllegalArgumentException("no action of a fault: " + one));
      traps.add(new Trap(point, Integer.parseInt(parts[1]), action));
    }
    return List.copyOf(traps);
  }

  /**
   * Who is to be told that a fault strikes, before it does: by the thread that stands at the point,
   * which then goes no further.
   */
  public static void witness(Consumer<Trap> told) {
    witness = told;
  }

  /**
   * A revoke begins in which this node takes part.
   *
   * @param round what tells its round from others: equal for all buffers of one round
   */
  public static void revoke(Object round) {
    if (ARMED) {
      ROUNDS.add(round);
    }
  }

  /** How many rounds of revokes this node has taken part in. */
  public static int revokes() {
    return ROUNDS.size();
  }

  /** The calling thread passes a point. If a fault is due here, it does not return, or late. */
  public static void at(FaultPoint point) {
    if (ARMED) {
      for (Armed set : TRAPS) {
        if (set.trap.point() == point
            && ROUNDS.size() >= set.trap.revoke()
            && set.struck.compareAndSet(false, true)) {
          strike(set.trap);
        }
      }
    }
  }

  /** The thread that stands here sends nothing more; what it has sent is on its way by then. */
  private static void untilSent() {
    long until = System.nanoTime() + SENDING_NANOS;
    for (long left = SENDING_NANOS; left > 0; left = until - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  private static void strike(Trap trap) {
    if (trap.point().sent()) {
      untilSent();
    }
    witness.accept(trap);
    switch (trap.action()) {
      case KILL -> Signals.kill();
      case STOP -> Signals.stop();
    }
  }
}
