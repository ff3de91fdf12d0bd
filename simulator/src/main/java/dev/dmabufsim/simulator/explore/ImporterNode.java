package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferState;
import dev.dmabufsim.exporter.Placement;
import dev.dmabufsim.importer.AttachmentCore;
import dev.dmabufsim.importer.AttachmentEffect;
import dev.dmabufsim.importer.AttachmentEvent;
import dev.dmabufsim.importer.AttachmentState;
import dev.dmabufsim.importer.AttachmentState.Phase;
import dev.dmabufsim.importer.Misbehaviour;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** An importer's node: one device, with one attachment, and its engine. */
final class ImporterNode extends Node {
  private static final int NOBODY = -1;

  /** What nobody looks at: that of an attachment which is not mapped. */
  private static final Reaction NOT_MAPPED =
      Reaction.inCallback(Duration.ZERO, Reaction.Afterwards.MAP_AGAIN);

  private final WorldPlan.Device device;
  private AttachmentState state;
  private Engine engine;
  private int buffer;
  private int exporter;
  private int invalidations;
  private long calls;
  private int looked = NOBODY;
  private boolean ending;
  private boolean checked;

  ImporterNode(int node, WorldPlan.Device device, int process, int buffer, int exporter) {
    super(node, device.name(), "IMPORTER", process);
    this.device = device;
    this.buffer = buffer;
    this.exporter = exporter;
    this.engine = new Engine(this);
    this.state = AttachmentState.idle(0, device.driver().offer(), 0);
  }

  @Override
  ImporterNode copy() {
    ImporterNode copy = new ImporterNode(node(), device, process(), buffer, exporter);
    copy.assume(this);
    copy.state = state;
    copy.engine = engine.copy(copy);
    copy.invalidations = invalidations;
    copy.calls = calls;
    copy.looked = looked;
    copy.ending = ending;
    copy.checked = checked;
    return copy;
  }

  @Override
  int numberOfRest(Numbers n) {
    int its = n.of(state);
    state = n.first(state, its);
    return n.of(
        its,
        engine.number(n),
        buffer,
        exporter,
        invalidations,
        calls,
        looked,
        ending ? 1 : 0,
        checked ? 1 : 0);
  }

  WorldPlan.Device device() {
    return device;
  }

  Engine engine() {
    return engine;
  }

  AttachmentState state() {
    return state;
  }

  int buffer() {
    return buffer;
  }

  int exporter() {
    return exporter;
  }

  /** Whether it is still to look whether that process is alive. */
  boolean looksAt(int process) {
    return up() && exporter == process && looked != process;
  }

  int deviceKey() {
    return SlotMapping.deviceKey(process(), 0);
  }

  boolean ats() {
    return device.ats();
  }

  @Override
  long dueNanos() {
    return exporter == NOBODY ? World.NEVER : state.dueNanos();
  }

  boolean ended() {
    return !up() || exporter == NOBODY || state.ended();
  }

  @Override
  void died() {
    engine.clear();
  }

  @Override
  void restarted(World w) {
    engine = new Engine(this);
    state = AttachmentState.idle(0, device.driver().offer(), w.now());
    int its = w.processAt(World.EXPORTER);
    exporter = w.isDead(its) ? NOBODY : its;
    buffer = World.bufferOf(its);
    invalidations = 0;
  }

  @Override
  void timer(World w) {
    happened(new AttachmentEvent.Due(nextCall(), w.now()), w);
  }

  private long nextCall() {
    return ++calls;
  }

  void end(World w) {
    ending = true;
    if (exporter != NOBODY) {
      happened(new AttachmentEvent.Ending(nextCall(), w.now()), w);
    }
  }

  /** The faults are over: the next DMA shows that it is back. */
  void check() {
    checked = true;
    engine.forgetDma();
  }

  /** Whether it is still to show that it is back, and will. */
  boolean recovers(World w) {
    boolean gone =
        switch (state.phase()) {
          case REFUSED, AWAY, DONE -> true;
          default -> state.timeline() != null && state.ended();
        };
    BufferState of = w.exporter().state();
    boolean keptOut = Placement.keptOut(of, state.id(), device.driver().offer().peer2peer());
    return checked && up() && w.exporter().up() && !of.dead() && !gone && !keptOut;
  }

  /** Whether it has only to do a DMA to show that it is back. */
  boolean checkedAndIdle() {
    return checked && state.phase() == Phase.LIVE && engine.ready();
  }

  void didDma(World w) {
    if (checked) {
      checked = false;
      w.record(node(), new HistoryEvent.Recovered(device.name(), 1, 1, 0));
    }
  }

  void noticed(int process, World w) {
    looked = process;
    if (process == exporter && !Planted.DEAD_EXPORTER_UNSEEN.planted()) {
      boolean attached = state.attached();
      int id = state.id();
      exporter = NOBODY;
      happened(new AttachmentEvent.ExporterGone(), w);
      if (attached) {
        w.record(node(), new HistoryEvent.ExporterLost(device.name(), process, List.of(id)));
      }
      int next = w.processAt(World.EXPORTER);
      if (!w.isDead(next) && !ending) {
        begin(next, World.bufferOf(next), w);
      }
    }
  }

  private void begin(int process, int nextBuffer, World w) {
    exporter = process;
    buffer = nextBuffer;
    state = AttachmentState.idle(0, device.driver().offer(), w.now());
  }

  void hear(World w) {
    Engine.Says said = engine.hear(w);
    if (said.attachment() != state.id()) {
      return;
    }
    happened(
        switch (said.what()) {
          case STOPPED -> new AttachmentEvent.EngineStopped(nextCall(), w.now());
          case RELEASED -> new AttachmentEvent.EngineReleased(nextCall(), w.now());
          case FAILED -> new AttachmentEvent.EngineFailed(w.now());
        },
        w);
  }

  @Override
  void receive(Packet packet, World w) {
    if (packet instanceof Packet.Buffers m) {
      // Its own exporter may be dead without its knowing: then it notices first. And what one says
      // that it knows to be dead is not heard.
      if (exporter == NOBODY && !ending && m.from() > looked) {
        begin(m.from(), m.buffer(), w);
      }
      return;
    }
    if (packet.from() != exporter) {
      w.record(node(), new HistoryEvent.Dropped(packet.getClass().getSimpleName(), "lost"));
      return;
    }
    switch (packet) {
      case Packet.AttachReply m -> attachReply(m, w);
      case Packet.CallReply m -> {
        for (int id : m.done()) {
          SgTable table = m.tables().isEmpty() ? null : m.tables().getFirst();
          answered(id, m, Errno.OK, table, w);
        }
        for (Failure f : m.failed()) {
          answered(f.attachment(), m, f.errno(), null, w);
        }
      }
      case Packet.InvalidateMappings m -> invalidate(m, w);
      default -> {}
    }
  }

  private void attachReply(Packet.AttachReply m, World w) {
    if (m.buffer() == buffer && m.cookie() == state.cookie() && state.phase() == Phase.ATTACHING) {
      happened(new AttachmentEvent.AttachAnswered(m.errno(), m.id(), nextCall(), w.now()), w);
    }
  }

  private void answered(int id, Packet.CallReply m, Errno errno, @Nullable SgTable table, World w) {
    if (id == state.id() && m.call() == state.call()) {
      happened(new AttachmentEvent.Answered(m.operation(), errno, table, nextCall(), w.now()), w);
    }
  }

  private void invalidate(Packet.InvalidateMappings m, World w) {
    if (!device.driver().offer().revocable()) {
      w.record(node(), new HistoryEvent.Dropped("InvalidateMappings", "no callback"));
      return;
    }
    if (m.buffer() != buffer || !m.ids().contains(state.id())) {
      return;
    }
    boolean live = state.phase() == Phase.LIVE;
    w.record(
        node(),
        new HistoryEvent.Invalidated(
            device.name(), buffer, m.epoch(), List.of(state.id()), live ? 1 : 0));
    boolean mapped = live || state.phase() == Phase.FAULTED;
    Reaction reaction = mapped ? reaction(m.epoch(), w) : NOT_MAPPED;
    happened(new AttachmentEvent.Invalidated(m.epoch(), reaction, nextCall(), w.now()), w);
  }

  /** What the driver does, and how it misbehaves. */
  private Reaction reaction(long epoch, World w) {
    SplittableRandom random =
        new SplittableRandom(
            w.plan().seed() * 31 + device.name().hashCode() * 1009L + invalidations);
    invalidations++;
    try {
      Reaction honest =
          Objects.requireNonNull(
              device
                  .driver()
                  .onInvalidate(
                      new Invalidation(device.name(), state.id(), buffer, epoch, w.now()), random),
              "no reaction");
      return Misbehaviour.apply(
          device.behaviour(), Duration.ofNanos(device.overrunNanos()), honest);
    } catch (RuntimeException | LinkageError | AssertionError | StackOverflowError e) {
      // Anybody's code, as in the actor.
      w.record(
          node(),
          new HistoryEvent.Dropped("a reaction of " + device.driver().kind(), e.toString()));
      return Misbehaviour.OOPS;
    }
  }

  private void happened(AttachmentEvent event, World w) {
    AttachmentCore.Step step = AttachmentCore.step(state, event);
    state = step.state();
    // As the actor does: what it has to say first, then what it asks, a detach last, then what the
    // engine is to do.
    List<AttachmentEffect> effects = new ArrayList<>(step.effects());
    effects.sort((a, b) -> Integer.compare(order(a), order(b)));
    for (AttachmentEffect effect : effects) {
      if (crashes(w)) {
        return;
      }
      carryOut(effect, w);
    }
  }

  private static int order(AttachmentEffect effect) {
    return switch (effect) {
      case AttachmentEffect.StartEngine e -> 0;
      case AttachmentEffect.Progress e -> 1;
      case AttachmentEffect.Attach e -> 2;
      case AttachmentEffect.Ask e -> e.operation() == Operation.DETACH ? 4 : 3;
      case AttachmentEffect.Probe e -> 5;
      case AttachmentEffect.StopEngine e -> 6;
      case AttachmentEffect.ReleaseEngine e -> 7;
    };
  }

  private void carryOut(AttachmentEffect effect, World w) {
    int id = state.id();
    switch (effect) {
      case AttachmentEffect.StartEngine e ->
          engine.send(new Engine.Command.Start(e.table(), buffer), w);
      case AttachmentEffect.Progress e -> {
        if (e.fenced()) {
          w.record(node(), new HistoryEvent.Fenced(device.name(), buffer, e.epoch(), List.of(id)));
        }
        tell(
            new Packet.Progress(
                process(),
                e.epoch(),
                e.returned() ? List.of(id) : List.of(),
                e.fences().stream().map(f -> new Fence(id, f.index(), f.usage())).toList(),
                e.signalled().stream().map(s -> new Signal(id, s.index(), s.error())).toList(),
                e.unmapped() ? List.of(id) : List.of()),
            w);
      }
      case AttachmentEffect.Attach e -> tell(new Packet.Attach(process(), e.cookie()), w);
      case AttachmentEffect.Ask e ->
          tell(new Packet.Call(process(), e.call(), e.operation(), id), w);
      case AttachmentEffect.Probe e ->
          engine.send(new Engine.Command.Probe(e.stale(), buffer, state.epoch()), w);
      case AttachmentEffect.StopEngine e ->
          engine.send(new Engine.Command.Stop(id, e.discardedReads(), e.writes()), w);
      case AttachmentEffect.ReleaseEngine e ->
          engine.send(
              new Engine.Command.Release(id, e.oldTranslationNanos(), e.oldAddressNanos()), w);
    }
  }

  private void tell(Packet packet, World w) {
    w.send(node(), World.EXPORTER, packet, exporter);
  }

  /** What it has at the end. */
  void stopped(World w) {
    w.record(
        node(),
        new HistoryEvent.DeviceStopped(
            device.name(),
            state.attached() ? 1 : 0,
            state.pinned() ? 1 : 0,
            state.mapped() ? 1 : 0));
  }

  boolean expires(long now) {
    return engine.expires(now);
  }

  void expire(World w) {
    engine.expire(w);
  }
}
