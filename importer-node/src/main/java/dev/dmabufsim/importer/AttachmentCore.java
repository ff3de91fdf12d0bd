package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentEffect.Ask;
import dev.dmabufsim.importer.AttachmentEffect.Progress;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an importer's driver decides for one attachment. A pure function.
 *
 * <pre>
 *   IDLE -> ATTACHING -> [PINNING] -> MAPPING -> LIVE --invalidate--> STOPPING
 *              |  ^                      ^                               |
 *              v  |                      |                               +--> AWAY
 *           REFUSED                      +---- WAITING <-----------------+
 *                 |                    maps again, until it may          |
 *                 +------- [UNPINNING] -> DETACHING <--------------------+
 *                                                    registers anew
 * </pre>
 *
 * What happens in STOPPING is the driver's {@link dev.dmabufsim.common.driver.Reaction}, as a
 * {@link ReactionTimeline}. An invalidation that comes again, or with a newer epoch, is answered
 * with how far that is.
 *
 * <p>Nobody tells an importer that a map is possible again, so it tries at each next use, less and
 * less often. Who takes an invalidation as permanent attaches anew: its key, the attachment, is not
 * used again.
 */
public final class AttachmentCore {
  /** What follows. */
  public record Step(AttachmentState state, List<AttachmentEffect> effects) {}

  /** After how long an unanswered call is made again. */
  static final long RETRY_NANOS = 250_000_000L;

  /** Stands for a call that was answered, but not as it must be. */
  private static final long REFUSED_CALL = 0;

  private static final long FIRST_USE_NANOS = 4_000_000L;
  private static final int MOST_DOUBLINGS = 4;
  private static final long NEVER = ReactionTimeline.NEVER;

  private AttachmentCore() {}

  /** Decides. Never throws: an event that makes no sense changes nothing. */
  public static Step step(AttachmentState s, AttachmentEvent event) {
    List<AttachmentEffect> effects = new ArrayList<>(2);
    AttachmentState next =
        switch (event) {
          case AttachmentEvent.Due e -> due(s, e, effects);
          case AttachmentEvent.AttachAnswered e -> attachAnswered(s, e, effects);
          case AttachmentEvent.Answered e -> answered(s, e, effects);
          case AttachmentEvent.Invalidated e -> invalidated(s, e, effects);
          case AttachmentEvent.EngineFailed e ->
              s.phase() == Phase.LIVE ? s.phase(Phase.FAULTED, e.nowNanos() + RETRY_NANOS) : s;
          case AttachmentEvent.EngineStopped e -> engineStopped(s, e, effects);
          case AttachmentEvent.EngineReleased e -> engineReleased(s, e, effects);
          case AttachmentEvent.Ending e -> ending(s, e, effects);
          case AttachmentEvent.ExporterGone e -> exporterGone(s, effects);
        };
    return new Step(next, effects);
  }

  private static AttachmentState due(
      AttachmentState s, AttachmentEvent.Due e, List<AttachmentEffect> effects) {
    long retry = e.nowNanos() + RETRY_NANOS;
    return switch (s.phase()) {
      case IDLE -> attach(s, e.nowNanos(), effects);
      case ATTACHING -> {
        effects.add(new AttachmentEffect.Attach(s.cookie()));
        yield s.phase(s.phase(), retry);
      }
      case WAITING -> pinOrMap(s, e.call(), e.nowNanos(), effects);
      case PINNING -> again(s, Operation.PIN, retry, effects);
      case MAPPING -> again(s, mapOf(s), retry, effects);
      case UNMAPPING -> again(s, Operation.UNMAP, retry, effects);
      case UNPINNING -> again(s, Operation.UNPIN, retry, effects);
      case DETACHING ->
          s.call() == REFUSED_CALL
              ? ask(s, Phase.DETACHING, Operation.DETACH, e.call(), e.nowNanos(), effects)
              : again(s, Operation.DETACH, retry, effects);
      case STOPPING -> {
        ReactionTimeline timeline = s.timeline();
        yield timeline == null
            ? s.phase(s.phase(), NEVER)
            : play(s, timeline, false, e.call(), e.nowNanos(), effects);
      }
      case FAULTED -> {
        // Nobody has said why. What was mapped is gone: to be unmapped, detached, attached anew.
        effects.add(new AttachmentEffect.ReleaseEngine(0, 0));
        yield s.phase(Phase.STOPPING, NEVER);
      }
      case LIVE, AWAY, REFUSED, DONE -> s.phase(s.phase(), NEVER);
    };
  }

  /** Attaches anew. */
  private static AttachmentState attach(
      AttachmentState s, long now, List<AttachmentEffect> effects) {
    AttachmentState next = s.attempt(s.attempt() + 1).phase(Phase.ATTACHING, now + RETRY_NANOS);
    effects.add(new AttachmentEffect.Attach(next.cookie()));
    return next;
  }

  private static AttachmentState again(
      AttachmentState s, Operation operation, long retry, List<AttachmentEffect> effects) {
    effects.add(new Ask(operation, s.call()));
    return s.phase(s.phase(), retry);
  }

  private static AttachmentState ask(
      AttachmentState s,
      Phase phase,
      Operation operation,
      long call,
      long now,
      List<AttachmentEffect> effects) {
    effects.add(new Ask(operation, call));
    return s.asking(phase, call, now + RETRY_NANOS);
  }

  private static AttachmentState pinOrMap(
      AttachmentState s, long call, long now, List<AttachmentEffect> effects) {
    return s.offer().pins() && !s.pinned()
        ? ask(s, Phase.PINNING, Operation.PIN, call, now, effects)
        : ask(s, Phase.MAPPING, mapOf(s), call, now, effects);
  }

  /** How it comes by addresses. */
  private static Operation mapOf(AttachmentState s) {
    return s.offer().iommufdMap() ? Operation.IOMMUFD_MAP : Operation.MAP;
  }

  private static AttachmentState attachAnswered(
      AttachmentState s, AttachmentEvent.AttachAnswered e, List<AttachmentEffect> effects) {
    if (s.phase() != Phase.ATTACHING) {
      return s;
    }
    return switch (e.errno()) {
      case OK -> {
        AttachmentState next = s.attached(e.id());
        yield s.ending()
            ? ask(next, Phase.DETACHING, Operation.DETACH, e.call(), e.nowNanos(), effects)
            : pinOrMap(next, e.call(), e.nowNanos(), effects);
      }
      // Revoked for now: what an importer does is what its user does, who tries again later.
      case ENODEV -> {
        if (s.ending()) {
          yield s.phase(Phase.DONE, NEVER);
        }
        if (s.hammers() && s.tries() > 0) {
          yield attach(s.tried(), e.nowNanos(), effects);
        }
        AttachmentState next = later(s.phase(Phase.IDLE, 0), e.nowNanos(), effects);
        yield s.hammers() ? attach(next, e.nowNanos(), effects) : next;
      }
      case EOPNOTSUPP, EBUSY, EINVAL, ENOMEM, EINTR, EOVERFLOW, ERESTARTSYS ->
          s.phase(Phase.REFUSED, NEVER);
    };
  }

  /** Tries again later, and meanwhile sees for itself that the old address leads nowhere. */
  private static AttachmentState later(
      AttachmentState s, long now, List<AttachmentEffect> effects) {
    SgTable stale = s.table();
    if (stale != null) {
      effects.add(new AttachmentEffect.Probe(stale));
    }
    long wait = FIRST_USE_NANOS << Math.min(s.tries(), MOST_DOUBLINGS);
    return s.tried().phase(s.phase(), now + wait);
  }

  private static AttachmentState answered(
      AttachmentState s, AttachmentEvent.Answered e, List<AttachmentEffect> effects) {
    return switch (e.operation()) {
      case PIN -> s.phase() != Phase.PINNING ? s : pinAnswered(s, e, effects);
      case MAP, IOMMUFD_MAP ->
          s.phase() != Phase.MAPPING || e.operation() != mapOf(s) ? s : mapAnswered(s, e, effects);
      case UNMAP -> s.phase() != Phase.UNMAPPING ? s : giveBack(s, e.call(), e.nowNanos(), effects);
      case UNPIN ->
          s.phase() != Phase.UNPINNING
              ? s
              : giveBack(s.pinned(false), e.call(), e.nowNanos(), effects);
      case DETACH -> s.phase() != Phase.DETACHING ? s : detachAnswered(s, e, effects);
      // The CPU's, which are asked for elsewhere.
      case BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> s;
    };
  }

  private static AttachmentState pinAnswered(
      AttachmentState s, AttachmentEvent.Answered e, List<AttachmentEffect> effects) {
    AttachmentState next = s.pinned(e.errno().ok());
    if (s.ending()) {
      return giveBack(next, e.call(), e.nowNanos(), effects);
    }
    return e.errno().ok()
        ? ask(next, Phase.MAPPING, mapOf(next), e.call(), e.nowNanos(), effects)
        : refused(next, e, effects);
  }

  private static AttachmentState mapAnswered(
      AttachmentState s, AttachmentEvent.Answered e, List<AttachmentEffect> effects) {
    SgTable table = e.table();
    if (e.errno().ok() && table != null) {
      AttachmentState mapped = s.mapped(table);
      if (s.ending() || s.overtaken()) {
        // Which side of the revoke it is from cannot be told: it is given back, and attached anew.
        return ask(mapped, Phase.UNMAPPING, Operation.UNMAP, e.call(), e.nowNanos(), effects);
      }
      effects.add(new AttachmentEffect.StartEngine(table));
      return mapped.phase(Phase.LIVE, NEVER);
    }
    return s.ending() ? giveBack(s, e.call(), e.nowNanos(), effects) : refused(s, e, effects);
  }

  /** A pin or a map was refused: for now, as by a revoke or a move that goes on, or for good. */
  private static AttachmentState refused(
      AttachmentState s, AttachmentEvent.Answered e, List<AttachmentEffect> effects) {
    if (e.errno() == Errno.EINVAL && e.operation() != Operation.PIN && unmappedAgain(s, effects)) {
      return later(s.phase(Phase.WAITING, 0), e.nowNanos(), effects);
    }
    return switch (e.errno()) {
      // The two devices cannot do peer-to-peer, or the exporter has no such operation.
      case EINVAL, EOPNOTSUPP -> giveBack(s.givingUp(), e.call(), e.nowNanos(), effects);
      case OK, ENODEV, EBUSY, ENOMEM, EINTR, EOVERFLOW, ERESTARTSYS -> {
        if (s.hammers() && s.tries() > 0) {
          yield pinOrMap(s.tried(), e.call(), e.nowNanos(), effects);
        }
        AttachmentState next = later(s.phase(Phase.WAITING, 0), e.nowNanos(), effects);
        yield s.hammers() ? pinOrMap(next, e.call(), e.nowNanos(), effects) : next;
      }
    };
  }

  /**
   * An exporter that does not wait for unmaps does not ask again for one that was lost on its way;
   * it calls what follows illegal.
   *
   * @return whether there was one
   */
  private static boolean unmappedAgain(AttachmentState s, List<AttachmentEffect> effects) {
    ReactionTimeline past = s.past();
    if (past == null || !past.released()) {
      return false;
    }
    effects.add(toldAgain(s.epoch(), past));
    return true;
  }

  private static AttachmentState detachAnswered(
      AttachmentState s, AttachmentEvent.Answered e, List<AttachmentEffect> effects) {
    if (!e.errno().ok()) {
      unmappedAgain(s, effects);
      // The exporter has not heard of the unmap yet: as a new call, a little later.
      return s.asking(Phase.DETACHING, REFUSED_CALL, e.nowNanos() + RETRY_NANOS);
    }
    if (s.ending()) {
      return s.phase(Phase.DONE, NEVER);
    }
    return s.hopeless() ? s.phase(Phase.REFUSED, NEVER) : s.phase(Phase.IDLE, e.nowNanos());
  }

  private static AttachmentState invalidated(
      AttachmentState s, AttachmentEvent.Invalidated e, List<AttachmentEffect> effects) {
    if (e.epoch() < s.epoch() || !s.offer().revocable()) {
      return s;
    }
    AttachmentState next = s.epoch(e.epoch());
    return switch (s.phase()) {
      case LIVE, FAULTED -> {
        if (e.epoch() == s.epoch()) {
          // It has answered that one, and mapped anew since.
          ReactionTimeline past = next.past();
          effects.add(past == null ? returned(e.epoch()) : toldAgain(e.epoch(), past));
          yield next;
        }
        ReactionTimeline begun = ReactionTimeline.begin(e.reaction(), e.nowNanos());
        yield play(
            next.phase(Phase.STOPPING, NEVER), begun, false, e.call(), e.nowNanos(), effects);
      }
      case STOPPING -> {
        ReactionTimeline timeline = s.timeline();
        if (timeline != null && timeline.returned()) {
          effects.add(toldAgain(e.epoch(), timeline));
        }
        yield next;
      }
      case MAPPING -> {
        effects.add(nothingMapped(e.epoch(), next.past()));
        // It says that nothing is mapped. The answer that is under way may be from before, and then
        // what it maps is being taken away.
        yield e.epoch() > s.epoch() ? next.byRevoke() : next;
      }
      case IDLE,
          ATTACHING,
          PINNING,
          WAITING,
          AWAY,
          UNMAPPING,
          UNPINNING,
          DETACHING,
          REFUSED,
          DONE -> {
        // Nothing is mapped here, as far as this side knows, and so nothing can be in flight.
        // But an answer may have been lost, and who asks again waits for fences still.
        effects.add(nothingMapped(e.epoch(), next.past()));
        yield next;
      }
    };
  }

  private static Progress returned(long epoch) {
    return new Progress(epoch, true, List.of(), List.of(), false, false);
  }

  private static Progress nothingMapped(long epoch, @Nullable ReactionTimeline past) {
    return past == null ? Progress.nothingMapped(epoch) : toldAgain(epoch, past);
  }

  /** How far it is, or was when all of it was over. */
  private static Progress toldAgain(long epoch, ReactionTimeline timeline) {
    return new Progress(
        epoch, true, timeline.fences(), timeline.signals(), false, timeline.released());
  }

  private static AttachmentState engineStopped(
      AttachmentState s, AttachmentEvent.EngineStopped e, List<AttachmentEffect> effects) {
    ReactionTimeline timeline = s.timeline();
    return s.phase() == Phase.STOPPING && timeline != null
        ? play(s, timeline.engineStopped(e.nowNanos()), false, e.call(), e.nowNanos(), effects)
        : s;
  }

  private static AttachmentState engineReleased(
      AttachmentState s, AttachmentEvent.EngineReleased e, List<AttachmentEffect> effects) {
    if (s.phase() != Phase.STOPPING) {
      return s;
    }
    ReactionTimeline timeline = s.timeline();
    if (timeline != null) {
      ReactionTimeline next = timeline.engineReleased(e.nowNanos());
      boolean unmapped = next.released() && !timeline.released();
      return play(s, next, unmapped, e.call(), e.nowNanos(), effects);
    }
    if (s.epoch() > 0 && s.ending()) {
      effects.add(new Progress(s.epoch(), true, List.of(), List.of(), true, false));
    }
    return ask(s, Phase.UNMAPPING, Operation.UNMAP, e.call(), e.nowNanos(), effects);
  }

  /** Goes on with the reaction. */
  private static AttachmentState play(
      AttachmentState s,
      ReactionTimeline timeline,
      boolean unmapped,
      long call,
      long now,
      List<AttachmentEffect> effects) {
    ReactionTimeline.Moment moment = timeline.advance(now);
    ReactionTimeline next = moment.next();
    if (moment.stop()) {
      effects.add(
          new AttachmentEffect.StopEngine(
              next.plan().discardedReads(), next.plan().deviations().writesWhenFenced()));
    }
    if (moment.release()) {
      effects.add(
          new AttachmentEffect.ReleaseEngine(
              moment.oldTranslationNanos(), next.plan().deviations().oldAddressFor().toNanos()));
    }
    if (moment.returns() || !moment.signals().isEmpty() || unmapped) {
      effects.add(
          new Progress(
              s.epoch(),
              moment.returns(),
              moment.returns() ? next.fences() : List.of(),
              moment.signals(),
              next.fenced() && !timeline.fenced(),
              unmapped));
    }
    if (!next.over()) {
      return s.playing(next, false).phase(Phase.STOPPING, next.dueNanos());
    }
    AttachmentState over = s.over(next, next.plan().deviations().hammersMap());
    if (s.ending()) {
      return giveBack(over, call, now, effects);
    }
    return switch (next.plan().afterwards()) {
      // The next use may come at once.
      case MAP_AGAIN -> over.phase(Phase.WAITING, now);
      case REGISTER_ANEW -> giveBack(over, call, now, effects);
      case STAY_AWAY -> over.phase(Phase.AWAY, NEVER);
    };
  }

  private static AttachmentState ending(
      AttachmentState s, AttachmentEvent.Ending e, List<AttachmentEffect> effects) {
    AttachmentState next = s.toEnd();
    return switch (s.phase()) {
      case IDLE, REFUSED, DONE -> next.phase(Phase.DONE, NEVER);
      case LIVE, FAULTED -> {
        effects.add(new AttachmentEffect.ReleaseEngine(0, 0));
        yield next.phase(Phase.STOPPING, NEVER);
      }
      case WAITING, AWAY -> giveBack(next, e.call(), e.nowNanos(), effects);
      case ATTACHING, PINNING, MAPPING, STOPPING, UNMAPPING, UNPINNING, DETACHING -> next;
    };
  }

  /** Unpins if pinned, then detaches. */
  private static AttachmentState giveBack(
      AttachmentState s, long call, long now, List<AttachmentEffect> effects) {
    return s.pinned()
        ? ask(s, Phase.UNPINNING, Operation.UNPIN, call, now, effects)
        : ask(s, Phase.DETACHING, Operation.DETACH, call, now, effects);
  }

  private static AttachmentState exporterGone(AttachmentState s, List<AttachmentEffect> effects) {
    ReactionTimeline timeline = s.timeline();
    boolean mapped =
        s.phase() == Phase.LIVE
            || s.phase() == Phase.FAULTED
            || (s.phase() == Phase.STOPPING && timeline != null && !timeline.releaseAsked());
    if (mapped) {
      effects.add(new AttachmentEffect.ReleaseEngine(0, 0));
    }
    return s.phase(Phase.DONE, NEVER).pinned(false).playing(null, false);
  }
}
