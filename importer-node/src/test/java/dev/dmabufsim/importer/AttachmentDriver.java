package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentCore.Effect;
import dev.dmabufsim.importer.AttachmentCore.Event;
import dev.dmabufsim.importer.AttachmentCore.Phase;
import dev.dmabufsim.importer.AttachmentCore.State;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One attachment to which things happen, with the invariants checked each time. */
final class AttachmentDriver {
  final AttachmentInvariants invariants = new AttachmentInvariants();
  State state;
  long now = 1_000;
  private long calls;
  private List<Effect> effects = List.of();

  AttachmentDriver(ImporterKind kind) {
    this.state = State.idle(3, kind, now);
  }

  AttachmentDriver happens(Event event) {
    AttachmentCore.Step step = AttachmentCore.step(state, event);
    invariants.check(state, event, step);
    state = step.state();
    effects = step.effects();
    return this;
  }

  /** The number that the next event offers for a call. */
  long newCall() {
    return ++calls;
  }

  /** What it waits for does not come: its time is over. */
  AttachmentDriver due() {
    now = Math.max(now, state.dueNanos());
    return happens(new Event.Due(newCall(), now));
  }

  AttachmentDriver attachAnswered(Errno errno, int id) {
    return happens(new Event.AttachAnswered(errno, id, newCall(), now));
  }

  AttachmentDriver answered(Operation operation, Errno errno) {
    return answered(operation, errno, null);
  }

  AttachmentDriver answered(Operation operation, Errno errno, @Nullable SgTable table) {
    return happens(new Event.Answered(operation, errno, table, newCall(), now));
  }

  AttachmentDriver invalidated(long epoch) {
    return happens(new Event.Invalidated(epoch, now));
  }

  AttachmentDriver engineStopped() {
    return happens(new Event.EngineStopped(newCall(), now));
  }

  AttachmentDriver ending() {
    return happens(new Event.Ending(newCall(), now));
  }

  /** A table of memory of that generation. */
  static SgTable table(int generation) {
    return new SgTable(50, 1L << 32, 4096, 0, generation, generation, true);
  }

  /** Plays on, with an exporter that says yes to everything, until a phase is reached. */
  AttachmentDriver to(Phase phase) {
    for (int steps = 0; state.phase() != phase; steps++) {
      if (steps > 20) {
        throw new AssertionError("never " + phase + ": " + state);
      }
      switch (state.phase()) {
        case IDLE, WAITING -> due();
        case ATTACHING -> attachAnswered(Errno.OK, 50 + state.attempt());
        case PINNING -> answered(Operation.PIN, Errno.OK);
        case MAPPING -> answered(Operation.MAP, Errno.OK, table(1));
        case LIVE -> invalidated(state.epoch() + 1);
        case STOPPING -> engineStopped();
        case UNMAPPING -> answered(Operation.UNMAP, Errno.OK);
        case UNPINNING -> answered(Operation.UNPIN, Errno.OK);
        case DETACHING -> answered(Operation.DETACH, Errno.OK);
        case REFUSED, DONE -> throw new AssertionError("never " + phase + ": " + state);
      }
    }
    return this;
  }

  /** What the last event led to. */
  List<Effect> effects() {
    return effects;
  }

  /** The call that the last event led to. */
  Effect.@Nullable Ask asked() {
    return effects.stream()
        .filter(Effect.Ask.class::isInstance)
        .map(Effect.Ask.class::cast)
        .findFirst()
        .orElse(null);
  }
}
