package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A program of the importer's node that has an attached buffer mapped by {@code mmap(2)} and reads
 * it now and then, between {@code begin_cpu_access} and {@code end_cpu_access}. A pure function.
 *
 * <pre>
 *   OFF -> MAPPING -> MAPPED -> BEGINNING -> (reads) -> ENDING -> MAPPED
 *             ^          a read that faults: SIGBUS        |
 *             +-- UNMAPPING <-- the page fault maps anew --+
 * </pre>
 *
 * The program reads whatever begin_cpu_access answers: it is the MMU that must stop it.
 */
public final class CpuAccessCore {
  /** Where it stands. */
  public enum Phase {
    /** Not attached, or the exporter has no mmap op. */
    OFF,
    /** {@code dma_buf_mmap()} was called. */
    MAPPING,
    /** It was refused: the next access is a page fault that tries again. */
    UNMAPPED,
    /** Mapped. */
    MAPPED,
    /** {@code dma_buf_begin_cpu_access()} was called. */
    BEGINNING,
    /** {@code dma_buf_end_cpu_access()} was called. */
    ENDING,
    /** What faulted is given back, before it is mapped anew: mappings are counted. */
    UNMAPPING
  }

  /**
   * The program.
   *
   * @param faulted whether its last read did
   * @param table what is mapped
   * @param call the number of the call that is outstanding
   * @param dueNanos when to do something next
   */
  public record State(
      Phase phase, boolean faulted, @Nullable SgTable table, long call, long dueNanos) {
    /** Nothing is attached. */
    public static final State OFF = new State(Phase.OFF, false, null, 0, ReactionTimeline.NEVER);
  }

  /** What can happen. */
  public sealed interface Event {
    /** The buffer is attached. */
    record Attached(long call, long nowNanos) implements Event {}

    /** {@code dueNanos} is over. */
    record Due(long call, long nowNanos) implements Event {}

    /** A call was answered, for an mmap with its addresses. */
    record Answered(
        Operation operation, Errno errno, @Nullable SgTable table, long call, long nowNanos)
        implements Event {}

    /** It has read, or got SIGBUS. */
    record HasRead(boolean faulted, long call, long nowNanos) implements Event {}

    /** The attachment is about to go. */
    record Detaching(long call) implements Event {}

    /** The exporter is gone. */
    record ExporterGone() implements Event {}
  }

  /** What to do. */
  public sealed interface Effect {
    /** Call an operation. */
    record Ask(Operation operation, long call) implements Effect {}

    /** Map the memory. */
    record Open(SgTable table) implements Effect {}

    /** Read it; {@link Event.HasRead} follows. */
    record Read() implements Effect {}

    /** A page fault found nothing: SIGBUS. */
    record Fault() implements Effect {}

    /** Unmap the memory. */
    record Close() implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  static final long EVERY_NANOS = 20_000_000;
  static final long RETRY_NANOS = 1_000_000_000L;

  private CpuAccessCore() {}

  /** Decides. Never throws: an event that makes no sense changes nothing. */
  public static Step step(State s, Event event) {
    List<Effect> effects = new ArrayList<>(2);
    State next =
        switch (event) {
          case Event.Attached e ->
              s.phase() == Phase.OFF
                  ? ask(s, Phase.MAPPING, Operation.MMAP, e.call(), e.nowNanos(), effects)
                  : s;
          case Event.Due e -> due(s, e, effects);
          case Event.Answered e -> answered(s, e, effects);
          case Event.HasRead e -> hasRead(s, e, effects);
          case Event.Detaching e -> detaching(s, e, effects);
          case Event.ExporterGone e -> {
            close(s, effects);
            yield State.OFF;
          }
        };
    return new Step(next, effects);
  }

  private static State due(State s, Event.Due e, List<Effect> effects) {
    return switch (s.phase()) {
      case OFF -> new State(s.phase(), s.faulted(), s.table(), s.call(), ReactionTimeline.NEVER);
      case MAPPING -> again(s, Operation.MMAP, e, effects);
      case BEGINNING -> again(s, Operation.BEGIN_CPU_ACCESS, e, effects);
      case ENDING -> again(s, Operation.END_CPU_ACCESS, e, effects);
      case UNMAPPING -> again(s, Operation.MUNMAP, e, effects);
      case UNMAPPED -> ask(s, Phase.MAPPING, Operation.MMAP, e.call(), e.nowNanos(), effects);
      case MAPPED ->
          ask(s, Phase.BEGINNING, Operation.BEGIN_CPU_ACCESS, e.call(), e.nowNanos(), effects);
    };
  }

  private static State again(State s, Operation operation, Event.Due e, List<Effect> effects) {
    effects.add(new Effect.Ask(operation, s.call()));
    return new State(s.phase(), s.faulted(), s.table(), s.call(), e.nowNanos() + RETRY_NANOS);
  }

  private static State ask(
      State s, Phase phase, Operation operation, long call, long now, List<Effect> effects) {
    effects.add(new Effect.Ask(operation, call));
    return new State(phase, s.faulted(), s.table(), call, now + RETRY_NANOS);
  }

  private static State answered(State s, Event.Answered e, List<Effect> effects) {
    if (s.phase() == Phase.MAPPING && e.operation() == Operation.MMAP) {
      return mapped(s, e, effects);
    }
    if (s.phase() == Phase.BEGINNING && e.operation() == Operation.BEGIN_CPU_ACCESS) {
      effects.add(new Effect.Read());
      return s;
    }
    if (s.phase() == Phase.ENDING && e.operation() == Operation.END_CPU_ACCESS) {
      if (s.faulted()) {
        close(s, effects);
        State closed = new State(s.phase(), true, null, s.call(), s.dueNanos());
        return ask(closed, Phase.UNMAPPING, Operation.MUNMAP, e.call(), e.nowNanos(), effects);
      }
      return new State(Phase.MAPPED, false, s.table(), s.call(), e.nowNanos() + EVERY_NANOS);
    }
    if (s.phase() == Phase.UNMAPPING && e.operation() == Operation.MUNMAP) {
      return ask(s, Phase.MAPPING, Operation.MMAP, e.call(), e.nowNanos(), effects);
    }
    return s;
  }

  private static State mapped(State s, Event.Answered e, List<Effect> effects) {
    SgTable table = e.table();
    if (e.errno().ok() && table != null) {
      close(s, effects);
      effects.add(new Effect.Open(table));
      return new State(Phase.MAPPED, false, table, s.call(), e.nowNanos() + EVERY_NANOS);
    }
    return switch (e.errno()) {
      // There is no such op.
      case EINVAL, EOPNOTSUPP, EOVERFLOW -> {
        close(s, effects);
        yield State.OFF;
      }
      case OK, EINTR, ENOMEM, EBUSY, ENODEV, ERESTARTSYS -> {
        effects.add(new Effect.Fault());
        close(s, effects);
        yield new State(Phase.UNMAPPED, true, null, s.call(), e.nowNanos() + EVERY_NANOS);
      }
    };
  }

  private static State hasRead(State s, Event.HasRead e, List<Effect> effects) {
    if (s.phase() != Phase.BEGINNING) {
      return s;
    }
    State read = new State(s.phase(), e.faulted(), s.table(), s.call(), s.dueNanos());
    return ask(read, Phase.ENDING, Operation.END_CPU_ACCESS, e.call(), e.nowNanos(), effects);
  }

  private static State detaching(State s, Event.Detaching e, List<Effect> effects) {
    if (s.phase() != Phase.OFF) {
      if (s.phase() == Phase.MAPPING || s.table() != null) {
        effects.add(new Effect.Ask(Operation.MUNMAP, e.call()));
      }
      close(s, effects);
    }
    return State.OFF;
  }

  private static void close(State s, List<Effect> effects) {
    if (s.table() != null) {
      effects.add(new Effect.Close());
    }
  }
}
