package dev.dmabufsim.iommu;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import dev.dmabufsim.cluster.Membership;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.cluster.NodeDoor;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.IommuMessage;
import java.io.IOException;
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

    /** By the cluster. */
    enum Member implements Command {
      /** This node is a member: others can hear it. */
      UP
    }
  }

  /** How often draining slots are looked at: a DMA of 1 MiB takes some 100 microseconds. */
  private static final Duration DRAIN = Duration.ofMillis(1);

  /** How often processes are looked at: two small reads of /proc for each. */
  private static final Duration PROCESSES = Duration.ofMillis(10);

  /** How long a dead exporter's memory may be used by a DMA that had begun. */
  private static final Duration ORPHAN_DRAIN = Duration.ofMillis(20);

  /** A device's revoke of all its buffers: they have the same epoch. */
  private record Round(int exporter, long epoch) {}

  private final NodeContext node;
  private final ControlFile control;
  private final BufferJournal journal;
  private final TimerScheduler<Command> timers;
  private final NodeDoor<IommuMessage> door;
  private final ActorRef<IommuMessage> address;
  private final Map<Integer, ActorRef<ExporterMessage>> exporterOf = new HashMap<>();
  private final Map<Integer, ActorRef<ExporterMessage>> exporters = new HashMap<>();
  private final Set<Integer> dead = new HashSet<>();
  private IommuState state;

  /** Somebody else had changed an entry that was to be claimed: it is to be looked at again. */
  private boolean claimLost;

  private IommuHub(
      ActorContext<Command> context, TimerScheduler<Command> timers, NodeContext node) {
    super(context);
    this.node = node;
    this.timers = timers;
    this.control = node.fabric().control();
    this.journal = control.journal();
    this.state = rebuild();
    this.door = NodeDoor.open(context, node, IommuMessage.class, Command.Remote::new);
    this.address = door.address();
    context.getSystem().receptionist().tell(Receptionist.register(IommuMessage.KEY, address));
    timers.startTimerWithFixedDelay(Command.Timer.PROCESSES, PROCESSES);
    if (state.busy()) {
      // What its predecessor had closed may be in flight.
      timers.startTimerWithFixedDelay(Command.Timer.DRAIN, DRAIN);
    }
    lookAtProcesses();
    Membership.whenUp(context, Command.Member.UP);
  }

  /** The books of a predecessor, if there was one. */
  private IommuState rebuild() {
    List<ProcessEntry> processes = control.processes();
    boolean first =
        processes.stream()
            .noneMatch(
                p -> p.index() < node.self().process() && p.name().equals(node.self().node()));
    if (first) {
      return IommuState.empty(control.slotCapacity());
    }
    List<IommuRebuild.Line> lines = new ArrayList<>();
    int slots = Planted.TABLE_FORGOTTEN.planted() ? 0 : control.slotsHighWater();
    for (int slot = 0; slot < slots; slot++) {
      lines.add(
          new IommuRebuild.Line(
              slot,
              control.mapping(slot),
              ControlDescriptor.permission(control.grant(slot)),
              control.flags(slot)));
    }
    IommuRebuild.Rebuilt rebuilt =
        IommuRebuild.rebuild(
            control.slotCapacity(),
            lines,
            processes.stream().mapToInt(ProcessEntry::index).max().orElse(-1) + 1,
            journal.entries());
    for (IommuRebuild.Damaged damaged : rebuilt.damaged()) {
      control.setPermission(damaged.slot(), ControlDescriptor.PERMISSION_BLOCKED);
      node.history().record(new HistoryEvent.Dropped("slot " + damaged.slot(), damaged.why()));
    }
    control.barrier();
    node.history().record(new HistoryEvent.Rebuilt(lines.size(), rebuilt.open()));
    return rebuilt.state();
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
        .onMessage(Command.Member.class, m -> onUp())
        .build();
  }

  /** Not before: a successor that nobody can ask is not there yet. */
  private Behavior<Command> onUp() {
    node.reports().accept(new NodeReport.Ready(node.self().node()));
    return this;
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
        exporters.put(m.from().process(), m.replyTo());
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
        FaultTrap.at(FaultPoint.IOMMU_UNMAP_RECEIVED);
        exporterOf.put(m.buffer(), m.replyTo());
        happened(new IommuEvent.Unmap(m.buffer(), m.mappings()));
      }
      case IommuMessage.CloseBuffer m -> {
        FaultTrap.revoke(new Round(m.from().process(), m.epoch()));
        FaultTrap.at(FaultPoint.IOMMU_CLOSE_RECEIVED);
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
      case PROCESSES -> lookAtProcesses();
    }
    return this;
  }

  private void lookAtProcesses() {
    boolean died = false;
    for (ProcessEntry process : control.processes()) {
      if (process.role() == ProcessEntry.ROLE_NODE
          && !dead.contains(process.index())
          && process.identity().dead()) {
        FaultTrap.at(FaultPoint.IOMMU_DEATH_NOTICED);
        died = true;
        dead.add(process.index());
        exporters.remove(process.index());
        happened(new IommuEvent.ProcessDied(process.index(), process.name()));
      }
    }
    if ((died || claimLost || !state.orphans().isEmpty()) && !Planted.ORPHANS_KEPT.planted()) {
      claimLost = false;
      // Of all the dead: a successor of one may have died while it took its buffers back.
      happened(
          new IommuEvent.Orphans(
              journal.entries().stream().filter(e -> dead.contains(e.process())).toList(),
              ORPHAN_DRAIN.toNanos(),
              System.nanoTime()));
    }
  }

  /** Claims it, unless it was claimed: then whoever had is dead, or both of them do the same. */
  private void claim(IommuEffect.Claim e) {
    BufferJournal.Entry mine = e.entry().reclaiming();
    if (e.entry().phase() == Phase.RECLAIMING
        || journal.claim(e.entry(), mine.epoch(), mine.phase())) {
      happened(
          new IommuEvent.Claimed(
              mine, e.entry().phase() == Phase.REVOKING, e.drainNanos(), System.nanoTime()));
    } else {
      claimLost = true;
    }
  }

  private void severOrphan(IommuEffect.SeverOrphan e) {
    FaultTrap.at(FaultPoint.IOMMU_RECLAIMING);
    try {
      node.fabric().severOrphan(e.entry().segment());
    } catch (IOException failure) {
      // Asked again soon: until then nothing is proven.
      getContext().getLog().error("segment {} is not severed", e.entry().segment(), failure);
      return;
    }
    FaultTrap.at(FaultPoint.IOMMU_RECLAIMED);
    boolean first = journal.claim(e.entry(), e.entry().epoch(), Phase.RECLAIMED);
    happened(new IommuEvent.OrphanSevered(e.entry().buffer(), first, System.nanoTime()));
  }

  private void happened(IommuEvent event) {
    IommuCore.Step step = IommuCore.step(state, event);
    state = step.state();
    step.effects().forEach(effect -> carryOut(effect, event));
    if (state.busy()) {
      if (!timers.isTimerActive(Command.Timer.DRAIN)) {
        timers.startTimerWithFixedDelay(Command.Timer.DRAIN, DRAIN);
      }
    } else {
      timers.cancel(Command.Timer.DRAIN);
    }
  }

  private void carryOut(IommuEffect effect, IommuEvent event) {
    switch (effect) {
      case IommuEffect.OpenSlot e -> control.openSlot(e.slot(), e.mapping(), flags(e));
      case IommuEffect.CloseSlots e -> {
        if (!Planted.NO_BLOCK.planted()) {
          e.slots().forEach(s -> control.setPermission(s, ControlDescriptor.PERMISSION_BLOCKED));
        }
        control.barrier();
        if (event instanceof IommuEvent.Close) {
          FaultTrap.at(FaultPoint.IOMMU_BLOCKED);
        }
        sample();
      }
      case IommuEffect.FreeSlots e -> {
        if (!Planted.NO_BLOCK.planted()) {
          e.slots().forEach(s -> control.setPermission(s, ControlDescriptor.PERMISSION_FREE));
        }
      }
      case IommuEffect.ClearInFlight e -> e.slots().forEach(control::clearInFlight);
      case IommuEffect.SlotsMapped e -> {
        FaultTrap.at(FaultPoint.IOMMU_OPENED);
        tell(
            e.buffer(),
            new ExporterMessage.SlotsMapped(
                node.self(), e.buffer(), e.epoch(), e.use(), e.tables(), e.refused()));
      }
      case IommuEffect.SlotsUnmapped e -> {
        tell(e.buffer(), new ExporterMessage.SlotsUnmapped(node.self(), e.buffer(), e.mappings()));
        FaultTrap.at(FaultPoint.IOMMU_UNMAPPED_SENT);
      }
      case IommuEffect.BufferClosed e -> {
        FaultTrap.at(FaultPoint.IOMMU_DRAINED);
        tell(
            e.buffer(),
            new ExporterMessage.BufferClosed(
                node.self(), e.buffer(), e.epoch(), e.open(), e.undrained(), e.nanos() / 1000));
        FaultTrap.at(FaultPoint.IOMMU_CLOSED_SENT);
      }
      case IommuEffect.Claim e -> claim(e);
      case IommuEffect.SeverOrphan e -> severOrphan(e);
      case IommuEffect.AnnounceDeath e ->
          exporters
              .values()
              .forEach(x -> x.tell(new ExporterMessage.ProcessDied(node.self(), e.process())));
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
      if (!control.inFlight(slot) || Planted.NO_DRAIN.planted()) {
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
