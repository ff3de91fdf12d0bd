package dev.dmabufsim.exporter;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.cluster.NodeDoor;
import dev.dmabufsim.common.contract.DmaBufOp;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.IommuMessage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * An exporter node's only address: routes what other nodes say to its devices and buffers, and asks
 * for revokes as {@link HubCore} decides.
 */
public final class ExporterHub extends AbstractBehavior<ExporterHub.Command> {
  /** What the hub is told within its node. */
  public sealed interface Command {
    /** By another node. */
    record Remote(ExporterMessage message) implements Command {}

    /** By whoever drives the experiment. */
    record Control(NodeCommand command) implements Command {}

    /** By the receptionist: IOMMUs that there are. */
    record IommusListed(Set<ActorRef<IommuMessage>> iommus) implements Command {}

    /** By a buffer: its revoke completed. */
    record BufferRevoked(int buffer) implements Command {}

    /** By a buffer: it could not be moved. */
    record RevokeRefused(int buffer) implements Command {}

    /** By a buffer: it has memory again. */
    record BufferRestored(int buffer) implements Command {}

    /** By a buffer: its revoked flag changed. */
    record FlagChanged(int buffer, boolean revoked) implements Command {}

    /** By a buffer: how many attachments are mapped. */
    record MappedChanged(int buffer, int mapped) implements Command {}

    /** By a buffer: it is gone, and this was left. */
    record BufferFinished(int buffer, int attachments, int pins, int mappings) implements Command {}

    /** By the pool: everything was looked through. */
    record PoolFinished() implements Command {}

    /** By a timer: a group's wait is over. */
    record WaitOver(int group) implements Command {}

    /** By a timer: the IOMMU may have to be looked for again, or asked who has died. */
    enum Timer implements Command {
      IOMMU
    }
  }

  private static final Duration IOMMU_RETRY = Duration.ofMillis(500);

  private final NodeContext node;
  private final TimerScheduler<Command> timers;
  private final NodeDoor<ExporterMessage> door;
  private final ActorRef<ExporterMessage> address;
  private final ActorRef<PoolActor.Command> pool;
  private final Map<Integer, ActorRef<BufferActor.Command>> buffers = new HashMap<>();
  private final Map<Integer, ActorRef<DeviceActor.Command>> deviceOf = new HashMap<>();
  private final List<ImporterMessage.BufferInfo> offers = new ArrayList<>();
  private final HubCore core;
  private HubCore.State state;
  private Set<ActorRef<IommuMessage>> iommus = Set.of();
  private @Nullable ActorRef<IommuMessage> iommu;
  private int iommuProcess = -1;
  private int unfinished;
  private int attachmentsLeft;
  private int pinsLeft;
  private int mappingsLeft;

  private ExporterHub(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      NodeContext node,
      ExporterPlan plan)
      throws IOException {
    super(context);
    this.node = node;
    this.timers = timers;
    this.door = NodeDoor.open(context, node, ExporterMessage.class, Command.Remote::new);
    this.address = door.address();
    if (!Planted.JOURNAL_IGNORED.planted()) {
      Inheritance.finish(node);
    }
    SegmentPool segments = new SegmentPool(node.fabric(), node.history(), node.self().process());
    List<RoundsCore.Device> byDevice = new ArrayList<>();
    List<BufferState> states = new ArrayList<>();
    List<BufferActor.Identity> identities = new ArrayList<>();
    BufferJournal journal = node.fabric().control().journal();
    int ordinal = 0;
    for (ExporterPlan.Device device : plan.devices()) {
      Errno errno = DmaBufOp.export(device.kind().ops());
      if (!errno.ok()) {
        throw new IOException("dma_buf_export() for " + device.name() + " is " + errno);
      }
      List<Integer> ids = new ArrayList<>();
      for (int i = 0; i < device.buffers(); i++) {
        int id = node.self().process() << 16 | ordinal++;
        SegmentPool.Lease lease = segments.export(id, device.bytes());
        // As much again: a device's buffers are all revoked at once, and all restored elsewhere.
        segments.reserve(device.bytes());
        node.history()
            .record(
                new HistoryEvent.Exported(
                    id,
                    device.name(),
                    device.kind(),
                    device.bytes(),
                    lease.segment(),
                    lease.generation()));
        identities.add(
            new BufferActor.Identity(
                device.name(),
                journal.enter(
                    id,
                    node.self().process(),
                    lease.segment(),
                    device.bytes(),
                    lease.generation())));
        states.add(
            BufferState.exported(
                new BufferState.Settings(
                    id,
                    device.kind(),
                    device.bytes(),
                    plan.contract(),
                    plan.bound().ask(),
                    plan.bound().block(),
                    plan.bound().copy(),
                    plan.bound().retry()),
                lease.segment(),
                lease.generation()));
        offers.add(new ImporterMessage.BufferInfo(id, device.name(), device.bytes()));
        ids.add(id);
      }
      byDevice.add(new RoundsCore.Device(List.copyOf(ids), device.causes(), device.firstNanos()));
    }
    this.core = new HubCore(plan.rounds(), byDevice);
    this.state = core.idle();
    this.pool =
        context.spawn(PoolActor.create(node, segments), "pool", DispatcherSelector.blocking());
    for (int i = 0; i < states.size(); i++) {
      BufferState its = states.get(i);
      int id = its.settings().id();
      buffers.put(
          id,
          context.spawn(
              BufferActor.create(node, context.getSelf(), address, pool, identities.get(i), its),
              "buffer-" + (id & 0xffff)));
    }
    int stride = plan.devices().size();
    for (int d = 0; d < stride; d++) {
      Map<Integer, ActorRef<BufferActor.Command>> its = new HashMap<>();
      for (int id : byDevice.get(d).buffers()) {
        its.put(id, buffers.get(id));
      }
      // Ids of all devices are apart, and so are those of all nodes.
      int firstId = AttachCore.firstId(node.self().process(), d);
      ActorRef<DeviceActor.Command> device =
          context.spawn(
              DeviceActor.create(
                  node,
                  its,
                  new AttachCore(plan.devices().get(d), its.keySet(), stride),
                  AttachCore.fresh(firstId)),
              "device-" + d);
      its.keySet().forEach(id -> deviceOf.put(id, device));
    }
    ActorRef<Receptionist.Listing> listings =
        context.messageAdapter(
            Receptionist.Listing.class,
            l -> new Command.IommusListed(l.getServiceInstances(IommuMessage.KEY)));
    context.getSystem().receptionist().tell(Receptionist.subscribe(IommuMessage.KEY, listings));
    context.getSystem().receptionist().tell(Receptionist.register(ExporterMessage.KEY, address));
    timers.startTimerWithFixedDelay(Command.Timer.IOMMU, IOMMU_RETRY);
  }

  /**
   * The guardian of an exporter node.
   *
   * @throws UncheckedIOException on start, if there is no room for the buffers
   */
  public static Behavior<Command> create(NodeContext node, ExporterPlan plan) {
    return Behaviors.setup(context ->
        Behaviors.withTimers(timers -> {
          try {
            return new ExporterHub(context, timers, node, plan);
          } catch (IOException e) {
            node.reports().accept(new NodeReport.Failed(node.self().node(), e.toString()));
            throw new UncheckedIOException(e);
          }
        }));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Remote.class, m -> onRemote(m.message()))
        .onMessage(Command.Control.class, m -> onControl(m.command()))
        .onMessage(Command.IommusListed.class, this::onIommusListed)
        .onMessage(
            Command.BufferRevoked.class, m -> happened(new HubCore.Event.Revoked(m.buffer())))
        .onMessage(
            Command.RevokeRefused.class, m -> happened(new HubCore.Event.Refused(m.buffer())))
        .onMessage(
            Command.BufferRestored.class, m -> happened(new HubCore.Event.Restored(m.buffer())))
        .onMessage(Command.FlagChanged.class, this::onFlagChanged)
        .onMessage(
            Command.MappedChanged.class,
            m -> happened(new HubCore.Event.Mapped(m.buffer(), m.mapped())))
        .onMessage(Command.BufferFinished.class, this::onBufferFinished)
        .onMessage(Command.PoolFinished.class, m -> onPoolFinished())
        .onMessage(Command.WaitOver.class, m -> happened(new HubCore.Event.WaitOver(m.group())))
        .onMessage(Command.Timer.class, m -> onTimer())
        .build();
  }

  private Behavior<Command> onRemote(ExporterMessage message) {
    if (!state.hears(message.from().process())) {
      drop(message, "its process is dead");
      return this;
    }
    if (fromIommu(message) && message.from().process() != iommuProcess) {
      drop(message, "it is not the IOMMU, or not any more");
      return this;
    }
    switch (message) {
      case ExporterMessage.ListBuffers m ->
          m.replyTo().tell(new ImporterMessage.Buffers(node.self(), address, List.copyOf(offers)));
      case ExporterMessage.Attach m -> {
        // That there is no such buffer is an answer like others, which any device gives.
        deviceOf
            .getOrDefault(m.buffer(), deviceOf.values().iterator().next())
            .tell(new DeviceActor.Command.Attach(m));
      }
      case ExporterMessage.Call m ->
          toBuffer(
              m,
              m.buffer(),
              new BufferActor.Command.FromImporter(
                  m.from().process(),
                  m.replyTo(),
                  now ->
                      new BufferEvent.Called(
                          m.from().process(),
                          m.call(),
                          m.operation(),
                          m.locked(),
                          m.span(),
                          m.attachments(),
                          now)));
      case ExporterMessage.RevokeProgress m -> {
        FaultTrap.at(FaultPoint.EXPORTER_PROGRESS_RECEIVED);
        toBuffer(
            m,
            m.buffer(),
            now ->
                new BufferEvent.Progressed(
                    m.from().process(),
                    m.epoch(),
                    m.returned(),
                    m.fences(),
                    m.signalled(),
                    m.unmapped(),
                    now));
      }
      case ExporterMessage.IommuReady m -> onIommuReady(m);
      case ExporterMessage.SlotsMapped m ->
          toBuffer(
              m,
              m.buffer(),
              now -> new BufferEvent.SlotsMapped(m.epoch(), m.use(), m.tables(), m.refused()));
      case ExporterMessage.SlotsUnmapped m -> {
        FaultTrap.at(FaultPoint.EXPORTER_UNMAPPED_RECEIVED);
        toBuffer(m, m.buffer(), now -> new BufferEvent.SlotsUnmapped(m.mappings(), now));
      }
      case ExporterMessage.BufferClosed m -> {
        FaultTrap.at(FaultPoint.EXPORTER_CLOSED_RECEIVED);
        toBuffer(
            m,
            m.buffer(),
            now -> new BufferEvent.BufferClosed(m.epoch(), m.open(), m.undrained(), now));
      }
      case ExporterMessage.ProcessDied m -> happened(new HubCore.Event.ProcessDied(m.process()));
    }
    return this;
  }

  /** Whether only the IOMMU of this host may say so. */
  private static boolean fromIommu(ExporterMessage message) {
    return switch (message) {
      case ExporterMessage.SlotsMapped m -> true;
      case ExporterMessage.SlotsUnmapped m -> true;
      case ExporterMessage.BufferClosed m -> true;
      case ExporterMessage.ProcessDied m -> true;
      case ExporterMessage.IommuReady m -> false;
      case ExporterMessage.ListBuffers m -> false;
      case ExporterMessage.Attach m -> false;
      case ExporterMessage.Call m -> false;
      case ExporterMessage.RevokeProgress m -> false;
    };
  }

  private void toBuffer(ExporterMessage message, int buffer, LongFunction<BufferEvent> event) {
    toBuffer(message, buffer, new BufferActor.Command.Happened(event));
  }

  private void toBuffer(ExporterMessage message, int buffer, BufferActor.Command command) {
    ActorRef<BufferActor.Command> actor = buffers.get(buffer);
    if (actor == null) {
      drop(message, "no such buffer");
    } else {
      actor.tell(command);
    }
  }

  private void drop(ExporterMessage message, String why) {
    node.history()
        .record(
            new HistoryEvent.Dropped(
                message.getClass().getSimpleName() + " from " + message.from().node(), why));
  }

  private void onIommuReady(ExporterMessage.IommuReady m) {
    // An older one than the one that is there was frozen, say, and is not what it was any more.
    if (m.from().fabric() != node.self().fabric() || m.from().process() <= iommuProcess) {
      return;
    }
    boolean first = iommu == null;
    iommu = m.iommu();
    iommuProcess = m.from().process();
    buffers.values().forEach(b -> b.tell(new BufferActor.Command.IommuIs(m.iommu())));
    if (first) {
      node.reports().accept(new NodeReport.Ready(node.self().node()));
    }
  }

  private Behavior<Command> onIommusListed(Command.IommusListed m) {
    iommus = m.iommus();
    subscribe();
    return this;
  }

  private void subscribe() {
    iommus.forEach(i -> i.tell(new IommuMessage.Subscribe(node.self(), address)));
  }

  private Behavior<Command> onTimer() {
    // A subscription may be lost, to the first IOMMU or to its successor. So may the news of a
    // death, which is told once to whoever has subscribed: without it the dead would keep their
    // attachments, and each revoke would wait for them to its deadline.
    subscribe();
    return this;
  }

  private Behavior<Command> onFlagChanged(Command.FlagChanged m) {
    ActorRef<DeviceActor.Command> device = deviceOf.get(m.buffer());
    if (device != null) {
      device.tell(new DeviceActor.Command.FlagChanged(m.buffer(), m.revoked()));
    }
    return this;
  }

  private Behavior<Command> happened(HubCore.Event event) {
    HubCore.Step step = core.step(state, event);
    state = step.state();
    String name = node.self().node();
    for (HubCore.Effect effect : step.effects()) {
      switch (effect) {
        case HubCore.Effect.Wait e ->
            timers.startSingleTimer(
                e.group(), new Command.WaitOver(e.group()), Duration.ofNanos(e.nanos()));
        case HubCore.Effect.Revoke e ->
            tellAll(e.buffers(), new BufferActor.Command.Revoke(e.cause()));
        case HubCore.Effect.Restore e -> tellAll(e.buffers(), new BufferActor.Command.Restore());
        case HubCore.Effect.Bury e ->
            tellAll(
                buffers.keySet(),
                new BufferActor.Command.Happened(
                    now -> new BufferEvent.ProcessDied(e.process(), now)));
        case HubCore.Effect.RoundDone e ->
            node.reports().accept(new NodeReport.RoundDone(name, e.rounds(), e.revokes()));
        case HubCore.Effect.RoundsDone e ->
            node.reports().accept(new NodeReport.RoundsDone(name, e.rounds()));
      }
    }
    return this;
  }

  private void tellAll(Collection<Integer> ids, BufferActor.Command command) {
    for (int id : ids) {
      ActorRef<BufferActor.Command> buffer = buffers.get(id);
      if (buffer != null) {
        buffer.tell(command);
      }
    }
  }

  private Behavior<Command> onControl(NodeCommand command) {
    switch (command) {
      case NodeCommand.Begin c -> happened(new HubCore.Event.Began());
      case NodeCommand.End c -> happened(new HubCore.Event.Ending());
      case NodeCommand.Check c -> {}
      case NodeCommand.Network c -> door.rules(c.rules());
      case NodeCommand.Leave c -> {
        timers.cancelAll();
        // Buffers may wait for the news of a death.
        timers.startTimerWithFixedDelay(Command.Timer.IOMMU, IOMMU_RETRY);
        unfinished = buffers.size();
        buffers
            .values()
            .forEach(b -> b.tell(new BufferActor.Command.Finish(getContext().getSelf())));
      }
    }
    return this;
  }

  private Behavior<Command> onBufferFinished(Command.BufferFinished m) {
    attachmentsLeft += m.attachments();
    pinsLeft += m.pins();
    mappingsLeft += m.mappings();
    unfinished--;
    if (unfinished == 0) {
      ActorRef<Command> self = getContext().getSelf();
      pool.tell(new PoolActor.Command.Finish(() -> self.tell(new Command.PoolFinished())));
    }
    return this;
  }

  private Behavior<Command> onPoolFinished() {
    node.history()
        .record(new HistoryEvent.ExporterStopped(attachmentsLeft, pinsLeft, mappingsLeft));
    node.done().run();
    return this;
  }
}
