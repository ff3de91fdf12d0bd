package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an importer's driver decides for one attachment. A pure function.
 *
 * <pre>
 *   IDLE -> ATTACHING -> [PINNING] -> MAPPING -> LIVE --invalidate--> STOPPING -> WAITING
 *              |  ^                      ^                                          |  |
 *              v  |                      +---- maps again, until it may ------------+  |
 *           REFUSED                                                                    |
 *                 +------- UNPINNING -> DETACHING: a permanent invalidation -----------+
 * </pre>
 *
 * Nobody tells an importer that a map is possible again, so it tries at each next use, less and
 * less often.
 */
public final class AttachmentCore {
  /** Where the attachment stands. */
  public enum Phase {
    /** Not attached. */
    IDLE,
    /** {@code dma_buf_dynamic_attach()} was called. */
    ATTACHING,
    /** {@code dma_buf_pin()} was called. */
    PINNING,
    /** {@code dma_buf_map_attachment()} was called. */
    MAPPING,
    /** Mapped: the engine does DMA. */
    LIVE,
    /** Invalidated, or ending: the engine is stopping. */
    STOPPING,
    /** Attached, but not mapped: a later use tries again. */
    WAITING,
    /** {@code dma_buf_unmap_attachment()} was called, at the end. */
    UNMAPPING,
    /** {@code dma_buf_unpin()} was called. */
    UNPINNING,
    /** {@code dma_buf_detach()} was called. */
    DETACHING,
    /** Refused for good. */
    REFUSED,
    /** Detached, or its exporter is gone: nothing more happens. */
    DONE
  }

  /**
   * One attachment.
   *
   * @param index the importer's own number for it
   * @param id the exporter's number for it; meaningful from PINNING on
   * @param attempt how often it has attached
   * @param pinned whether it holds a pin
   * @param epoch the newest revoke that it knows of
   * @param table what is mapped, or was last: stale once it is not LIVE
   * @param call the number of the call that is outstanding
   * @param tries how often a map was refused since the last that was not
   * @param dueNanos when to try again what has not been answered or was refused
   * @param ending whether it is to detach
   * @param hopeless whether it is to detach because no map of it will ever succeed
   */
  public record State(
      int index,
      ImporterOffer offer,
      Phase phase,
      int id,
      int attempt,
      boolean pinned,
      long epoch,
      @Nullable SgTable table,
      long call,
      int tries,
      long dueNanos,
      boolean ending,
      boolean hopeless) {
    /** Not attached yet. */
    public static State idle(int index, ImporterOffer offer, long nowNanos) {
      return new State(
          index, offer, Phase.IDLE, 0, 0, false, 0, null, 0, 0, nowNanos, false, false);
    }

    /** The number under which this attempt to attach is known. */
    public int cookie() {
      return index | (attempt & 0x7fff) << 16;
    }

    State phase(Phase next, long due) {
      return new State(
          index, offer, next, id, attempt, pinned, epoch, table, call, tries, due, ending,
          hopeless);
    }

    State asking(Phase next, long newCall, long due) {
      return new State(
          index, offer, next, id, attempt, pinned, epoch, table, newCall, tries, due, ending,
          hopeless);
    }

    State attempt(int next) {
      return new State(
          index, offer, phase, id, next, pinned, epoch, table, call, tries, dueNanos, ending,
          hopeless);
    }

    State attached(int newId) {
      return new State(
          index, offer, phase, newId, attempt, false, 0, null, call, 0, dueNanos, ending, hopeless);
    }

    State pinned(boolean next) {
      return new State(
          index, offer, phase, id, attempt, next, epoch, table, call, tries, dueNanos, ending,
          hopeless);
    }

    State epoch(long next) {
      return new State(
          index, offer, phase, id, attempt, pinned, next, table, call, tries, dueNanos, ending,
          hopeless);
    }

    State mapped(SgTable next) {
      return new State(
          index, offer, phase, id, attempt, pinned, epoch, next, call, 0, dueNanos, ending,
          hopeless);
    }

    State tried() {
      return new State(
          index, offer, phase, id, attempt, pinned, epoch, table, call, tries + 1, dueNanos, ending,
          hopeless);
    }

    State givingUp() {
      return new State(
          index, offer, phase, id, attempt, pinned, epoch, table, call, tries, dueNanos, ending,
          true);
    }

    State toEnd() {
      return new State(
          index, offer, phase, id, attempt, pinned, epoch, table, call, tries, dueNanos, true,
          hopeless);
    }

    /** Whether nothing more will happen to it. */
    public boolean settled() {
      return phase == Phase.LIVE || phase == Phase.REFUSED || phase == Phase.DONE;
    }
  }

  /** What can happen. {@code call} numbers whatever is asked in consequence. */
  public sealed interface Event {
    /** {@code dueNanos} is over. */
    record Due(long call, long nowNanos) implements Event {}

    /** The attach was answered. */
    record AttachAnswered(Errno errno, int id, long call, long nowNanos) implements Event {}

    /** An operation was answered, for a map with its table. */
    record Answered(
        Operation operation, Errno errno, @Nullable SgTable table, long call, long nowNanos)
        implements Event {}

    /** {@code invalidate_mappings()} was called. */
    record Invalidated(long epoch, long nowNanos) implements Event {}

    /** The engine says that it has stopped. */
    record EngineStopped(long call, long nowNanos) implements Event {}

    /** The experiment ends: give everything back. */
    record Ending(long call, long nowNanos) implements Event {}

    /** The exporter's node is gone. */
    record ExporterGone() implements Event {}
  }

  /** What to do. */
  public sealed interface Effect {
    /** Call {@code dma_buf_dynamic_attach()}. */
    record Attach(int cookie) implements Effect {}

    /** Call an operation. */
    record Ask(Operation operation, long call) implements Effect {}

    /** Let the engine do DMA. */
    record StartEngine(SgTable table) implements Effect {}

    /** Stop the engine; {@link Event.EngineStopped} follows. */
    record StopEngine() implements Effect {}

    /** Tell the exporter how far this attachment has come with a revoke. */
    record Progress(long epoch, boolean returned, boolean fenced, boolean unmapped)
        implements Effect {}

    /** Try to use the address of a mapping that is gone: it must fail. */
    record Probe(SgTable stale) implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  /** After how long an unanswered call is made again. */
  static final long RETRY_NANOS = 250_000_000L;

  /** Stands for a call that was answered, but not as it must be. */
  private static final long REFUSED_CALL = 0;

  private static final long FIRST_USE_NANOS = 4_000_000L;
  private static final int MOST_DOUBLINGS = 4;

  private AttachmentCore() {}

  /** Decides. Never throws: an event that makes no sense changes nothing. */
  public static Step step(State s, Event event) {
    List<Effect> effects = new ArrayList<>(2);
    State next =
        switch (event) {
          case Event.Due e -> due(s, e, effects);
          case Event.AttachAnswered e -> attachAnswered(s, e, effects);
          case Event.Answered e -> answered(s, e, effects);
          case Event.Invalidated e -> invalidated(s, e, effects);
          case Event.EngineStopped e -> engineStopped(s, e, effects);
          case Event.Ending e -> ending(s, e, effects);
          case Event.ExporterGone e -> exporterGone(s, effects);
        };
    return new Step(next, effects);
  }

  private static State due(State s, Event.Due e, List<Effect> effects) {
    long retry = e.nowNanos() + RETRY_NANOS;
    return switch (s.phase()) {
      case IDLE -> {
        State next = s.attempt(s.attempt() + 1).phase(Phase.ATTACHING, retry);
        effects.add(new Effect.Attach(next.cookie()));
        yield next;
      }
      case ATTACHING -> {
        effects.add(new Effect.Attach(s.cookie()));
        yield s.phase(s.phase(), retry);
      }
      case WAITING -> ask(s, Phase.MAPPING, Operation.MAP, e.call(), e.nowNanos(), effects);
      case PINNING -> again(s, Operation.PIN, retry, effects);
      case MAPPING -> again(s, Operation.MAP, retry, effects);
      case UNMAPPING -> again(s, Operation.UNMAP, retry, effects);
      case UNPINNING -> again(s, Operation.UNPIN, retry, effects);
      case DETACHING ->
          s.call() == REFUSED_CALL
              ? ask(s, Phase.DETACHING, Operation.DETACH, e.call(), e.nowNanos(), effects)
              : again(s, Operation.DETACH, retry, effects);
      case LIVE, STOPPING, REFUSED, DONE -> s.phase(s.phase(), Long.MAX_VALUE);
    };
  }

  private static State again(State s, Operation operation, long retry, List<Effect> effects) {
    effects.add(new Effect.Ask(operation, s.call()));
    return s.phase(s.phase(), retry);
  }

  private static State ask(
      State s, Phase phase, Operation operation, long call, long now, List<Effect> effects) {
    effects.add(new Effect.Ask(operation, call));
    return s.asking(phase, call, now + RETRY_NANOS);
  }

  private static State attachAnswered(State s, Event.AttachAnswered e, List<Effect> effects) {
    if (s.phase() != Phase.ATTACHING) {
      return s;
    }
    return switch (e.errno()) {
      case OK -> {
        State next = s.attached(e.id());
        if (s.ending()) {
          yield ask(next, Phase.DETACHING, Operation.DETACH, e.call(), e.nowNanos(), effects);
        }
        yield s.offer().pins()
            ? ask(next, Phase.PINNING, Operation.PIN, e.call(), e.nowNanos(), effects)
            : ask(next, Phase.MAPPING, Operation.MAP, e.call(), e.nowNanos(), effects);
      }
      // Revoked for now: what an importer does is what its user does, who tries again later.
      case ENODEV ->
          s.ending()
              ? s.phase(Phase.DONE, Long.MAX_VALUE)
              : later(s.phase(Phase.IDLE, 0), e.nowNanos(), effects);
      case EOPNOTSUPP, EBUSY, EINVAL, ENOMEM, EINTR, EOVERFLOW, ERESTARTSYS ->
          s.phase(Phase.REFUSED, Long.MAX_VALUE);
    };
  }

  /** Tries again later, and meanwhile sees for itself that the old address leads nowhere. */
  private static State later(State s, long now, List<Effect> effects) {
    SgTable stale = s.table();
    if (stale != null) {
      effects.add(new Effect.Probe(stale));
    }
    long wait = FIRST_USE_NANOS << Math.min(s.tries(), MOST_DOUBLINGS);
    return s.tried().phase(s.phase(), now + wait);
  }

  private static State answered(State s, Event.Answered e, List<Effect> effects) {
    return switch (e.operation()) {
      case PIN ->
          s.phase() != Phase.PINNING
              ? s
              : s.ending()
                  ? giveBack(s.pinned(e.errno().ok()), e.call(), e.nowNanos(), effects)
                  : ask(
                      s.pinned(e.errno().ok()),
                      Phase.MAPPING,
                      Operation.MAP,
                      e.call(),
                      e.nowNanos(),
                      effects);
      case MAP -> s.phase() != Phase.MAPPING ? s : mapAnswered(s, e, effects);
      case UNMAP -> s.phase() != Phase.UNMAPPING ? s : giveBack(s, e.call(), e.nowNanos(), effects);
      case UNPIN ->
          s.phase() != Phase.UNPINNING
              ? s
              : giveBack(s.pinned(false), e.call(), e.nowNanos(), effects);
      case DETACH -> s.phase() != Phase.DETACHING ? s : detachAnswered(s, e);
      case IOMMUFD_MAP, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> s;
    };
  }

  private static State detachAnswered(State s, Event.Answered e) {
    if (!e.errno().ok()) {
      // The exporter has not heard of the unmap yet: as a new call, a little later.
      return s.asking(Phase.DETACHING, REFUSED_CALL, e.nowNanos() + RETRY_NANOS);
    }
    if (s.ending()) {
      return s.phase(Phase.DONE, Long.MAX_VALUE);
    }
    return s.hopeless()
        ? s.phase(Phase.REFUSED, Long.MAX_VALUE)
        : s.phase(Phase.IDLE, e.nowNanos());
  }

  private static State mapAnswered(State s, Event.Answered e, List<Effect> effects) {
    SgTable table = e.table();
    if (e.errno().ok() && table != null) {
      State mapped = s.mapped(table);
      if (s.ending()) {
        return ask(mapped, Phase.UNMAPPING, Operation.UNMAP, e.call(), e.nowNanos(), effects);
      }
      effects.add(new Effect.StartEngine(table));
      return mapped.phase(Phase.LIVE, Long.MAX_VALUE);
    }
    if (s.ending()) {
      return giveBack(s, e.call(), e.nowNanos(), effects);
    }
    if (e.errno() == Errno.EINVAL) {
      // Not for now but for good: the two devices cannot do peer-to-peer.
      return giveBack(s.givingUp(), e.call(), e.nowNanos(), effects);
    }
    return later(s.phase(Phase.WAITING, 0), e.nowNanos(), effects);
  }

  private static State invalidated(State s, Event.Invalidated e, List<Effect> effects) {
    if (e.epoch() < s.epoch()) {
      return s;
    }
    State next = s.epoch(e.epoch());
    if (s.phase() == Phase.LIVE) {
      effects.add(new Effect.StopEngine());
      if (true) {
        effects.add(new Effect.Progress(e.epoch(), true, false, false));
      }
      return next.phase(Phase.STOPPING, Long.MAX_VALUE);
    }
    if (s.phase() == Phase.STOPPING) {
      // Told again: the answer comes when the engine has stopped.
      return next;
    }
    // Nothing is mapped here, as far as this side knows, and so nothing can be in flight.
    effects.add(new Effect.Progress(e.epoch(), true, true, true));
    return next;
  }

  private static State engineStopped(State s, Event.EngineStopped e, List<Effect> effects) {
    if (s.phase() != Phase.STOPPING) {
      return s;
    }
    if (s.ending()) {
      if (s.epoch() > 0) {
        effects.add(new Effect.Progress(s.epoch(), true, true, false));
      }
      return ask(s, Phase.UNMAPPING, Operation.UNMAP, e.call(), e.nowNanos(), effects);
    }
    effects.add(new Effect.Progress(s.epoch(), true, true, true));
    if (s.offer().pins()) {
      return giveBack(s, e.call(), e.nowNanos(), effects);
    }
    // The next use may come at once.
    return s.phase(Phase.WAITING, e.nowNanos());
  }

  private static State ending(State s, Event.Ending e, List<Effect> effects) {
    State next = s.toEnd();
    return switch (s.phase()) {
      case IDLE, REFUSED, DONE -> next.phase(Phase.DONE, Long.MAX_VALUE);
      case LIVE -> {
        effects.add(new Effect.StopEngine());
        yield next.phase(Phase.STOPPING, Long.MAX_VALUE);
      }
      case WAITING -> giveBack(next, e.call(), e.nowNanos(), effects);
      case ATTACHING, PINNING, MAPPING, STOPPING, UNMAPPING, UNPINNING, DETACHING -> next;
    };
  }

  /** Unpins if pinned, then detaches. */
  private static State giveBack(State s, long call, long now, List<Effect> effects) {
    return s.pinned()
        ? ask(s, Phase.UNPINNING, Operation.UNPIN, call, now, effects)
        : ask(s, Phase.DETACHING, Operation.DETACH, call, now, effects);
  }

  private static State exporterGone(State s, List<Effect> effects) {
    if (s.phase() == Phase.LIVE) {
      effects.add(new Effect.StopEngine());
    }
    return s.phase(Phase.DONE, Long.MAX_VALUE).pinned(false);
  }
}
