package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One attachment to which things happen, with the invariants checked each time. */
final class AttachmentDriver {
  private static final ImporterDrivers DRIVERS = ImporterDrivers.load();

  final AttachmentInvariants invariants = new AttachmentInvariants();
  AttachmentState state;
  long now = 1_000;
  private final Supplier<Reaction> reactions;
  private boolean stopping;
  private boolean releasing;
  private long calls;
  private List<AttachmentEffect> effects = List.of();

  AttachmentDriver(ImporterOffer offer, Supplier<Reaction> reactions) {
    this.state = AttachmentState.idle(3, offer, now);
    this.reactions = reactions;
  }

  /** Of that reaction, whenever it is invalidated. */
  static AttachmentDriver reacting(Reaction reaction) {
    return new AttachmentDriver(ImporterOffer.DYNAMIC, () -> reaction);
  }

  /** Of a built-in kind. */
  static AttachmentDriver of(String kind) {
    ImporterDriver driver = driver(kind);
    SplittableRandom random = new SplittableRandom(5);
    return new AttachmentDriver(
        driver.offer(),
        () -> driver.onInvalidate(new Invalidation("nic", 50, 7, 1, 1_000), random));
  }

  static ImporterDriver driver(String kind) {
    return DRIVERS.find(kind).orElseThrow();
  }

  static Stream<String> kinds() {
    return DRIVERS.all().keySet().stream().sorted();
  }

  static Stream<String> revocable() {
    return kinds().filter(k -> driver(k).offer().revocable());
  }

  AttachmentDriver happens(AttachmentEvent event) {
    AttachmentCore.Step step = AttachmentCore.step(state, event);
    invariants.check(state, event, step);
    state = step.state();
    effects = step.effects();
    for (AttachmentEffect effect : effects) {
      stopping |= effect instanceof AttachmentEffect.StopEngine;
      releasing |= effect instanceof AttachmentEffect.ReleaseEngine;
    }
    return this;
  }

  /** The number that the next event offers for a call. */
  long newCall() {
    return ++calls;
  }

  /** What it waits for does not come, or its plan is at that point: its time is over. */
  AttachmentDriver due() {
    now = state.dueNanos() == ReactionTimeline.NEVER ? now : Math.max(now, state.dueNanos());
    return happens(new AttachmentEvent.Due(newCall(), now));
  }

  AttachmentDriver attachAnswered(Errno errno, int id) {
    return happens(new AttachmentEvent.AttachAnswered(errno, id, newCall(), now));
  }

  AttachmentDriver answered(Operation operation, Errno errno) {
    return answered(operation, errno, null);
  }

  AttachmentDriver answered(Operation operation, Errno errno, @Nullable SgTable table) {
    return happens(new AttachmentEvent.Answered(operation, errno, table, newCall(), now));
  }

  /** By whichever operation it asked for addresses. */
  AttachmentDriver mapAnswered(Errno errno, @Nullable SgTable table) {
    return answered(mapOperation(), errno, table);
  }

  Operation mapOperation() {
    return state.offer().iommufdMap() ? Operation.IOMMUFD_MAP : Operation.MAP;
  }

  AttachmentDriver invalidated(long epoch) {
    // As the shell: a driver is asked only if there is something mapped.
    Reaction reaction =
        (state.phase() == Phase.LIVE || state.phase() == Phase.FAULTED) && state.offer().revocable()
            ? reactions.get()
            : Misbehaviour.OOPS;
    return happens(new AttachmentEvent.Invalidated(epoch, reaction, newCall(), now));
  }

  AttachmentDriver engineStopped() {
    stopping = false;
    return happens(new AttachmentEvent.EngineStopped(newCall(), now));
  }

  AttachmentDriver engineReleased() {
    stopping = false;
    releasing = false;
    return happens(new AttachmentEvent.EngineReleased(newCall(), now));
  }

  /** What comes next of an invalidation: the engine answers at once. */
  AttachmentDriver playOn() {
    if (releasing) {
      return engineReleased();
    }
    return stopping ? engineStopped() : due();
  }

  /** Lets it play an invalidation to its end. */
  AttachmentDriver playOut() {
    for (int steps = 0; state.phase() == Phase.STOPPING; steps++) {
      if (steps > 20) {
        throw new AssertionError("never over: " + state);
      }
      playOn();
    }
    return this;
  }

  AttachmentDriver ending() {
    return happens(new AttachmentEvent.Ending(newCall(), now));
  }

  /** A table of memory of that generation. */
  static SgTable table(int generation) {
    return new SgTable(
        50, 1L << 32, 4096, 0, generation, generation, generation, true, SlotUse.DMA);
  }

  /** Plays on, with an exporter that says yes to everything, until a phase is reached. */
  AttachmentDriver to(Phase phase) {
    for (int steps = 0; state.phase() != phase; steps++) {
      if (steps > 30) {
        throw new AssertionError("never " + phase + ": " + state);
      }
      switch (state.phase()) {
        case IDLE, WAITING -> due();
        case ATTACHING -> attachAnswered(Errno.OK, 50 + state.attempt());
        case PINNING -> answered(Operation.PIN, Errno.OK);
        case MAPPING -> mapAnswered(Errno.OK, table(1));
        case LIVE -> {
          if (phase == Phase.FAULTED) {
            engineFailed();
          } else {
            invalidated(state.epoch() + 1);
          }
        }
        case FAULTED -> due();
        case STOPPING -> playOn();
        case UNMAPPING -> answered(Operation.UNMAP, Errno.OK);
        case UNPINNING -> answered(Operation.UNPIN, Errno.OK);
        case DETACHING -> answered(Operation.DETACH, Errno.OK);
        case AWAY, REFUSED, DONE -> throw new AssertionError("never " + phase + ": " + state);
      }
    }
    return this;
  }

  AttachmentDriver engineFailed() {
    return happens(new AttachmentEvent.EngineFailed(now));
  }

  /** What the last event led to. */
  List<AttachmentEffect> effects() {
    return effects;
  }

  /** What the exporter was told at the last event, if it was. */
  AttachmentEffect.@Nullable Progress progress() {
    return effects.stream()
        .filter(AttachmentEffect.Progress.class::isInstance)
        .map(AttachmentEffect.Progress.class::cast)
        .findFirst()
        .orElse(null);
  }

  /** The call that the last event led to. */
  AttachmentEffect.@Nullable Ask asked() {
    return effects.stream()
        .filter(AttachmentEffect.Ask.class::isInstance)
        .map(AttachmentEffect.Ask.class::cast)
        .findFirst()
        .orElse(null);
  }
}
