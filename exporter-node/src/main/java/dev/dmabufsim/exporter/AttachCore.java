package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pcollections.AmortizedPQueue;
import org.pcollections.HashTreePMap;
import org.pcollections.HashTreePSet;
import org.pcollections.PMap;
import org.pcollections.PQueue;
import org.pcollections.PSet;

/**
 * What an exporter device answers to an attach, and what to one that is repeated. A pure function.
 *
 * <p>A repeated request, its answer lost or slow, is answered as it was: were it decided anew, an
 * importer that was refused and has asked again since would hold an attachment unawares.
 */
public final class AttachCore {
  /**
   * So many requests are remembered of each kind. A repetition comes within some retries of the
   * first; who asks again after so many others gets a second attachment, as from the kernel.
   */
  static final int MOST = 100_000;

  /** An attachment's id is its exporter's process, and so many bits of that one's counting. */
  public static final int ID_BITS = 24;

  /** One attachment of one importer process, as that process counts. */
  public record Cookie(int process, int buffer, long cookie) {}

  /**
   * What was answered lately.
   *
   * @param order in which it was, the oldest first
   */
  public record Memory<V>(PMap<Cookie, V> answers, PQueue<Cookie> order) {
    static <V> Memory<V> empty() {
      return new Memory<>(HashTreePMap.empty(), AmortizedPQueue.empty());
    }

    Memory<V> plus(Cookie cookie, V answer) {
      PMap<Cookie, V> next = answers.plus(cookie, answer);
      PQueue<Cookie> queue = answers.containsKey(cookie) ? order : order.plus(cookie);
      Cookie oldest = next.size() > MOST ? queue.peek() : null;
      return oldest == null
          ? new Memory<>(next, queue)
          : new Memory<>(next.minus(oldest), queue.minus());
    }

    @Nullable V get(Cookie cookie) {
      return answers.get(cookie);
    }
  }

  /**
   * What the device knows.
   *
   * @param revoked buffers whose flag is set, as far as it has heard: it is outside their locks
   * @param attached attachments by request
   * @param refused errors by request
   * @param next the id of the next attachment
   * @param last the last id that there is: what comes after it are another process's
   */
  public record State(
      PSet<Integer> revoked, Memory<Integer> attached, Memory<Errno> refused, int next, int last) {
    /** Whether an id is this process's own; ids count upwards and may be negative. */
    boolean has(int id) {
      return id >>> ID_BITS == last >>> ID_BITS;
    }
  }

  /** What can happen. */
  public sealed interface Event {
    /** A buffer's flag changed. */
    record FlagChanged(int buffer, boolean revoked) implements Event {}

    /**
     * An importer wants to attach.
     *
     * @param sameFabric whether it shares memory with this device
     * @param device the importer device's name
     */
    record Asked(
        int buffer,
        boolean sameFabric,
        String device,
        BufferState.Importer importer,
        List<Long> cookies)
        implements Event {}
  }

  /** What to do. */
  public sealed interface Effect {
    /** Put new attachments on the buffer's list. */
    record Attach(BufferState.Importer importer, List<Integer> ids, Errno mapErrno)
        implements Effect {}

    /**
     * Answer these requests.
     *
     * @param ids one for each of them, or none
     */
    record Reply(Errno errno, List<Long> cookies, List<Integer> ids) implements Effect {}

    /** Write it down. */
    record Note(HistoryEvent event) implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  private final ExporterPlan.Device plan;
  private final Set<Integer> buffers;
  private final boolean forced;
  private final int stride;

  /**
   * Of one device.
   *
   * @param buffers what it has exported
   * @param stride how far its attachments' ids are apart, so that those of other devices fit
   *     between
   */
  public AttachCore(ExporterPlan.Device plan, Set<Integer> buffers, int stride) {
    this.plan = plan;
    this.buffers = Set.copyOf(buffers);
    this.forced = AttachRules.forced(plan.kind(), plan.causes());
    this.stride = stride;
  }

  /** The first id of a process's device. */
  public static int firstId(int process, int device) {
    return (process << ID_BITS) + 1 + device;
  }

  /** Nothing asked yet. */
  public static State fresh(int firstId) {
    return new State(
        HashTreePSet.empty(),
        Memory.empty(),
        Memory.empty(),
        firstId,
        firstId | ((1 << ID_BITS) - 1));
  }

  /** Decides. */
  public Step step(State s, Event event) {
    return switch (event) {
      case Event.FlagChanged e ->
          new Step(
              new State(
                  e.revoked() ? s.revoked().plus(e.buffer()) : s.revoked().minus(e.buffer()),
                  s.attached(),
                  s.refused(),
                  s.next(),
                  s.last()),
              List.of());
      case Event.Asked e -> asked(s, e);
    };
  }

  /**
   * Request by request: what an importer sends together may be repetitions and new ones, and a
   * repetition says nothing about its neighbours.
   */
  private Step asked(State s, Event.Asked e) {
    Errno unreachable = plan.unreachable().get(e.device());
    Errno now = decide(s, e, unreachable);
    Memory<Integer> attached = s.attached();
    Memory<Errno> refused = s.refused();
    int next = s.next();
    Answers answers = new Answers();
    for (long cookie : e.cookies()) {
      Cookie key = new Cookie(e.importer().process(), e.buffer(), cookie);
      Integer id = attached.get(key);
      Errno before = refused.get(key);
      if (id != null) {
        answers.attached(cookie, id);
      } else if (before != null) {
        answers.refused(cookie, before);
      } else if (now.ok() && s.has(next)) {
        attached = attached.plus(key, next);
        answers.attached(cookie, next);
        answers.fresh.add(next);
        next += stride;
      } else {
        // There is room for no more: it would have an id that is another's.
        Errno errno = now.ok() ? Errno.ENOMEM : now;
        refused = refused.plus(key, errno);
        answers.turnedAway(cookie, errno);
      }
    }
    Errno mapErrno = unreachable == Errno.EINVAL ? Errno.EINVAL : Errno.OK;
    return new Step(
        new State(s.revoked(), attached, refused, next, s.last()), answers.effects(e, mapErrno));
  }

  /** What the rules say now. */
  private Errno decide(State s, Event.Asked e, @Nullable Errno unreachable) {
    if (!buffers.contains(e.buffer()) || e.device().isBlank()) {
      // dma_buf_dynamic_attach() itself, before the exporter is asked.
      return Errno.EINVAL;
    }
    return AttachRules.decide(
        plan.kind(),
        forced,
        e.importer().offer(),
        s.revoked().contains(e.buffer()),
        // EINVAL is the answer of the map; see ExporterPlan.Device.
        unreachable == Errno.EINVAL ? null : unreachable,
        e.sameFabric());
  }

  /** The answers to requests that came together. */
  private static final class Answers {
    /** The ids of those that are new. */
    final List<Integer> fresh = new ArrayList<>();

    /** How many are refused that had not been asked for before, by error. */
    private final Map<Errno, Integer> turnedAway = new EnumMap<>(Errno.class);

    private final List<Long> cookies = new ArrayList<>();
    private final List<Integer> ids = new ArrayList<>();
    private final Map<Errno, List<Long>> refusals = new EnumMap<>(Errno.class);

    void attached(long cookie, int id) {
      cookies.add(cookie);
      ids.add(id);
    }

    void refused(long cookie, Errno errno) {
      refusals.computeIfAbsent(errno, key -> new ArrayList<>()).add(cookie);
    }

    void turnedAway(long cookie, Errno errno) {
      refused(cookie, errno);
      turnedAway.merge(errno, 1, Integer::sum);
    }

    List<Effect> effects(Event.Asked e, Errno mapErrno) {
      BufferState.Importer importer = e.importer();
      List<Effect> effects = new ArrayList<>();
      if (!fresh.isEmpty()) {
        effects.add(new Effect.Attach(importer, List.copyOf(fresh), mapErrno));
        effects.add(
            new Effect.Note(
                new HistoryEvent.Attached(
                    e.buffer(),
                    e.device(),
                    importer.kind(),
                    importer.offer().revocable(),
                    List.copyOf(fresh))));
      }
      turnedAway.forEach((errno, count) ->
          effects.add(
              new Effect.Note(
                  new HistoryEvent.AttachRefused(
                      e.buffer(), e.device(), importer.kind(), errno, count))));
      if (!cookies.isEmpty()) {
        effects.add(new Effect.Reply(Errno.OK, List.copyOf(cookies), List.copyOf(ids)));
      }
      refusals.forEach(
          (errno, its) -> effects.add(new Effect.Reply(errno, List.copyOf(its), List.of())));
      return effects;
    }
  }
}
