package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import java.util.ArrayList;
import java.util.List;
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

  /** One attachment of one importer process, as that process counts. */
  public record Cookie(int process, int buffer, int cookie) {}

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
   */
  public record State(
      PSet<Integer> revoked, Memory<Integer> attached, Memory<Errno> refused, int next) {}

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
        List<Integer> cookies)
        implements Event {}
  }

  /** What to do. */
  public sealed interface Effect {
    /** Put new attachments on the buffer's list. */
    record Attach(BufferState.Importer importer, List<Integer> ids, Errno mapErrno)
        implements Effect {}

    /** Answer. */
    record Reply(Errno errno, List<Integer> ids) implements Effect {}

    /** Write it down. */
    record Note(HistoryEvent event) implements Effect {}
  }

  /** What follows. */
  public record Step(State state, List<Effect> effects) {}

  private final ExporterPlan.Device plan;
  private final boolean forced;
  private final int stride;

  /**
   * Of one device.
   *
   * @param stride how far its attachments' ids are apart, so that those of other devices fit
   *     between
   */
  public AttachCore(ExporterPlan.Device plan, int stride) {
    this.plan = plan;
    this.forced = AttachRules.forced(plan.kind(), plan.causes());
    this.stride = stride;
  }

  /** Nothing asked yet. */
  public static State fresh(int firstId) {
    return new State(HashTreePSet.empty(), Memory.empty(), Memory.empty(), firstId);
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
                  s.next()),
              List.of());
      case Event.Asked e -> asked(s, e);
    };
  }

  private Step asked(State s, Event.Asked e) {
    Errno before = e.cookies().isEmpty() ? null : s.refused().get(cookie(e, e.cookies().get(0)));
    if (before != null) {
      return new Step(s, List.of(new Effect.Reply(before, List.of())));
    }
    Errno unreachable = plan.unreachable().get(e.device());
    ImporterOffer offer = e.importer().offer();
    Errno errno =
        AttachRules.decide(
            plan.kind(),
            forced,
            offer,
            s.revoked().contains(e.buffer()),
            // EINVAL is the answer of the map; see ExporterPlan.Device.
            unreachable == Errno.EINVAL ? null : unreachable,
            e.sameFabric());
    boolean known = e.cookies().stream().anyMatch(c -> s.attached().get(cookie(e, c)) != null);
    return errno.ok() || known ? attach(s, e, unreachable) : refuse(s, e, errno);
  }

  private static Step refuse(State s, Event.Asked e, Errno errno) {
    Memory<Errno> refused = s.refused();
    for (int cookie : e.cookies()) {
      refused = refused.plus(cookie(e, cookie), errno);
    }
    return new Step(
        new State(s.revoked(), s.attached(), refused, s.next()),
        List.of(
            new Effect.Note(
                new HistoryEvent.AttachRefused(
                    e.buffer(), e.device(), e.importer().kind(), errno, e.cookies().size())),
            new Effect.Reply(errno, List.of())));
  }

  private Step attach(State s, Event.Asked e, @Nullable Errno unreachable) {
    Memory<Integer> attached = s.attached();
    int next = s.next();
    List<Integer> ids = new ArrayList<>();
    List<Integer> fresh = new ArrayList<>();
    for (int cookie : e.cookies()) {
      Integer id = attached.get(cookie(e, cookie));
      if (id == null) {
        id = next;
        next += stride;
        fresh.add(id);
        attached = attached.plus(cookie(e, cookie), id);
      }
      ids.add(id);
    }
    List<Effect> effects = new ArrayList<>();
    if (!fresh.isEmpty()) {
      Errno mapErrno = unreachable == Errno.EINVAL ? Errno.EINVAL : Errno.OK;
      effects.add(new Effect.Attach(e.importer(), List.copyOf(fresh), mapErrno));
      effects.add(
          new Effect.Note(
              new HistoryEvent.Attached(
                  e.buffer(),
                  e.device(),
                  e.importer().kind(),
                  e.importer().offer().revocable(),
                  List.copyOf(fresh))));
    }
    effects.add(new Effect.Reply(Errno.OK, List.copyOf(ids)));
    return new Step(new State(s.revoked(), attached, s.refused(), next), effects);
  }

  private static Cookie cookie(Event.Asked e, int cookie) {
    return new Cookie(e.importer().process(), e.buffer(), cookie);
  }
}
