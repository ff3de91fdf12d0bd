package dev.dmabufsim.importer;

import dev.dmabufsim.common.message.ImporterMessage.BufferInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.pcollections.HashTreePMap;
import org.pcollections.HashTreePSet;
import org.pcollections.PMap;
import org.pcollections.PSet;
import org.pcollections.PVector;
import org.pcollections.TreePMap;
import org.pcollections.TreePVector;

/**
 * What an importer's hub decides: which attachment is made to which buffer, what becomes of it when
 * its exporter is lost and when there is another, and what is to be reported. A pure function.
 *
 * <p>Attachments are spread evenly over the buffers when the experiment begins. One whose exporter
 * is lost goes to the same of the device's buffers as soon as a new exporter has them on offer.
 */
final class ImporterHubCore {
  /** A buffer on offer, and by which process. */
  record Offer(BufferInfo buffer, int process) {}

  /**
   * An attachment to make.
   *
   * @param index its number within the node
   * @param device the importer device's ordinal
   */
  record Assignment(int index, int device, int buffer, int process) {}

  /**
   * Where an attachment belongs, whoever exports it.
   *
   * @param exporterDevice the exporter device
   * @param rank which of that device's buffers, counted from 0
   * @param buffer the buffer that it is now, if it is {@code placed}
   */
  record Place(
      int index, int device, String exporterDevice, int rank, int buffer, boolean placed) {}

  /**
   * Whether devices do DMA, which was asked.
   *
   * @param number which time
   * @param answers by device, of those that have answered
   */
  record Check(int number, PMap<Integer, Boolean> answers) {}

  /**
   * What the hub knows.
   *
   * @param offers by buffer
   * @param lost processes that are dead or gone
   * @param places of all attachments, in the order of their numbers
   * @param ready whether it has been reported
   * @param ending whether everything is to be given back
   * @param settled what devices said when they had settled
   * @param ended devices that have given everything back
   * @param left devices that are powered down
   * @param check what has been answered to the last one
   */
  record State(
      TreePMap<Integer, Offer> offers,
      PSet<Integer> lost,
      PVector<Place> places,
      boolean ready,
      boolean ending,
      PMap<Integer, Event.Settled> settled,
      PSet<Integer> ended,
      PSet<Integer> left,
      Check check) {
    /** Nothing has happened. */
    static final State NEW =
        new State(
            TreePMap.empty(),
            HashTreePSet.empty(),
            TreePVector.empty(),
            false,
            false,
            HashTreePMap.empty(),
            HashTreePSet.empty(),
            HashTreePSet.empty(),
            new Check(0, HashTreePMap.empty()));

    /** Whether what a process says is heard. */
    boolean hears(int process) {
      return !lost.contains(process);
    }

    private State offers(TreePMap<Integer, Offer> next) {
      return new State(next, lost, places, ready, ending, settled, ended, left, check);
    }

    private State places(PVector<Place> next) {
      return new State(offers, lost, next, ready, ending, settled, ended, left, check);
    }
  }

  /** What can happen. */
  sealed interface Event {
    /** An exporter says what it has. */
    record Listed(int process, List<BufferInfo> buffers) implements Event {}

    /** An exporter's process is dead. */
    record Lost(int process) implements Event {}

    /**
     * An exporter is gone, as the cluster believes. It believes so of all who had an address when
     * one of them is removed, so of a successor, too.
     *
     * @param runs whether its process is seen to run all the same
     */
    record Terminated(int process, boolean runs) implements Event {}

    /** The experiment begins. */
    record Began() implements Event {}

    /** Everything is to be given back. */
    record Ending() implements Event {}

    /** Every attachment of a device is live or refused. */
    record Settled(int device, int live, int refused) implements Event {}

    /** Devices are asked whether they do DMA, or can do any. */
    record Checking(int number) implements Event {}

    /** A device does DMA anew, or never will. */
    record Recovered(int device, int number, boolean did) implements Event {}

    /** A device has given everything back. */
    record Ended(int device) implements Event {}

    /** A device is powered down. */
    record Left(int device) implements Event {}
  }

  /** What to do. */
  sealed interface Effect {
    /** Whom it needs is there. */
    record Ready() implements Effect {}

    /** Have these attached. */
    record Assign(int device, List<Assignment> assignments) implements Effect {}

    /** Tell every device that these buffers' exporter is lost. */
    record Lose(int process, List<Integer> buffers) implements Effect {}

    /** All devices have settled. */
    record Settled(int live, int refused) implements Effect {}

    /** All devices have answered a check; these do DMA. */
    record Recovered(int number, List<Integer> devices) implements Effect {}

    /** All devices have ended. */
    record Ended() implements Effect {}

    /** All devices have left. */
    record Done() implements Effect {}
  }

  /** What follows. */
  record Step(State state, List<Effect> effects) {}

  private final ImporterPlan plan;

  ImporterHubCore(ImporterPlan plan) {
    this.plan = plan;
  }

  /** Decides. Never throws: an event that makes no sense changes nothing. */
  Step step(State s, Event event) {
    List<Effect> effects = new ArrayList<>();
    State next =
        switch (event) {
          case Event.Listed e -> listed(s, e, effects);
          case Event.Lost e -> lost(s, e.process(), effects);
          // Process ids decide; when it dies, that is noticed.
          case Event.Terminated e -> e.runs() ? s : lost(s, e.process(), effects);
          case Event.Began e -> began(s, effects);
          case Event.Ending e ->
              new State(
                  s.offers, s.lost, s.places, s.ready, true, s.settled, s.ended, s.left, s.check);
          case Event.Settled e -> settled(s, e, effects);
          case Event.Checking e -> check(s, new Check(e.number(), HashTreePMap.empty()));
          case Event.Recovered e -> recovered(s, e, effects);
          case Event.Ended e -> ended(s, e, effects);
          case Event.Left e -> left(s, e, effects);
        };
    return new Step(next, List.copyOf(effects));
  }

  private State listed(State s, Event.Listed e, List<Effect> effects) {
    if (!s.hears(e.process())) {
      return s;
    }
    TreePMap<Integer, Offer> offers = s.offers;
    for (BufferInfo buffer : e.buffers()) {
      offers = offers.plus(buffer.buffer(), new Offer(buffer, e.process()));
    }
    State next = s.offers(offers);
    long known = offers.values().stream().map(o -> o.buffer().device()).distinct().count();
    if (!s.ready && known >= plan.exporterDevices()) {
      effects.add(new Effect.Ready());
      next =
          new State(offers, s.lost, s.places, true, s.ending, s.settled, s.ended, s.left, s.check);
    }
    return s.ending ? next : place(next, effects);
  }

  /** Whoever has lost his buffer gets the one in its place. */
  private State place(State s, List<Effect> effects) {
    PVector<Place> places = s.places;
    List<Assignment> made = new ArrayList<>();
    for (int i = 0; i < places.size(); i++) {
      Place place = places.get(i);
      List<Offer> its = offersOf(s, place.exporterDevice());
      if (!place.placed() && place.rank() < its.size()) {
        Offer offer = its.get(place.rank());
        int buffer = offer.buffer().buffer();
        places =
            places.with(
                i,
                new Place(
                    place.index(),
                    place.device(),
                    place.exporterDevice(),
                    place.rank(),
                    buffer,
                    true));
        made.add(new Assignment(place.index(), place.device(), buffer, offer.process()));
      }
    }
    for (int device = 0; device < plan.devices().size(); device++) {
      int ordinal = device;
      List<Assignment> its = made.stream().filter(a -> a.device() == ordinal).toList();
      if (!its.isEmpty()) {
        effects.add(new Effect.Assign(device, its));
      }
    }
    return s.places(places);
  }

  private static List<Offer> offersOf(State s, String exporterDevice) {
    return s.offers.values().stream()
        .filter(o -> o.buffer().device().equals(exporterDevice))
        .toList();
  }

  private static State lost(State s, int process, List<Effect> effects) {
    if (!s.hears(process)) {
      return s;
    }
    TreePMap<Integer, Offer> offers = s.offers;
    List<Integer> buffers = new ArrayList<>();
    for (Offer offer : s.offers.values()) {
      if (offer.process() == process) {
        buffers.add(offer.buffer().buffer());
        offers = offers.minus(offer.buffer().buffer());
      }
    }
    PVector<Place> places = s.places;
    for (int i = 0; i < places.size(); i++) {
      Place place = places.get(i);
      if (place.placed() && buffers.contains(place.buffer())) {
        places =
            places.with(
                i,
                new Place(
                    place.index(),
                    place.device(),
                    place.exporterDevice(),
                    place.rank(),
                    place.buffer(),
                    false));
      }
    }
    effects.add(new Effect.Lose(process, List.copyOf(buffers)));
    return new State(
        offers,
        s.lost.plus(process),
        places,
        s.ready,
        s.ending,
        s.settled,
        s.ended,
        s.left,
        s.check);
  }

  /** Spreads each device's attachments evenly over the buffers that it is to attach to. */
  private State began(State s, List<Effect> effects) {
    if (!s.places.isEmpty()) {
      return s;
    }
    PVector<Place> places = TreePVector.empty();
    int index = 0;
    for (int device = 0; device < plan.devices().size(); device++) {
      ImporterPlan.Device its = plan.devices().get(device);
      List<Offer> wanted =
          s.offers.values().stream()
              .filter(
                  o -> its.exporters().isEmpty() || its.exporters().contains(o.buffer().device()))
              .sorted(Comparator.comparingInt((Offer o) -> o.buffer().buffer()))
              .toList();
      List<Assignment> assignments = new ArrayList<>();
      for (int i = 0; i < its.attachments() && !wanted.isEmpty(); i++) {
        Offer offer = wanted.get(i % wanted.size());
        int buffer = offer.buffer().buffer();
        String exporterDevice = offer.buffer().device();
        int rank = offersOf(s, exporterDevice).indexOf(offer);
        places = places.plus(new Place(index, device, exporterDevice, rank, buffer, true));
        assignments.add(new Assignment(index++, device, buffer, offer.process()));
      }
      effects.add(new Effect.Assign(device, List.copyOf(assignments)));
    }
    return s.places(places);
  }

  private State settled(State s, Event.Settled e, List<Effect> effects) {
    PMap<Integer, Event.Settled> settled =
        s.settled.containsKey(e.device()) ? s.settled : s.settled.plus(e.device(), e);
    if (settled.size() == plan.devices().size()) {
      effects.add(
          new Effect.Settled(
              settled.values().stream().mapToInt(Event.Settled::live).sum(),
              settled.values().stream().mapToInt(Event.Settled::refused).sum()));
    }
    return new State(
        s.offers, s.lost, s.places, s.ready, s.ending, settled, s.ended, s.left, s.check);
  }

  private State recovered(State s, Event.Recovered e, List<Effect> effects) {
    if (e.number() != s.check.number()) {
      // It was asked again since: what it did before does not count.
      return s;
    }
    PMap<Integer, Boolean> answers = s.check.answers().plus(e.device(), e.did());
    if (answers.size() == plan.devices().size()) {
      effects.add(
          new Effect.Recovered(
              e.number(),
              answers.keySet().stream()
                  .filter(d -> answers.getOrDefault(d, false))
                  .sorted()
                  .toList()));
    }
    return check(s, new Check(e.number(), answers));
  }

  private static State check(State s, Check check) {
    return new State(
        s.offers, s.lost, s.places, s.ready, s.ending, s.settled, s.ended, s.left, check);
  }

  private State ended(State s, Event.Ended e, List<Effect> effects) {
    PSet<Integer> ended = s.ended.plus(e.device());
    if (ended.size() == plan.devices().size()) {
      effects.add(new Effect.Ended());
    }
    return new State(
        s.offers, s.lost, s.places, s.ready, s.ending, s.settled, ended, s.left, s.check);
  }

  private State left(State s, Event.Left e, List<Effect> effects) {
    PSet<Integer> left = s.left.plus(e.device());
    if (left.size() == plan.devices().size()) {
      effects.add(new Effect.Done());
    }
    return new State(
        s.offers, s.lost, s.places, s.ready, s.ending, s.settled, s.ended, left, s.check);
  }
}
