package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Who on the importer's node has an attached buffer mapped for the CPU and uses it now and then,
 * between {@code begin_cpu_access} and {@code end_cpu_access}: a program, by {@code mmap(2)}, or
 * the driver, by {@code dma_buf_vmap()}. A pure function.
 *
 * <pre>
 *   OFF -> MAPPING -> MAPPED -> BEGINNING -> (access) -> ENDING -> MAPPED
 *             ^          an access that faults            |
 *             |          a driver, after some of them     |
 *             +-- UNMAPPING <-----------------------------+
 * </pre>
 *
 * A program reads, whatever begin_cpu_access answers: it is the MMU that must stop it. It holds its
 * mapping until a read is a SIGBUS; the page fault maps anew. A driver reads and writes, not where
 * begin_cpu_access is refused, and gives its mapping up when it has used it for a while.
 */
public final class CpuAccessCore {
  /** Where it stands. */
  public enum Phase {
    /** Not attached, or the exporter has no such op. */
    OFF,
    /** {@code dma_buf_mmap()} or {@code dma_buf_vmap()} was called. */
    MAPPING,
    /** It was refused: the next access tries again. */
    UNMAPPED,
    /** Mapped. */
    MAPPED,
    /** {@code dma_buf_begin_cpu_access()} was called. */
    BEGINNING,
    /** {@code dma_buf_end_cpu_access()} was called. */
    ENDING,
    /** What is given back, as mappings are counted: it faulted, or was used for long enough. */
    UNMAPPING,
    /** The same, and the attachment goes with it, which is not legal before. */
    DETACHING
  }

  /**
   * The program, or the driver.
   *
   * @param use which of the two
   * @param faulted whether its last access did
   * @param accesses how often it has used what is mapped
   * @param table what is mapped
   * @param call the number of the call that is outstanding
   * @param dueNanos when to do something next
   */
  public record State(
      CpuUse use,
      Phase phase,
      boolean faulted,
      int accesses,
      @Nullable SgTable table,
      long call,
      long dueNanos) {
    /** Nothing is attached. */
    public static final State OFF =
        new State(CpuUse.NONE, Phase.OFF, false, 0, null, 0, ReactionTimeline.NEVER);

    State to(Phase next, long due) {
      return new State(use, next, faulted, accesses, table, call, due);
    }

    State asking(Phase next, long newCall, long due) {
      return new State(use, next, faulted, accesses, table, newCall, due);
    }

    State mapped(@Nullable SgTable next) {
      return new State(use, phase, false, 0, next, call, dueNanos);
    }

    State accessed(boolean nowFaulted) {
      return new State(use, phase, nowFaulted, accesses + 1, table, call, dueNanos);
    }

    Operation map() {
      return use == CpuUse.VMAP ? Operation.VMAP : Operation.MMAP;
    }

    Operation unmap() {
      return use == CpuUse.VMAP ? Operation.VUNMAP : Operation.MUNMAP;
    }

    /** Whether what is mapped is to be given back. */
    boolean done() {
      return faulted || (use == CpuUse.VMAP && accesses >= ACCESSES_BEFORE_VUNMAP);
    }
  }

  /** What can happen. */
  public sealed interface Event {
    /** The buffer is attached. */
    record Attached(CpuUse use, long call, long nowNanos) implements Event {}

    /** {@code dueNanos} is over. */
    record Due(long call, long nowNanos) implements Event {}

    /** A call was answered, one that maps with its addresses. */
    record Answered(
        Operation operation, Errno errno, @Nullable SgTable table, long call, long nowNanos)
        implements Event {}

    /** It has used the memory, or could not. */
    record Accessed(boolean faulted, long call, long nowNanos) implements Event {}

    /** The attachment is about to go; again, as long as it cannot. */
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

    /** Use it, for reads or for writes too; {@link Event.Accessed} follows. */
    record Access(boolean writes) implements Effect {}

    /** A page fault found nothing: SIGBUS. */
    record Fault() implements Effect {}

    /** Unmap the memory. */
    record Close() implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  static final long EVERY_NANOS = 20_000_000;
  static final long RETRY_NANOS = 1_000_000_000L;
  static final int ACCESSES_BEFORE_VUNMAP = 4;

  private CpuAccessCore() {}

  /** Decides. Never throws: an event that makes no sense changes nothing. */
  public static Step step(State s, Event event) {
    List<Effect> effects = new ArrayList<>(2);
    State next =
        switch (event) {
          case Event.Attached e -> attached(s, e, effects);
          case Event.Due e -> due(s, e, effects);
          case Event.Answered e -> answered(s, e, effects);
          case Event.Accessed e -> accessed(s, e, effects);
          case Event.Detaching e -> detaching(s, e, effects);
          case Event.ExporterGone e -> {
            close(s, effects);
            yield State.OFF;
          }
        };
    return new Step(next, effects);
  }

  private static State attached(State s, Event.Attached e, List<Effect> effects) {
    if (s.phase() != Phase.OFF || e.use() == CpuUse.NONE) {
      return s;
    }
    State begun = new State(e.use(), Phase.OFF, false, 0, null, 0, ReactionTimeline.NEVER);
    return ask(begun, Phase.MAPPING, begun.map(), e.call(), e.nowNanos(), effects);
  }

  private static State due(State s, Event.Due e, List<Effect> effects) {
    return switch (s.phase()) {
      case OFF, DETACHING -> s.to(s.phase(), ReactionTimeline.NEVER);
      case MAPPING -> again(s, s.map(), e, effects);
      case BEGINNING -> again(s, Operation.BEGIN_CPU_ACCESS, e, effects);
      case ENDING -> again(s, Operation.END_CPU_ACCESS, e, effects);
      case UNMAPPING -> again(s, s.unmap(), e, effects);
      case UNMAPPED -> ask(s, Phase.MAPPING, s.map(), e.call(), e.nowNanos(), effects);
      case MAPPED ->
          ask(s, Phase.BEGINNING, Operation.BEGIN_CPU_ACCESS, e.call(), e.nowNanos(), effects);
    };
  }

  private static State again(State s, Operation operation, Event.Due e, List<Effect> effects) {
    effects.add(new Effect.Ask(operation, s.call()));
    return s.to(s.phase(), e.nowNanos() + RETRY_NANOS);
  }

  private static State ask(
      State s, Phase phase, Operation operation, long call, long now, List<Effect> effects) {
    effects.add(new Effect.Ask(operation, call));
    return s.asking(phase, call, now + RETRY_NANOS);
  }

  private static State answered(State s, Event.Answered e, List<Effect> effects) {
    if (s.phase() == Phase.MAPPING && e.operation() == s.map()) {
      return mapped(s, e, effects);
    }
    if (s.phase() == Phase.BEGINNING && e.operation() == Operation.BEGIN_CPU_ACCESS) {
      if (s.use() == CpuUse.VMAP && !e.errno().ok()) {
        return s.to(Phase.MAPPED, e.nowNanos() + EVERY_NANOS);
      }
      effects.add(new Effect.Access(s.use() == CpuUse.VMAP));
      return s;
    }
    if (s.phase() == Phase.ENDING && e.operation() == Operation.END_CPU_ACCESS) {
      if (s.done()) {
        close(s, effects);
        State closed = s.mapped(null);
        return ask(closed, Phase.UNMAPPING, s.unmap(), e.call(), e.nowNanos(), effects);
      }
      return s.to(Phase.MAPPED, e.nowNanos() + EVERY_NANOS);
    }
    if (s.phase() == Phase.DETACHING && e.operation() == s.unmap()) {
      return State.OFF;
    }
    if (s.phase() == Phase.UNMAPPING && e.operation() == s.unmap()) {
      return ask(s, Phase.MAPPING, s.map(), e.call(), e.nowNanos(), effects);
    }
    return s;
  }

  private static State mapped(State s, Event.Answered e, List<Effect> effects) {
    SgTable table = e.table();
    if (e.errno().ok() && table != null) {
      close(s, effects);
      effects.add(new Effect.Open(table));
      return s.mapped(table).to(Phase.MAPPED, e.nowNanos() + EVERY_NANOS);
    }
    return switch (e.errno()) {
      // There is no such op.
      case EINVAL, EOPNOTSUPP, EOVERFLOW -> {
        close(s, effects);
        yield State.OFF;
      }
      case OK, EINTR, ENOMEM, EBUSY, ENODEV, ERESTARTSYS -> {
        if (s.use() == CpuUse.MMAP) {
          effects.add(new Effect.Fault());
        }
        close(s, effects);
        yield s.mapped(null).to(Phase.UNMAPPED, e.nowNanos() + EVERY_NANOS);
      }
    };
  }

  private static State accessed(State s, Event.Accessed e, List<Effect> effects) {
    if (s.phase() != Phase.BEGINNING) {
      return s;
    }
    State next = s.accessed(e.faulted());
    return ask(next, Phase.ENDING, Operation.END_CPU_ACCESS, e.call(), e.nowNanos(), effects);
  }

  private static State detaching(State s, Event.Detaching e, List<Effect> effects) {
    return switch (s.phase()) {
      case OFF, UNMAPPED -> State.OFF;
      // It may have been lost, and so may its answer; under its number it counts once.
      case UNMAPPING, DETACHING -> unmapping(s, s.call(), effects);
      case MAPPING, MAPPED, BEGINNING, ENDING -> unmapping(s, e.call(), effects);
    };
  }

  private static State unmapping(State s, long call, List<Effect> effects) {
    effects.add(new Effect.Ask(s.unmap(), call));
    close(s, effects);
    return s.mapped(null).asking(Phase.DETACHING, call, ReactionTimeline.NEVER);
  }

  private static void close(State s, List<Effect> effects) {
    if (s.table() != null) {
      effects.add(new Effect.Close());
    }
  }
}
