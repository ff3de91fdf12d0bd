package dev.dmabufsim.importer;

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
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.cluster.NodeDoor;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.ImporterMessage.BufferInfo;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.importer.Outbox.Progress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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

    /** By a device: everything was given back. */
    record DeviceEnded(int deviceKey) implements Command {}

    /** By a device: it is powered down. */
    record DeviceLeft(int deviceKey) implements Command {}

    /** By itself. */
    enum Internal implements Command {
      /** Send what was gathered. */
      FLUSH,
      /** Ask again what was not answered. */
      RETRY
    }
  }

  /** The point between an invalidation and its fence, at which scenarios put faults. */
  public static final String POINT_INVALIDATED = "importer.invalidated";

  private record Key(ActorRef<ExporterMessage> exporter, int buffer, long epoch) {}

  private record HeldFor(int buffer, long epoch) {}

  private record Offer(BufferInfo buffer, ActorRef<ExporterMessage> exporter) {}

  private record Round(String exporterDevice, long epoch) {}

  private static final Duration RETRY = Duration.ofMillis(500);

  private final NodeContext node;
  private final ImporterPlan plan;
  private final NodeDoor<ImporterMessage> door;
  private final ActorRef<ImporterMessage> address;
  private final AlarmClock alarms;
  private final Map<Integer, ActorRef<DeviceActor.Command>> devices = new LinkedHashMap<>();
  private final Map<Integer, Offer> offers = new TreeMap<>();
  private final Set<ActorRef<ExporterMessage>> answered = new HashSet<>();
  private final Map<Integer, Integer> deviceOf = new HashMap<>();
  private final Map<Key, Progress> gathered = new LinkedHashMap<>();
  private final Set<Round> rounds = new HashSet<>();
  private final Set<Integer> settled = new HashSet<>();
  private final Set<Integer> ended = new HashSet<>();
  private final Set<Integer> left = new HashSet<>();
  private Set<ActorRef<ExporterMessage>> exporters = Set.of();
  private boolean ready;
  private final Set<HeldFor> heldFor = new HashSet<>();
  private boolean held;
  private int live;
  private int refused;

  private ImporterHub(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      NodeContext node,
      ImporterPlan plan) {
    super(context);
    this.node = node;
    this.plan = plan;
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
    timers.startTimerWithFixedDelay(Command.Internal.RETRY, RETRY);
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
        .onMessage(Command.DeviceEnded.class, this::onDeviceEnded)
        .onMessage(Command.DeviceLeft.class, this::onDeviceLeft)
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
    if (held) {
      // At a fault's point: the node's engines run on, its drivers do nothing any more.
      if (message instanceof ImporterMessage.InvalidateMappings m
          && heldFor.add(new HeldFor(m.buffer(), m.epoch()))) {
        noteHeld(m);
      }
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
    m.buffers().forEach(b -> offers.put(b.buffer(), new Offer(b, m.exporter())));
    long known = offers.values().stream().map(o -> o.buffer().device()).distinct().count();
    if (!ready && known >= plan.exporterDevices()) {
      ready = true;
      node.reports().accept(new NodeReport.Ready(node.self().node()));
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
    if (atFaultPoint(m)) {
      return;
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

  private boolean atFaultPoint(ImporterMessage.InvalidateMappings m) {
    if (plan.holdAt() == 0) {
      return false;
    }
    Offer offer = offers.get(m.buffer());
    String exporterDevice = offer == null ? "" : offer.buffer().device();
    rounds.add(new Round(exporterDevice, m.epoch()));
    if (rounds.size() < plan.holdAt()) {
      return false;
    }
    held = true;
    heldFor.add(new HeldFor(m.buffer(), m.epoch()));
    noteHeld(m);
    node.history().record(new HistoryEvent.FaultPointReached(POINT_INVALIDATED, rounds.size()));
    node.reports()
        .accept(new NodeReport.AtPoint(node.self().node(), POINT_INVALIDATED, rounds.size()));
    return true;
  }

  /** The callbacks are called and do not return; the engines go on. */
  private void noteHeld(ImporterMessage.InvalidateMappings m) {
    Map<Integer, List<Integer>> byDevice =
        m.attachments().stream().collect(Collectors.groupingBy(this::owner));
    int ordinal = 0;
    for (ImporterPlan.Device device : plan.devices()) {
      List<Integer> ids = byDevice.get(SlotMapping.deviceKey(node.self().process(), ordinal++));
      if (ids != null) {
        node.history()
            .record(
                new HistoryEvent.Invalidated(
                    device.name(), m.buffer(), m.epoch(), ids, ids.size()));
      }
    }
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
    if (!held) {
      m.exporter().tell(m.message());
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

  private Behavior<Command> onInternal(Command.Internal what) {
    switch (what) {
      case FLUSH -> flush();
      case RETRY -> askForBuffers();
    }
    return this;
  }

  private void flush() {
    if (!held) {
      gathered.forEach((key, p) ->
          key.exporter.tell(
              new ExporterMessage.RevokeProgress(
                  node.self(),
                  key.buffer,
                  key.epoch,
                  List.copyOf(p.returned),
                  List.copyOf(p.fences),
                  List.copyOf(p.signalled),
                  List.copyOf(p.unmapped))));
    }
    gathered.clear();
  }

  private Behavior<Command> onControl(NodeCommand command) {
    switch (command) {
      case NodeCommand.Begin c -> begin();
      case NodeCommand.End c ->
          devices.values().forEach(d -> d.tell(new DeviceActor.Command.End()));
      case NodeCommand.Check c -> {}
      case NodeCommand.Network c -> door.rules(c.rules());
      case NodeCommand.Leave c ->
          devices.values().forEach(d -> d.tell(new DeviceActor.Command.Leave()));
    }
    return this;
  }

  /** Spreads each device's attachments evenly over the buffers that it is to attach to. */
  private void begin() {
    int index = 0;
    int ordinal = 0;
    for (ImporterPlan.Device device : plan.devices()) {
      List<Offer> wanted =
          offers.values().stream()
              .filter(o ->
                  device.exporters().isEmpty() || device.exporters().contains(o.buffer().device()))
              .sorted(Comparator.comparingInt((Offer o) -> o.buffer().buffer()))
              .toList();
      List<DeviceActor.Assignment> assignments = new ArrayList<>();
      for (int i = 0; i < device.attachments() && !wanted.isEmpty(); i++) {
        Offer offer = wanted.get(i % wanted.size());
        assignments.add(
            new DeviceActor.Assignment(index++, offer.buffer().buffer(), offer.exporter()));
      }
      int key = SlotMapping.deviceKey(node.self().process(), ordinal++);
      ActorRef<DeviceActor.Command> actor = devices.get(key);
      if (actor != null) {
        actor.tell(new DeviceActor.Command.Begin(assignments));
      }
    }
  }

  private Behavior<Command> onDeviceSettled(Command.DeviceSettled m) {
    if (settled.add(m.deviceKey())) {
      live += m.live();
      refused += m.refused();
    }
    if (settled.size() == devices.size()) {
      node.reports().accept(new NodeReport.Settled(node.self().node(), live, refused));
    }
    return this;
  }

  private Behavior<Command> onDeviceEnded(Command.DeviceEnded m) {
    ended.add(m.deviceKey());
    if (ended.size() == devices.size()) {
      node.reports().accept(new NodeReport.Ended(node.self().node()));
    }
    return this;
  }

  private Behavior<Command> onDeviceLeft(Command.DeviceLeft m) {
    left.add(m.deviceKey());
    if (left.size() == devices.size()) {
      node.done().run();
    }
    return this;
  }

  private Behavior<Command> onTerminated(Terminated signal) {
    Set<Integer> gone =
        offers.values().stream()
            .filter(o -> o.exporter().path().equals(signal.getRef().path()))
            .map(o -> o.buffer().buffer())
            .collect(Collectors.toSet());
    offers.keySet().removeAll(gone);
    devices.values().forEach(d -> d.tell(new DeviceActor.Command.ExporterGone(gone)));
    return this;
  }

  private Behavior<Command> onPostStop() {
    alarms.close();
    return this;
  }
}
