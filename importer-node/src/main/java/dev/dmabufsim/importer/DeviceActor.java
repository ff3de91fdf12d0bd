package dev.dmabufsim.importer;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.importer.AttachmentCore.Event;
import dev.dmabufsim.importer.AttachmentCore.Phase;
import dev.dmabufsim.importer.AttachmentCore.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An importer device's driver, for all of its attachments. It decides nothing: {@link
 * AttachmentCore} does.
 */
final class DeviceActor extends AbstractBehavior<DeviceActor.Command> {
  sealed interface Command {
    /** Attach these. */
    record Begin(List<Assignment> assignments) implements Command {}

    /** An exporter's answer. */
    record AttachReply(ImporterMessage.AttachReply message) implements Command {}

    /** An exporter's answer, as far as it concerns this device. */
    record CallReply(
        ImporterMessage.CallReply message, List<Integer> done, List<ImporterMessage.Failure> failed)
        implements Command {}

    /** The callback, for these of its attachments. */
    record Invalidate(int buffer, long epoch, List<Integer> ids) implements Command {}

    /** By the engine. */
    record EngineStopped(List<Integer> ids) implements Command {}

    /** These buffers' exporter is gone. */
    record ExporterGone(Set<Integer> buffers) implements Command {}

    /** Give everything back. */
    record End() implements Command {}

    /** Power down and stop. */
    record Leave() implements Command {}

    /** By a timer: look who is due. */
    enum Tick implements Command {
      TICK
    }
  }

  /** One attachment to make. */
  record Assignment(int index, int buffer, ActorRef<ExporterMessage> exporter) {}

  private static final class Entry {
    final Assignment assignment;
    State state;

    Entry(Assignment assignment, State state) {
      this.assignment = assignment;
      this.state = state;
    }
  }

  private static final Duration TICK = Duration.ofMillis(4);

  private final NodeContext node;
  private final ImporterPlan.Device plan;
  private final int deviceKey;
  private final ActorRef<ImporterHub.Command> hub;
  private final ActorRef<ImporterMessage> address;
  private final DmaEngine engine;
  private final Map<Integer, Entry> byIndex = new HashMap<>();
  private final Map<Integer, Entry> byId = new HashMap<>();
  private final Map<Integer, ActorRef<ExporterMessage>> exporters = new HashMap<>();
  private final Outbox outbox = new Outbox();
  private long calls;
  private boolean settledReported;
  private boolean endReported;
  private boolean ending;

  private DeviceActor(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      NodeContext node,
      ImporterPlan.Device plan,
      int deviceKey,
      ImporterPlan.Workload workload,
      ActorRef<ImporterHub.Command> hub,
      ActorRef<ImporterMessage> address) {
    super(context);
    this.node = node;
    this.plan = plan;
    this.deviceKey = deviceKey;
    this.hub = hub;
    this.address = address;
    // A call's number is told from those of other devices of the node by its upper half.
    this.calls = (long) deviceKey << 32;
    ActorRef<Command> self = context.getSelf();
    this.engine =
        new DmaEngine(
            plan,
            deviceKey,
            workload,
            node.fabric(),
            node.history(),
            new DmaEngine.Listener() {
              @Override
              public void stopped(List<Integer> attachments) {
                self.tell(new Command.EngineStopped(attachments));
              }

              @Override
              public void probed(
                  int buffer, long epoch, long sinceNanos, int attempts, int enodev) {
                node.history()
                    .record(
                        new HistoryEvent.Probed(
                            plan.name(), buffer, epoch, sinceNanos, attempts, enodev));
              }
            });
    engine.powerUp();
    timers.startTimerWithFixedDelay(Command.Tick.TICK, TICK);
  }

  static Behavior<Command> create(
      NodeContext node,
      ImporterPlan.Device plan,
      int deviceKey,
      ImporterPlan.Workload workload,
      ActorRef<ImporterHub.Command> hub,
      ActorRef<ImporterMessage> address) {
    return Behaviors.setup(context ->
        Behaviors.withTimers(timers ->
            new DeviceActor(context, timers, node, plan, deviceKey, workload, hub, address)));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Begin.class, this::onBegin)
        .onMessage(Command.AttachReply.class, m -> onAttachReply(m.message()))
        .onMessage(Command.CallReply.class, this::onCallReply)
        .onMessage(Command.Invalidate.class, this::onInvalidate)
        .onMessage(Command.EngineStopped.class, this::onEngineStopped)
        .onMessage(Command.ExporterGone.class, this::onExporterGone)
        .onMessage(Command.End.class, m -> onEnd())
        .onMessage(Command.Leave.class, m -> onLeave())
        .onMessage(Command.Tick.class, m -> onTick())
        .build();
  }

  private Behavior<Command> onBegin(Command.Begin m) {
    long now = System.nanoTime();
    for (Assignment a : m.assignments()) {
      exporters.put(a.buffer(), a.exporter());
      byIndex.put(a.index(), new Entry(a, State.idle(a.index(), plan.driver().offer(), now)));
    }
    return onTick();
  }

  private Behavior<Command> onTick() {
    long now = System.nanoTime();
    long call = ++calls;
    for (Entry entry : byIndex.values()) {
      long due = entry.state.dueNanos();
      if (due != Long.MAX_VALUE && now - due >= 0) {
        happened(entry, new Event.Due(call, now));
      }
    }
    return flush();
  }

  private Behavior<Command> onAttachReply(ImporterMessage.AttachReply m) {
    long now = System.nanoTime();
    long call = ++calls;
    for (int i = 0; i < m.cookies().size(); i++) {
      int cookie = m.cookies().get(i);
      Entry entry = byIndex.get(cookie & 0xffff);
      if (entry == null
          || entry.assignment.buffer() != m.buffer()
          || entry.state.cookie() != cookie
          || entry.state.phase() != Phase.ATTACHING) {
        continue;
      }
      boolean ok = m.errno().ok() && i < m.attachments().size();
      int id = ok ? m.attachments().get(i) : 0;
      if (ok) {
        byId.remove(entry.state.id(), entry);
        byId.put(id, entry);
        hub.tell(new ImporterHub.Command.Owns(id, deviceKey));
      }
      Errno errno = m.errno().ok() && !ok ? Errno.EINVAL : m.errno();
      happened(entry, new Event.AttachAnswered(errno, id, call, now));
    }
    return flush();
  }

  private Behavior<Command> onCallReply(Command.CallReply m) {
    long now = System.nanoTime();
    long call = ++calls;
    Map<Integer, SgTable> tables = new HashMap<>();
    m.message().tables().forEach(t -> tables.put(t.attachment(), t));
    for (int id : m.done()) {
      answered(id, m.message(), Errno.OK, tables.get(id), call, now);
    }
    m.failed().forEach(f -> answered(f.attachment(), m.message(), f.errno(), null, call, now));
    return flush();
  }

  private void answered(
      int id,
      ImporterMessage.CallReply reply,
      Errno errno,
      @Nullable SgTable table,
      long call,
      long now) {
    Entry entry = byId.get(id);
    // An answer to a call that was given up is no answer to the one that is outstanding.
    if (entry != null && entry.state.call() == reply.call()) {
      happened(entry, new Event.Answered(reply.operation(), errno, table, call, now));
    }
  }

  private Behavior<Command> onInvalidate(Command.Invalidate m) {
    long now = System.nanoTime();
    int live = 0;
    for (int id : m.ids()) {
      Entry entry = byId.get(id);
      if (entry != null && entry.assignment.buffer() == m.buffer()) {
        live += entry.state.phase() == Phase.LIVE ? 1 : 0;
        happened(entry, new Event.Invalidated(m.epoch(), now));
      }
    }
    node.history()
        .record(new HistoryEvent.Invalidated(plan.name(), m.buffer(), m.epoch(), m.ids(), live));
    return flush();
  }

  private Behavior<Command> onEngineStopped(Command.EngineStopped m) {
    long now = System.nanoTime();
    long call = ++calls;
    Map<Outbox.EpochKey, List<Integer>> fenced = new HashMap<>();
    for (int id : m.ids()) {
      Entry entry = byId.get(id);
      if (entry != null) {
        if (entry.state.phase() == Phase.STOPPING && entry.state.epoch() > 0) {
          fenced
              .computeIfAbsent(
                  new Outbox.EpochKey(entry.assignment.buffer(), entry.state.epoch()),
                  k -> new ArrayList<>())
              .add(id);
        }
        happened(entry, new Event.EngineStopped(call, now));
      }
    }
    fenced.forEach((key, ids) ->
        node.history()
            .record(new HistoryEvent.Fenced(plan.name(), key.buffer(), key.epoch(), ids)));
    return flush();
  }

  private Behavior<Command> onExporterGone(Command.ExporterGone m) {
    for (Entry entry : byIndex.values()) {
      if (m.buffers().contains(entry.assignment.buffer())) {
        happened(entry, new Event.ExporterGone());
      }
    }
    return flush();
  }

  private Behavior<Command> onEnd() {
    long now = System.nanoTime();
    long call = ++calls;
    ending = true;
    byIndex.values().forEach(entry -> happened(entry, new Event.Ending(call, now)));
    return flush();
  }

  private Behavior<Command> onLeave() {
    engine.powerDown();
    int attachments = 0;
    int pins = 0;
    int mappings = 0;
    for (Entry entry : byIndex.values()) {
      Phase phase = entry.state.phase();
      boolean attached =
          switch (phase) {
            case IDLE, ATTACHING, REFUSED, DONE -> false;
            case PINNING, MAPPING, LIVE, STOPPING, WAITING, UNMAPPING, UNPINNING, DETACHING -> true;
          };
      attachments += attached ? 1 : 0;
      pins += entry.state.pinned() ? 1 : 0;
      mappings += phase == Phase.LIVE || phase == Phase.STOPPING ? 1 : 0;
    }
    node.history().record(new HistoryEvent.DeviceStopped(plan.name(), attachments, pins, mappings));
    hub.tell(new ImporterHub.Command.DeviceLeft(deviceKey));
    return Behaviors.stopped();
  }

  private void happened(Entry entry, Event event) {
    AttachmentCore.Step step = AttachmentCore.step(entry.state, event);
    entry.state = step.state();
    for (AttachmentCore.Effect effect : step.effects()) {
      if (effect instanceof AttachmentCore.Effect.StartEngine start) {
        engine.start(start.table(), entry.assignment.buffer());
      } else {
        outbox.add(entry.assignment.buffer(), entry.state, effect);
      }
    }
  }

  private Behavior<Command> flush() {
    outbox.progress.forEach((key, p) -> {
      ActorRef<ExporterMessage> exporter = exporters.get(key.buffer());
      if (exporter != null) {
        hub.tell(
            new ImporterHub.Command.Progressed(
                exporter,
                key.buffer(),
                key.epoch(),
                List.copyOf(p.returned),
                List.copyOf(p.fenced),
                List.copyOf(p.unmapped)));
      }
    });
    outbox.attaches.forEach((buffer, cookies) ->
        tell(
            exporters.get(buffer),
            new ExporterMessage.Attach(
                node.self(),
                address,
                buffer,
                plan.name(),
                deviceKey,
                plan.driver().kind(),
                plan.driver().offer(),
                plan.ats(),
                List.copyOf(cookies))));
    outbox.calls.forEach((key, ids) ->
        tell(
            exporters.get(key.buffer()),
            new ExporterMessage.Call(
                node.self(),
                address,
                key.call(),
                key.operation(),
                key.buffer(),
                key.operation().locked(),
                Span.WHOLE,
                List.copyOf(ids))));
    outbox.probes.forEach(
        (key, tables) -> engine.probe(key.buffer(), key.epoch(), List.copyOf(tables)));
    if (!outbox.stops.isEmpty()) {
      engine.stop(List.copyOf(outbox.stops));
    }
    outbox.clear();
    reportSettled();
    return this;
  }

  private void tell(@Nullable ActorRef<ExporterMessage> exporter, ExporterMessage message) {
    if (exporter != null) {
      // By way of the hub, behind the progress that it gathers: a detach that overtakes the unmap
      // before it would not be legal.
      hub.tell(new ImporterHub.Command.Send(exporter, message));
    }
  }

  private void reportSettled() {
    if (ending) {
      if (!endReported && byIndex.values().stream().allMatch(e -> e.state.phase() == Phase.DONE)) {
        endReported = true;
        hub.tell(new ImporterHub.Command.DeviceEnded(deviceKey));
      }
    } else if (!settledReported
        && !byIndex.isEmpty()
        && byIndex.values().stream().allMatch(e -> e.state.settled())) {
      settledReported = true;
      int live = count(Phase.LIVE);
      hub.tell(new ImporterHub.Command.DeviceSettled(deviceKey, live, count(Phase.REFUSED)));
    }
  }

  private int count(Phase phase) {
    return (int) byIndex.values().stream().filter(e -> e.state.phase() == phase).count();
  }
}
