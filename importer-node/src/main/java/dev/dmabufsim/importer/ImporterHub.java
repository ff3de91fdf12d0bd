package dev.dmabufsim.importer;

import akka.actor.ActorPath;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.Terminated;
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
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.importer.Outbox.Progress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * An importer node's only address. It routes what exporters say to the devices which it concerns,
 * and gathers the devices' answers to an invalidation, so that one message goes back for each
 * (buffer, node) and not one for each device.
 */
public final class ImporterHub extends AbstractBehavior<ImporterHub.Command> {
  /** What the hub is told within its node. */
  public sealed interface Command {
    /** By another node. */
    record Remote(ImporterMessage message) implements Command {}

    /** By whoever drives the experiment. */
    record Control(NodeCommand command) implements Command {}

    /** By the receptionist. */
    record ExportersListed(Set<ActorRef<ExporterMessage>> exporters) implements Command {}

    /** By a device: an attachment of that id is its own. */
    record Owns(int attachment, int deviceKey) implements Command {}

    /** By a device: an answer to an invalidation. */
    record Progressed(ActorRef<ExporterMessage> exporter, int buffer, long epoch, Progress progress)
        implements Command {}

    /** By a device: a message to an exporter. */
    record Send(ActorRef<ExporterMessage> exporter, ExporterMessage message) implements Command {}

    /** By a device: every attachment is live or refused. */
    record DeviceSettled(int deviceKey, int live, int refused) implements Command {}

    /**
     * By a device: it has answered a check.
     *
     * @param did whether it does DMA; if not, it never will
     */
    record DeviceRecovered(int deviceKey, int number, boolean did) implements Command {}

    /** By a device: everything was given back. */
    record DeviceEnded(int deviceKey) implements Command {}

    /** By a device: it is powered down. */
    record DeviceLeft(int deviceKey) implements Command {}

    /** By the cluster: this node is no member any more. */
    enum Membership implements Command {
      /** Others have given it up. */
      GIVEN_UP,
      /** It has left in order. */
      LEFT
    }

    /** By itself. */
    enum Internal implements Command {
      /** Send what was gathered. */
      FLUSH,
      /** Ask again what was not answered. */
      RETRY,
      /** Look whether exporters' processes live. */
      PROCESSES
    }
  }

  private record Key(ActorRef<ExporterMessage> exporter, int buffer, long epoch) {}

  private record Round(String exporterDevice, long epoch) {}

  /** An exporter's address, and whether it is of this host. */
  private record Exporter(ActorRef<ExporterMessage> ref, boolean local) {}

  private static final Duration RETRY = Duration.ofMillis(500);

  /** How often: an exporter's death is to be noticed within a second, whoever else is dead. */
  private static final Duration PROCESSES = Duration.ofMillis(100);

  private final NodeContext node;
  private final ImporterPlan plan;
  private final NodeDoor<ImporterMessage> door;
  private final ActorRef<ImporterMessage> address;
  private final AlarmClock alarms;
  private final Map<Integer, ActorRef<DeviceActor.Command>> devices = new LinkedHashMap<>();
  private final ImporterHubCore core;
  private final Map<Integer, Exporter> exporterOf = new HashMap<>();
  private final Set<ActorRef<ExporterMessage>> answered = new HashSet<>();
  private final Map<Integer, Integer> deviceOf = new HashMap<>();
  private final Map<Key, Progress> gathered = new LinkedHashMap<>();
  private Set<ActorRef<ExporterMessage>> exporters = Set.of();
  private ImporterHubCore.State state = ImporterHubCore.State.NEW;

  private ImporterHub(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      NodeContext node,
      ImporterPlan plan) {
    super(context);
    this.node = node;
    this.plan = plan;
    this.core = new ImporterHubCore(plan);
    this.door = NodeDoor.open(context, node, ImporterMessage.class, Command.Remote::new);
    this.address = door.address();
    this.alarms = new AlarmClock(node.self().node());
    int ordinal = 0;
    for (ImporterPlan.Device device : plan.devices()) {
      int key = SlotMapping.deviceKey(node.self().process(), ordinal);
      devices.put(
          key,
          context.spawn(
              DeviceActor.create(
                  node, device, key, plan.workload(), alarms, context.getSelf(), address),
              "device-" + ordinal));
      ordinal++;
    }
    ActorRef<Receptionist.Listing> listings =
        context.messageAdapter(
            Receptionist.Listing.class,
            l -> new Command.ExportersListed(l.getServiceInstances(ExporterMessage.KEY)));
    context.getSystem().receptionist().tell(Receptionist.subscribe(ExporterMessage.KEY, listings));
    context.getSystem().receptionist().tell(Receptionist.register(ImporterMessage.KEY, address));
    Membership.whenGivenUp(context, Command.Membership.GIVEN_UP, Command.Membership.LEFT);
    timers.startTimerWithFixedDelay(Command.Internal.RETRY, RETRY);
    timers.startTimerWithFixedDelay(Command.Internal.PROCESSES, PROCESSES);
  }

  /** The guardian of an importer node. */
  public static Behavior<Command> create(NodeContext node, ImporterPlan plan) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new ImporterHub(context, timers, node, plan)));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Remote.class, m -> onRemote(m.message()))
        .onMessage(Command.Control.class, m -> onControl(m.command()))
        .onMessage(Command.ExportersListed.class, this::onExportersListed)
        .onMessage(Command.Owns.class, this::onOwns)
        .onMessage(Command.Progressed.class, this::onProgressed)
        .onMessage(Command.Send.class, this::onSend)
        .onMessage(Command.DeviceSettled.class, this::onDeviceSettled)
        .onMessage(
            Command.DeviceRecovered.class,
            m -> {
              happened(
                  new ImporterHubCore.Event.Recovered(ordinal(m.deviceKey()), m.number(), m.did()));
              return this;
            })
        .onMessage(Command.DeviceEnded.class, this::onDeviceEnded)
        .onMessage(Command.DeviceLeft.class, this::onDeviceLeft)
        .onMessage(Command.Membership.class, this::onMembership)
        .onMessage(Command.Internal.class, this::onInternal)
        .onSignal(Terminated.class, this::onTerminated)
        .onSignal(PostStop.class, s -> onPostStop())
        .build();
  }

  private Behavior<Command> onExportersListed(Command.ExportersListed m) {
    exporters = m.exporters();
    askForBuffers();
    return this;
  }

  private void askForBuffers() {
    for (ActorRef<ExporterMessage> exporter : exporters) {
      if (!answered.contains(exporter)) {
        exporter.tell(new ExporterMessage.ListBuffers(node.self(), address));
      }
    }
  }

  private Behavior<Command> onRemote(ImporterMessage message) {
    if (!state.hears(message.from().process())) {
      node.history()
          .record(
              new HistoryEvent.Dropped(
                  message.getClass().getSimpleName() + " from " + message.from().node(),
                  "its process is dead or gone"));
      return this;
    }
    switch (message) {
      case ImporterMessage.Buffers m -> onBuffers(m);
      case ImporterMessage.AttachReply m -> {
        ActorRef<DeviceActor.Command> device = devices.get(m.deviceKey());
        if (device != null) {
          device.tell(new DeviceActor.Command.AttachReply(m));
        }
      }
      case ImporterMessage.CallReply m -> onCallReply(m);
      case ImporterMessage.InvalidateMappings m -> onInvalidate(m);
    }
    return this;
  }

  private void onBuffers(ImporterMessage.Buffers m) {
    if (answered.add(m.exporter())) {
      getContext().watch(m.exporter());
    }
    boolean local = m.from().fabric() == node.self().fabric();
    exporterOf.put(m.from().process(), new Exporter(m.exporter(), local));
    happened(new ImporterHubCore.Event.Listed(m.from().process(), m.buffers()));
  }

  /** Of this host: of another nothing can be known, and nothing of it is mapped here. */
  private void lookAtProcesses() {
    if (exporterOf.isEmpty() || Planted.DEAD_EXPORTER_UNSEEN.planted()) {
      return;
    }
    for (ProcessEntry process : node.fabric().control().processes()) {
      Exporter exporter = exporterOf.get(process.index());
      if (exporter != null && exporter.local() && process.identity().dead()) {
        happened(new ImporterHubCore.Event.Lost(process.index()));
        exporterOf.remove(process.index());
      }
    }
  }

  /** Whether an exporter's process is seen to run, whatever the cluster thinks of its node. */
  private boolean runs(int process, Exporter exporter) {
    return exporter.local()
        && node.fabric().control().processes().stream()
            .anyMatch(p -> p.index() == process && !p.identity().dead());
  }

  private void happened(ImporterHubCore.Event event) {
    ImporterHubCore.Step step = core.step(state, event);
    state = step.state();
    String name = node.self().node();
    for (ImporterHubCore.Effect effect : step.effects()) {
      switch (effect) {
        case ImporterHubCore.Effect.Ready e -> node.reports().accept(new NodeReport.Ready(name));
        case ImporterHubCore.Effect.Assign e -> assign(e);
        case ImporterHubCore.Effect.Lose e ->
            devices
                .values()
                .forEach(d ->
                    d.tell(
                        new DeviceActor.Command.ExporterGone(
                            e.process(), Set.copyOf(e.buffers()))));
        case ImporterHubCore.Effect.Settled e ->
            node.reports().accept(new NodeReport.Settled(name, e.live(), e.refused()));
        case ImporterHubCore.Effect.Recovered e ->
            node.reports()
                .accept(
                    new NodeReport.Recovered(
                        name,
                        e.number(),
                        e.devices().stream().map(d -> plan.devices().get(d).name()).toList()));
        case ImporterHubCore.Effect.Ended e -> node.reports().accept(new NodeReport.Ended(name));
        case ImporterHubCore.Effect.Done e -> node.done().run();
      }
    }
  }

  private void assign(ImporterHubCore.Effect.Assign e) {
    List<DeviceActor.Assignment> assignments = new ArrayList<>();
    for (ImporterHubCore.Assignment a : e.assignments()) {
      Exporter exporter = exporterOf.get(a.process());
      if (exporter != null) {
        assignments.add(new DeviceActor.Assignment(a.index(), a.buffer(), exporter.ref()));
      }
    }
    ActorRef<DeviceActor.Command> device =
        devices.get(SlotMapping.deviceKey(node.self().process(), e.device()));
    if (device != null) {
      device.tell(new DeviceActor.Command.Begin(assignments));
    }
  }

  private void onCallReply(ImporterMessage.CallReply m) {
    Map<Integer, List<Integer>> done =
        m.done().stream().collect(Collectors.groupingBy(this::owner));
    Map<Integer, List<Failure>> failed =
        m.failed().stream().collect(Collectors.groupingBy(f -> owner(f.attachment())));
    devices.forEach((key, device) -> {
      List<Integer> its = done.getOrDefault(key, List.of());
      List<Failure> itsFailed = failed.getOrDefault(key, List.of());
      if (!its.isEmpty() || !itsFailed.isEmpty()) {
        device.tell(new DeviceActor.Command.CallReply(m, its, itsFailed));
      }
    });
  }

  private int owner(int attachment) {
    return deviceOf.getOrDefault(attachment, -1);
  }

  private void onInvalidate(ImporterMessage.InvalidateMappings m) {
    ImporterHubCore.Offer offer = state.offers().get(m.buffer());
    if (offer != null) {
      FaultTrap.revoke(new Round(offer.buffer().device(), m.epoch()));
    }
    Map<Integer, List<Integer>> byDevice =
        m.attachments().stream().collect(Collectors.groupingBy(this::owner));
    byDevice.forEach((key, ids) -> {
      ActorRef<DeviceActor.Command> device = devices.get(key);
      if (device != null) {
        device.tell(new DeviceActor.Command.Invalidate(m.buffer(), m.epoch(), ids));
      } else {
        // The answer to the attach is still on its way: nothing was ever mapped.
        Progress nothing = new Progress();
        nothing.returned.addAll(ids);
        nothing.unmapped.addAll(ids);
        gather(new Key(m.replyTo(), m.buffer(), m.epoch()), nothing);
      }
    });
  }

  private Behavior<Command> onOwns(Command.Owns m) {
    deviceOf.put(m.attachment(), m.deviceKey());
    return this;
  }

  private Behavior<Command> onProgressed(Command.Progressed m) {
    gather(new Key(m.exporter(), m.buffer(), m.epoch()), m.progress());
    return this;
  }

  private Behavior<Command> onSend(Command.Send m) {
    flush();
    m.exporter().tell(m.message());
    if (m.message() instanceof ExporterMessage.Call call
        && (call.operation() == Operation.MAP || call.operation() == Operation.IOMMUFD_MAP)) {
      FaultTrap.at(FaultPoint.IMPORTER_MAP_SENT);
    }
    return this;
  }

  private void gather(Key key, Progress more) {
    if (gathered.isEmpty()) {
      // Behind whatever the devices have put into the mailbox by now: that goes along.
      getContext().getSelf().tell(Command.Internal.FLUSH);
    }
    gathered.computeIfAbsent(key, k -> new Progress()).addAll(more);
  }

  private Behavior<Command> onMembership(Command.Membership m) {
    switch (m) {
      case GIVEN_UP ->
          devices.values().forEach(d -> d.tell(new DeviceActor.Command.MappingsLost()));
      case LEFT -> {
        // It had given everything back before.
      }
    }
    return this;
  }

  private Behavior<Command> onInternal(Command.Internal what) {
    switch (what) {
      case FLUSH -> flush();
      case RETRY -> askForBuffers();
      case PROCESSES -> lookAtProcesses();
    }
    return this;
  }

  private void flush() {
    gathered.forEach((key, p) -> {
      FaultTrap.at(FaultPoint.IMPORTER_PROGRESS);
      key.exporter.tell(
          new ExporterMessage.RevokeProgress(
              node.self(),
              key.buffer,
              key.epoch,
              List.copyOf(p.returned),
              List.copyOf(p.fences),
              List.copyOf(p.signalled),
              List.copyOf(p.unmapped)));
      FaultTrap.at(FaultPoint.IMPORTER_PROGRESS_SENT);
    });
    gathered.clear();
  }

  private Behavior<Command> onControl(NodeCommand command) {
    switch (command) {
      case NodeCommand.Begin c -> happened(new ImporterHubCore.Event.Began());
      case NodeCommand.End c -> {
        happened(new ImporterHubCore.Event.Ending());
        devices.values().forEach(d -> d.tell(new DeviceActor.Command.End()));
      }
      case NodeCommand.Check c -> {
        happened(new ImporterHubCore.Event.Checking(c.number()));
        devices.values().forEach(d -> d.tell(new DeviceActor.Command.Check(c.number())));
      }
      case NodeCommand.Network c -> door.rules(c.rules());
      case NodeCommand.Leave c ->
          devices.values().forEach(d -> d.tell(new DeviceActor.Command.Leave()));
    }
    return this;
  }

  private Behavior<Command> onDeviceSettled(Command.DeviceSettled m) {
    happened(new ImporterHubCore.Event.Settled(ordinal(m.deviceKey()), m.live(), m.refused()));
    return this;
  }

  private Behavior<Command> onDeviceEnded(Command.DeviceEnded m) {
    happened(new ImporterHubCore.Event.Ended(ordinal(m.deviceKey())));
    return this;
  }

  private Behavior<Command> onDeviceLeft(Command.DeviceLeft m) {
    happened(new ImporterHubCore.Event.Left(ordinal(m.deviceKey())));
    return this;
  }

  private static int ordinal(int deviceKey) {
    return deviceKey & 0xffff;
  }

  /** Gone from the cluster, though its process may live; of another host one knows no better. */
  private Behavior<Command> onTerminated(Terminated signal) {
    for (Map.Entry<Integer, Exporter> e : List.copyOf(exporterOf.entrySet())) {
      ActorPath path = e.getValue().ref().path();
      if (path.equals(signal.getRef().path()) && path.uid() == signal.getRef().path().uid()) {
        boolean runs = runs(e.getKey(), e.getValue());
        happened(new ImporterHubCore.Event.Terminated(e.getKey(), runs));
        if (!runs) {
          exporterOf.remove(e.getKey());
        }
      }
    }
    return this;
  }

  private Behavior<Command> onPostStop() {
    alarms.close();
    return this;
  }
}
