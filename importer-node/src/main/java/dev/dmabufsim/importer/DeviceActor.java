package dev.dmabufsim.importer;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
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

    /** By the engine: a DMA failed. */
    record EngineFailed(int id) implements Command {}

    /** Say when DMA is done again. */
    record Check(int number) implements Command {}

    /** By the alarm clock: look again whether DMA is done. */
    record CheckAgain(int number) implements Command {}

    /** By the engine. */
    record EngineStopped(List<Integer> ids) implements Command {}

    /** By the engine. */
    record EngineReleased(List<Integer> ids) implements Command {}

    /** These buffers' exporter is gone. */
    record ExporterGone(int process, Set<Integer> buffers) implements Command {}

    /** Others have given this node up: nothing that it had is its own any more. */
    record MappingsLost() implements Command {}

    /** Give everything back. */
    record End() implements Command {}

    /** Power down and stop. */
    record Leave() implements Command {}

    /** By the alarm clock: look who is due. */
    enum Tick implements Command {
      TICK
    }
  }

  /** One attachment to make. */
  record Assignment(int index, int buffer, ActorRef<ExporterMessage> exporter) {}

  private static final class Entry {
    final Assignment assignment;
    AttachmentState state;

    Entry(Assignment assignment, AttachmentState state) {
      this.assignment = assignment;
      this.state = state;
    }
  }

  /**
   * How long after an alarm the next may be, so that those which are due at almost the same time
   * are one batch.
   */
  private static final long RESOLUTION_NANOS = 500_000;

  private static final long CHECK_NANOS = 20_000_000;

  /** What nobody looks at: that of an attachment which is not mapped. */
  private static final Reaction NONE =
      Reaction.inCallback(Duration.ZERO, Reaction.Afterwards.MAP_AGAIN);

  private final NodeContext node;
  private final ImporterPlan.Device plan;
  private final int deviceKey;
  private final AlarmClock alarms;
  private final ActorRef<ImporterHub.Command> hub;
  private final ActorRef<ImporterMessage> address;
  private final DmaEngine engine;
  private final SplittableRandom random;
  private final Map<Integer, Entry> byIndex = new HashMap<>();
  private final Map<Integer, Entry> byId = new HashMap<>();
  private final Map<Integer, ActorRef<ExporterMessage>> exporters = new HashMap<>();
  private final DueQueue<Entry> due = new DueQueue<>();
  private final Outbox outbox = new Outbox();
  private final CpuAccess cpu;
  private long calls;
  private long alarmNanos = ReactionTimeline.NEVER;
  private long lastTickNanos;
  private boolean settledReported;
  private boolean endReported;
  private boolean ending;
  private final Map<Integer, Long> operationsBefore = new HashMap<>();
  private int checkNumber;
  private long checkedSinceNanos;

  private DeviceActor(
      ActorContext<Command> context,
      NodeContext node,
      ImporterPlan.Device plan,
      int deviceKey,
      ImporterPlan.Workload workload,
      AlarmClock alarms,
      ActorRef<ImporterHub.Command> hub,
      ActorRef<ImporterMessage> address) {
    super(context);
    this.node = node;
    this.plan = plan;
    this.deviceKey = deviceKey;
    this.alarms = alarms;
    this.hub = hub;
    this.address = address;
    this.random = new SplittableRandom(workload.seed() ^ deviceKey);
    this.cpu = new CpuAccess(plan.name(), plan.cpu(), node.fabric(), node.history(), outbox);
    this.lastTickNanos = System.nanoTime() - RESOLUTION_NANOS;
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
              public void released(List<Integer> attachments) {
                self.tell(new Command.EngineReleased(attachments));
              }

              @Override
              public void failed(int attachment) {
                self.tell(new Command.EngineFailed(attachment));
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
  }

  static Behavior<Command> create(
      NodeContext node,
      ImporterPlan.Device plan,
      int deviceKey,
      ImporterPlan.Workload workload,
      AlarmClock alarms,
      ActorRef<ImporterHub.Command> hub,
      ActorRef<ImporterMessage> address) {
    return Behaviors.setup(
        context -> new DeviceActor(context, node, plan, deviceKey, workload, alarms, hub, address));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Begin.class, this::onBegin)
        .onMessage(Command.AttachReply.class, m -> onAttachReply(m.message()))
        .onMessage(Command.CallReply.class, this::onCallReply)
        .onMessage(Command.Invalidate.class, this::onInvalidate)
        .onMessage(Command.EngineFailed.class, this::onEngineFailed)
        .onMessage(Command.Check.class, this::onCheck)
        .onMessage(Command.CheckAgain.class, this::onCheckAgain)
        .onMessage(Command.EngineStopped.class, this::onEngineStopped)
        .onMessage(Command.EngineReleased.class, this::onEngineReleased)
        .onMessage(Command.ExporterGone.class, this::onExporterGone)
        .onMessage(Command.MappingsLost.class, m -> onMappingsLost())
        .onMessage(Command.End.class, m -> onEnd())
        .onMessage(Command.Leave.class, m -> onLeave())
        .onMessage(Command.Tick.class, m -> onTick())
        .build();
  }

  private Behavior<Command> onBegin(Command.Begin m) {
    if (ending) {
      return this;
    }
    long now = System.nanoTime();
    for (Assignment a : m.assignments()) {
      exporters.put(a.buffer(), a.exporter());
      // Its place may be another's, whose exporter is lost.
      Entry entry = new Entry(a, AttachmentState.idle(a.index(), plan.driver().offer(), now));
      byIndex.put(a.index(), entry);
      due.add(now, entry);
    }
    return onTick();
  }

  private Behavior<Command> onTick() {
    long now = System.nanoTime();
    long call = ++calls;
    lastTickNanos = now;
    if (now >= alarmNanos) {
      alarmNanos = ReactionTimeline.NEVER;
    }
    Entry entry;
    while ((entry = due.poll(now)) != null) {
      if (now >= entry.state.dueNanos()) {
        happened(entry, new AttachmentEvent.Due(call, now));
      }
    }
    cpu.tick(call, now);
    return flush();
  }

  /** Has itself woken when the next is due. */
  private void setAlarm() {
    long next = Math.min(due.next(), cpu.next());
    if (next == ReactionTimeline.NEVER) {
      return;
    }
    long at = Math.max(next, lastTickNanos + RESOLUTION_NANOS);
    if (at < alarmNanos) {
      alarmNanos = at;
      ActorRef<Command> self = getContext().getSelf();
      alarms.at(at, () -> self.tell(Command.Tick.TICK));
    }
  }

  private Behavior<Command> onAttachReply(ImporterMessage.AttachReply m) {
    long now = System.nanoTime();
    long call = ++calls;
    for (int i = 0; i < m.cookies().size(); i++) {
      long cookie = m.cookies().get(i);
      Entry entry = byIndex.get(AttachmentState.index(cookie));
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
      happened(entry, new AttachmentEvent.AttachAnswered(errno, id, call, now));
      if (ok && !ending) {
        cpu.attached(id, m.buffer(), call, now);
      }
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
      happened(entry, new AttachmentEvent.Answered(reply.operation(), errno, table, call, now));
    }
    cpu.answered(id, reply.call(), reply.operation(), errno, table, call, now);
  }

  private Behavior<Command> onInvalidate(Command.Invalidate m) {
    if (!plan.driver().offer().revocable()) {
      node.history()
          .record(
              new HistoryEvent.Dropped(
                  "InvalidateMappings of buffer " + m.buffer(), plan.name() + " has no callback"));
      return this;
    }
    List<Entry> called =
        m.ids().stream()
            .map(byId::get)
            .filter(e -> e != null && e.assignment.buffer() == m.buffer())
            .toList();
    int live = (int) called.stream().filter(e -> e.state.phase() == Phase.LIVE).count();
    node.history()
        .record(new HistoryEvent.Invalidated(plan.name(), m.buffer(), m.epoch(), m.ids(), live));
    FaultTrap.at(FaultPoint.IMPORTER_INVALIDATED);
    long now = System.nanoTime();
    long call = ++calls;
    for (Entry entry : called) {
      boolean mapped = entry.state.phase() == Phase.LIVE || entry.state.phase() == Phase.FAULTED;
      Reaction reaction = mapped ? reaction(entry.state.id(), m, now) : NONE;
      happened(entry, new AttachmentEvent.Invalidated(m.epoch(), reaction, call, now));
    }
    return flush();
  }

  /** What the driver does, and how it misbehaves. */
  private Reaction reaction(int id, Command.Invalidate m, long now) {
    try {
      Reaction honest =
          Objects.requireNonNull(
              plan.driver()
                  .onInvalidate(
                      new Invalidation(plan.name(), id, m.buffer(), m.epoch(), now), random),
              "no reaction");
      return Misbehaviour.apply(plan.behaviour(), Duration.ofNanos(plan.overrunNanos()), honest);
    } catch (RuntimeException | LinkageError | AssertionError | StackOverflowError e) {
      // Anybody's code: what an oops does to a driver is that it does nothing more.
      node.history()
          .record(new HistoryEvent.Dropped("a reaction of " + plan.driver().kind(), e.toString()));
      getContext().getLog().error("{} failed in its callback", plan.driver().kind(), e);
      return Misbehaviour.OOPS;
    }
  }

  private Behavior<Command> onEngineFailed(Command.EngineFailed m) {
    ofEngine(List.of(m.id()), new AttachmentEvent.EngineFailed(System.nanoTime()));
    return flush();
  }

  private Behavior<Command> onCheck(Command.Check m) {
    checkNumber = m.number();
    checkedSinceNanos = System.nanoTime();
    operationsBefore.clear();
    return check();
  }

  private Behavior<Command> onCheckAgain(Command.CheckAgain m) {
    return m.number() == checkNumber ? check() : this;
  }

  /** Whether DMA is done anew; if not yet, it is looked at again. */
  private Behavior<Command> check() {
    if (ending) {
      return this;
    }
    int attachments = 0;
    long operations = 0;
    for (Entry entry : byIndex.values()) {
      SgTable table = entry.state.table();
      if (entry.state.phase() == Phase.LIVE && table != null) {
        long now = node.fabric().control().counters(table.slot()).operations();
        Long before = operationsBefore.putIfAbsent(table.slot(), now);
        // One may have begun before it was asked.
        if (before != null && now > before + 1) {
          attachments++;
          operations += now - before;
        }
      }
    }
    boolean away = byIndex.values().stream().anyMatch(e -> e.state.away());
    boolean never = byIndex.values().stream().allMatch(e -> e.state.never());
    if (attachments > 0 || (never && away)) {
      long micros = (System.nanoTime() - checkedSinceNanos) / 1000;
      node.history()
          .record(new HistoryEvent.Recovered(plan.name(), attachments, operations, micros));
    }
    if (attachments > 0 || never) {
      hub.tell(new ImporterHub.Command.DeviceRecovered(deviceKey, checkNumber, attachments > 0));
    } else {
      ActorRef<Command> self = getContext().getSelf();
      int number = checkNumber;
      alarms.at(System.nanoTime() + CHECK_NANOS, () -> self.tell(new Command.CheckAgain(number)));
    }
    return this;
  }

  private Behavior<Command> onEngineStopped(Command.EngineStopped m) {
    long now = System.nanoTime();
    long call = ++calls;
    ofEngine(m.ids(), new AttachmentEvent.EngineStopped(call, now));
    return flush();
  }

  private Behavior<Command> onEngineReleased(Command.EngineReleased m) {
    long now = System.nanoTime();
    long call = ++calls;
    ofEngine(m.ids(), new AttachmentEvent.EngineReleased(call, now));
    return flush();
  }

  private void ofEngine(List<Integer> ids, AttachmentEvent event) {
    for (int id : ids) {
      Entry entry = byId.get(id);
      if (entry != null) {
        happened(entry, event);
      }
    }
  }

  private Behavior<Command> onMappingsLost() {
    List<Integer> attachments = gone(Set.copyOf(exporters.keySet()));
    if (!attachments.isEmpty()) {
      node.history().record(new HistoryEvent.MappingsLost(plan.name(), attachments));
    }
    return flush();
  }

  /** Gives up what is attached to these buffers, and tells nobody: nobody would listen. */
  private List<Integer> gone(Set<Integer> buffers) {
    List<Integer> attachments = new ArrayList<>();
    for (Entry entry : byIndex.values()) {
      if (buffers.contains(entry.assignment.buffer())) {
        if (entry.state.attached()) {
          attachments.add(entry.state.id());
        }
        happened(entry, new AttachmentEvent.ExporterGone());
        cpu.exporterGone(entry.state.id());
        byId.remove(entry.state.id(), entry);
      }
    }
    exporters.keySet().removeAll(buffers);
    return attachments;
  }

  private Behavior<Command> onExporterGone(Command.ExporterGone m) {
    List<Integer> attachments = gone(m.buffers());
    if (!attachments.isEmpty()) {
      node.history().record(new HistoryEvent.ExporterLost(plan.name(), m.process(), attachments));
    }
    return flush();
  }

  private Behavior<Command> onEnd() {
    long now = System.nanoTime();
    long call = ++calls;
    ending = true;
    byIndex.values().forEach(entry -> happened(entry, new AttachmentEvent.Ending(call, now)));
    return flush();
  }

  private Behavior<Command> onLeave() {
    engine.powerDown();
    cpu.close();
    int attachments = 0;
    int pins = 0;
    int mappings = 0;
    for (Entry entry : byIndex.values()) {
      attachments += entry.state.attached() ? 1 : 0;
      pins += entry.state.pinned() ? 1 : 0;
      mappings += entry.state.mapped() ? 1 : 0;
    }
    node.history().record(new HistoryEvent.DeviceStopped(plan.name(), attachments, pins, mappings));
    hub.tell(new ImporterHub.Command.DeviceLeft(deviceKey));
    return Behaviors.stopped();
  }

  private void happened(Entry entry, AttachmentEvent event) {
    long before = entry.state.dueNanos();
    boolean attached = entry.state.attached();
    int id = entry.state.id();
    AttachmentCore.Step step = AttachmentCore.step(entry.state, event);
    entry.state = step.state();
    if (attached && !entry.state.attached()) {
      cpu.detached(id);
    }
    if (entry.state.dueNanos() != before) {
      due.add(entry.state.dueNanos(), entry);
    }
    int buffer = entry.assignment.buffer();
    for (AttachmentEffect effect : step.effects()) {
      if (effect instanceof AttachmentEffect.StartEngine start) {
        FaultTrap.at(FaultPoint.IMPORTER_MAPPED);
        engine.start(start.table(), buffer);
      } else {
        if (effect instanceof AttachmentEffect.Ask(Operation operation, long call)
            && operation == Operation.DETACH) {
          cpu.detaching(entry.state.id(), call);
        }
        outbox.add(buffer, entry.state, effect);
      }
    }
  }

  private Behavior<Command> flush() {
    outbox.progress.forEach((key, p) -> {
      if (!p.fenced.isEmpty()) {
        node.history()
            .record(
                new HistoryEvent.Fenced(
                    plan.name(), key.buffer(), key.epoch(), List.copyOf(p.fenced)));
      }
      ActorRef<ExporterMessage> exporter = exporters.get(key.buffer());
      if (exporter != null) {
        hub.tell(new ImporterHub.Command.Progressed(exporter, key.buffer(), key.epoch(), p));
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
    // Detaches last: whatever else is asked for the same attachment is asked before it is gone.
    outbox.calls.forEach((key, ids) -> {
      if (key.operation() != Operation.DETACH) {
        call(key, ids);
      }
    });
    outbox.calls.forEach((key, ids) -> {
      if (key.operation() == Operation.DETACH) {
        call(key, ids);
      }
    });
    outbox.probes.forEach(
        (key, tables) -> engine.probe(key.buffer(), key.epoch(), List.copyOf(tables)));
    outbox.stops.forEach(
        (how, ids) -> engine.stop(List.copyOf(ids), how.discardedReads(), how.writes()));
    outbox.releases.forEach((how, ids) ->
        engine.release(List.copyOf(ids), how.oldTranslationNanos(), how.oldAddressNanos()));
    outbox.clear();
    reportSettled();
    setAlarm();
    return this;
  }

  private void call(Outbox.CallKey key, List<Integer> ids) {
    tell(
        exporters.get(key.buffer()),
        new ExporterMessage.Call(
            node.self(),
            address,
            key.call(),
            key.operation(),
            key.buffer(),
            key.operation().locked(),
            plan.span(key.operation()),
            List.copyOf(ids)));
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
      if (!endReported && byIndex.values().stream().allMatch(e -> e.state.ended())) {
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
