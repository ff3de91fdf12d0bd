package dev.dmabufsim.iommu;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.cluster.NodeDoor;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.IommuMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The IOMMU of a host: the one writer of the slots' first lines. It decides nothing: {@link
 * IommuCore} does. It watches the host's processes by their ids, since Akka's failure detector
 * takes seconds and a revoke's bound is milliseconds.
 */
public final class IommuHub extends AbstractBehavior<IommuHub.Command> {
  /** What it is told within its node. */
  public sealed interface Command {
    /** By another node. */
    record Remote(IommuMessage message) implements Command {}

    /** By whoever drives the experiment. */
    record Control(NodeCommand command) implements Command {}

    /** By timers. */
    enum Timer implements Command {
      /** Look again at what is draining. */
      DRAIN,
      /** Look whether processes live. */
      PROCESSES
    }
  }

  /** How often draining slots are looked at: a DMA of 1 MiB takes some 100 microseconds. */
  private static final Duration DRAIN = Duration.ofMillis(1);

  /** How often processes are looked at: two small reads of /proc for each. */
  private static final Duration PROCESSES = Duration.ofMillis(10);

  private final NodeContext node;
  private final ControlFile control;
  private final TimerScheduler<Command> timers;
  private final NodeDoor<IommuMessage> door;
  private final ActorRef<IommuMessage> address;
  private final Map<Integer, ActorRef<ExporterMessage>> exporterOf = new HashMap<>();
  private final Set<ActorRef<ExporterMessage>> exporters = new HashSet<>();
  private final Set<Integer> dead = new HashSet<>();
  private IommuState state;

  private IommuHub(
      ActorContext<Command> context, TimerScheduler<Command> timers, NodeContext node) {
    super(context);
    this.node = node;
    this.timers = timers;
    this.control = node.fabric().control();
    this.state = IommuState.empty(control.slotCapacity());
    this.door = NodeDoor.open(context, node, IommuMessage.class, Command.Remote::new);
    this.address = door.address();
    context.getSystem().receptionist().tell(Receptionist.register(IommuMessage.KEY, address));
    timers.startTimerWithFixedDelay(Command.Timer.PROCESSES, PROCESSES);
    node.reports().accept(new NodeReport.Ready(node.self().node()));
  }

  /** The guardian of an IOMMU node. */
  public static Behavior<Command> create(NodeContext node) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new IommuHub(context, timers, node)));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Remote.class, m -> onRemote(m.message()))
        .onMessage(Command.Control.class, m -> onControl(m.command()))
        .onMessage(Command.Timer.class, this::onTimer)
        .build();
  }

  private Behavior<Command> onRemote(IommuMessage message) {
    if (message.from().fabric() != node.self().fabric()
        || dead.contains(message.from().process())) {
      node.history()
          .record(
              new HistoryEvent.Dropped(
                  message.getClass().getSimpleName() + " from " + message.from().node(),
                  "of another fabric, or its process is dead"));
      return this;
    }
    switch (message) {
      case IommuMessage.Subscribe m -> {
        exporters.add(m.replyTo());
        m.replyTo().tell(new ExporterMessage.IommuReady(node.self(), address));
        // Deaths that it may have missed.
        dead.forEach(p -> m.replyTo().tell(new ExporterMessage.ProcessDied(node.self(), p)));
      }
      case IommuMessage.MapSlots m -> {
        exporterOf.put(m.buffer(), m.replyTo());
        happened(
            new IommuEvent.Map(
                m.buffer(),
                m.epoch(),
                m.segment(),
                m.generation(),
                m.length(),
                m.translated(),
                m.requests()));
      }
      case IommuMessage.UnmapSlots m -> {
        exporterOf.put(m.buffer(), m.replyTo());
        happened(new IommuEvent.Unmap(m.buffer(), m.mappings()));
      }
      case IommuMessage.CloseBuffer m -> {
        exporterOf.put(m.buffer(), m.replyTo());
        happened(
            new IommuEvent.Close(m.buffer(), m.epoch(), m.drainMicros() * 1000, System.nanoTime()));
      }
    }
    return this;
  }

  private Behavior<Command> onTimer(Command.Timer timer) {
    switch (timer) {
      case DRAIN -> sample();
      case PROCESSES -> {
        for (ProcessEntry process : control.processes()) {
          if (process.role() == ProcessEntry.ROLE_NODE
              && !dead.contains(process.index())
              && process.identity().dead()) {
            dead.add(process.index());
            happened(new IommuEvent.ProcessDied(process.index(), process.name()));
          }
        }
      }
    }
    return this;
  }

  private void happened(IommuEvent event) {
    IommuCore.Step step = IommuCore.step(state, event);
    state = step.state();
    step.effects().forEach(this::carryOut);
    if (state.busy()) {
      if (!timers.isTimerActive(Command.Timer.DRAIN)) {
        timers.startTimerWithFixedDelay(Command.Timer.DRAIN, DRAIN);
      }
    } else {
      timers.cancel(Command.Timer.DRAIN);
    }
  }

  private void carryOut(IommuEffect effect) {
    switch (effect) {
      case IommuEffect.OpenSlot e -> control.openSlot(e.slot(), e.mapping(), flags(e));
      case IommuEffect.CloseSlots e -> {
        e.slots().forEach(s -> control.setPermission(s, ControlDescriptor.PERMISSION_BLOCKED));
        control.barrier();
        sample();
      }
      case IommuEffect.FreeSlots e ->
          e.slots().forEach(s -> control.setPermission(s, ControlDescriptor.PERMISSION_FREE));
      case IommuEffect.ClearInFlight e -> e.slots().forEach(control::clearInFlight);
      case IommuEffect.SlotsMapped e ->
          tell(
              e.buffer(),
              new ExporterMessage.SlotsMapped(
                  node.self(), e.buffer(), e.epoch(), e.use(), e.tables(), e.refused()));
      case IommuEffect.SlotsUnmapped e ->
          tell(
              e.buffer(), new ExporterMessage.SlotsUnmapped(node.self(), e.buffer(), e.mappings()));
      case IommuEffect.BufferClosed e ->
          tell(
              e.buffer(),
              new ExporterMessage.BufferClosed(
                  node.self(), e.buffer(), e.epoch(), e.open(), e.undrained(), e.nanos() / 1000));
      case IommuEffect.AnnounceDeath e ->
          exporters.forEach(x -> x.tell(new ExporterMessage.ProcessDied(node.self(), e.process())));
      case IommuEffect.Note e -> node.history().record(e.event());
    }
  }

  private static int flags(IommuEffect.OpenSlot e) {
    int use =
        switch (e.use()) {
          case DMA -> 0;
          case ATS -> ControlDescriptor.SLOT_ATS;
          case CPU -> ControlDescriptor.SLOT_CPU;
        };
    return use | (e.translated() ? ControlDescriptor.SLOT_TRANSLATED : 0);
  }

  /** Looks which of the closed slots have nothing in flight. A barrier was issued before. */
  private void sample() {
    List<Integer> idle = new ArrayList<>();
    for (int slot : state.draining().keySet()) {
      if (!control.inFlight(slot)) {
        idle.add(slot);
      }
    }
    happened(new IommuEvent.Sampled(idle, System.nanoTime()));
  }

  private void tell(int buffer, ExporterMessage message) {
    ActorRef<ExporterMessage> exporter = exporterOf.get(buffer);
    if (exporter != null) {
      exporter.tell(message);
    }
  }

  private Behavior<Command> onControl(NodeCommand command) {
    switch (command) {
      case NodeCommand.Begin c -> {}
      case NodeCommand.End c -> {}
      case NodeCommand.Check c -> {}
      case NodeCommand.Network c -> door.rules(c.rules());
      case NodeCommand.Leave c -> {
        node.history()
            .record(new HistoryEvent.IommuStopped(state.open().size() + state.draining().size()));
        node.done().run();
      }
    }
    return this;
  }
}
