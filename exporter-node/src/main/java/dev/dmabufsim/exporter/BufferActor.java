package dev.dmabufsim.exporter;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.IommuMessage;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One dma-buf. Its mailbox is the reservation lock: whatever the kernel does under {@code
 * dma_resv_lock()} is one message here. It decides nothing: {@link BufferCore} does.
 */
final class BufferActor extends AbstractBehavior<BufferActor.Command> {
  sealed interface Command {
    /**
     * Something happened.
     *
     * @param event the event, given the time at which the buffer takes note of it: what waits in
     *     the mailbox has not happened yet, as what waits for the reservation lock has not
     */
    record Happened(LongFunction<BufferEvent> event) implements Command {}

    /** Something happened that an importer sent, and it can be reached there. */
    record FromImporter(
        int process, ActorRef<ImporterMessage> importer, LongFunction<BufferEvent> event)
        implements Command {}

    /** Where the IOMMU is. */
    record IommuIs(ActorRef<IommuMessage> iommu) implements Command {}

    /** Revoke, as userspace asked. */
    record Revoke(RevokeCause cause) implements Command {}

    /** Restore: ask the pool for memory. */
    record Restore() implements Command {}

    /** The pool's answer. */
    record Lent(SegmentPool.Lease lease) implements Command {}

    /** The pool has moved the content. */
    record Moved(long epoch, SegmentPool.Copied copied) implements Command {}

    /** The pool could not move the content. */
    record MoveFailed(long epoch) implements Command {}

    /**
     * The experiment is over: the buffer is released when its last attachment is gone, or nobody
     * has taken it off for a while, and what did not finish is written down.
     */
    record Finish(ActorRef<ExporterHub.Command> replyTo) implements Command {}

    /** The while is over. */
    enum Release implements Command {
      RELEASE
    }

    /** A time that the core had asked for has come. */
    enum Tick implements Command {
      TICK
    }
  }

  /**
   * Who a buffer is to others of its fabric.
   *
   * @param device the exporter device that has it
   * @param journal the index of its entry in the journal
   */
  record Identity(String device, int journal) {}

  /** A device's revoke of all its buffers: they have the same epoch. */
  private record Round(String device, long epoch) {}

  /**
   * How long attachments keep a buffer that nobody needs any more. Of a process that has just died
   * the IOMMU has yet to tell; what an importer that misbehaves has, goes with its process.
   */
  private static final Duration LAST_REFERENCE = Duration.ofSeconds(3);

  private final NodeContext node;
  private final TimerScheduler<Command> timers;
  private final ActorRef<ExporterHub.Command> hub;
  private final ActorRef<ExporterMessage> hubAddress;
  private final ActorRef<PoolActor.Command> pool;
  private final Identity identity;
  private final BufferJournal journal;
  private final Map<Integer, ActorRef<ImporterMessage>> importers = new HashMap<>();
  private @Nullable ActorRef<IommuMessage> iommu;
  private BufferState state;
  private int mappedReported;
  private @Nullable ActorRef<ExporterHub.Command> finishing;

  private BufferActor(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      NodeContext node,
      ActorRef<ExporterHub.Command> hub,
      ActorRef<ExporterMessage> hubAddress,
      ActorRef<PoolActor.Command> pool,
      Identity identity,
      BufferState state) {
    super(context);
    this.identity = identity;
    this.journal = node.fabric().control().journal();
    this.timers = timers;
    this.node = node;
    this.hub = hub;
    this.hubAddress = hubAddress;
    this.pool = pool;
    this.state = state;
  }

  static Behavior<Command> create(
      NodeContext node,
      ActorRef<ExporterHub.Command> hub,
      ActorRef<ExporterMessage> hubAddress,
      ActorRef<PoolActor.Command> pool,
      Identity identity,
      BufferState state) {
    return Behaviors.setup(context ->
        Behaviors.withTimers(timers ->
            new BufferActor(context, timers, node, hub, hubAddress, pool, identity, state)));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Command.Happened.class, m -> happened(m.event().apply(System.nanoTime())))
        .onMessage(Command.FromImporter.class, this::onFromImporter)
        .onMessage(Command.IommuIs.class, this::onIommuIs)
        .onMessage(
            Command.Revoke.class,
            m -> happened(new BufferEvent.RevokeRequested(m.cause(), System.nanoTime())))
        .onMessage(Command.Restore.class, m -> borrow())
        .onMessage(Command.Lent.class, this::onLent)
        .onMessage(Command.Moved.class, this::onMoved)
        .onMessage(
            Command.MoveFailed.class,
            m -> happened(new BufferEvent.MoveFailed(m.epoch(), System.nanoTime())))
        .onMessage(Command.Finish.class, this::onFinish)
        .onMessage(Command.Release.class, m -> release())
        .onMessage(Command.Tick.class, m -> happened(new BufferEvent.Ticked(System.nanoTime())))
        .build();
  }

  private Behavior<Command> onFromImporter(Command.FromImporter m) {
    importers.put(m.process(), m.importer());
    return happened(m.event().apply(System.nanoTime()));
  }

  private Behavior<Command> onIommuIs(Command.IommuIs m) {
    boolean successor = iommu != null;
    iommu = m.iommu();
    // What its predecessor has not answered is asked again at once.
    return successor ? happened(new BufferEvent.Ticked(System.nanoTime())) : this;
  }

  private Behavior<Command> borrow() {
    pool.tell(
        new PoolActor.Command.Lend(
            state.settings().id(), state.settings().bytes(), getContext().getSelf()));
    return this;
  }

  private Behavior<Command> onLent(Command.Lent m) {
    FaultTrap.at(FaultPoint.EXPORTER_RESTORING);
    return happened(
        new BufferEvent.Restored(
            m.lease().segment(),
            Planted.OLD_GENERATION.planted() ? state.generation() : m.lease().generation(),
            System.nanoTime()));
  }

  private Behavior<Command> onMoved(Command.Moved m) {
    SegmentPool.Lease lease = m.copied().lease();
    return happened(
        new BufferEvent.CopiedOut(
            m.epoch(),
            lease.segment(),
            lease.generation(),
            m.copied().before(),
            m.copied().after(),
            System.nanoTime()));
  }

  private Behavior<Command> onFinish(Command.Finish m) {
    finishing = m.replyTo();
    if (state.attachments().isEmpty()) {
      return release();
    }
    timers.startSingleTimer(Command.Release.RELEASE, LAST_REFERENCE);
    return this;
  }

  private Behavior<Command> release() {
    ActorRef<ExporterHub.Command> replyTo = Objects.requireNonNull(finishing);
    finishing = null;
    happened(new BufferEvent.Released(System.nanoTime()));
    replyTo.tell(
        new ExporterHub.Command.BufferFinished(
            state.settings().id(), state.attachments().size(), state.pins(), state.mapped()));
    return Behaviors.stopped();
  }

  private Behavior<Command> happened(BufferEvent event) {
    BufferCore.Step step = BufferCore.step(state, event);
    boolean wasRevoked = state.revoked();
    state = step.state();
    if (state.revoked() != wasRevoked) {
      hub.tell(new ExporterHub.Command.FlagChanged(state.settings().id(), state.revoked()));
    }
    int mapped = state.mapped();
    if (mapped != mappedReported) {
      // First, for what follows may say that it is complete, and the round would be over.
      mappedReported = mapped;
      hub.tell(new ExporterHub.Command.MappedChanged(state.settings().id(), mapped));
    }
    for (int i = 0; i < step.effects().size(); i++) {
      carryOut(step.effects().get(i));
      if (FaultTrap.ARMED && lastInvalidate(step.effects(), i)) {
        FaultTrap.at(FaultPoint.EXPORTER_INVALIDATE_SENT);
      }
    }
    return finishing != null && state.attachments().isEmpty() ? release() : this;
  }

  private static boolean lastInvalidate(List<BufferEffect> effects, int i) {
    return effects.get(i) instanceof BufferEffect.Invalidate
        && (i + 1 == effects.size() || !(effects.get(i + 1) instanceof BufferEffect.Invalidate));
  }

  private void carryOut(BufferEffect effect) {
    int id = state.settings().id();
    switch (effect) {
      case BufferEffect.Note e -> node.history().record(e.event());
      case BufferEffect.Reply e ->
          toImporter(
              e.process(),
              new ImporterMessage.CallReply(
                  node.self(), e.call(), e.operation(), id, e.done(), e.failed(), e.tables()));
      case BufferEffect.Invalidate e ->
          toImporter(
              e.process(),
              new ImporterMessage.InvalidateMappings(
                  node.self(), hubAddress, id, e.epoch(), e.ids()));
      case BufferEffect.MapSlots e ->
          toIommu(
              new IommuMessage.MapSlots(
                  node.self(),
                  hubAddress,
                  id,
                  e.epoch(),
                  state.segment(),
                  state.generation(),
                  state.settings().bytes(),
                  e.translated(),
                  e.requests()));
      case BufferEffect.UnmapSlots e -> {
        toIommu(new IommuMessage.UnmapSlots(node.self(), hubAddress, id, e.mappings()));
        FaultTrap.at(FaultPoint.EXPORTER_UNMAP_SENT);
      }
      case BufferEffect.CloseBuffer e -> {
        FaultTrap.at(FaultPoint.EXPORTER_CLOSE);
        toIommu(
            new IommuMessage.CloseBuffer(
                node.self(), hubAddress, id, e.epoch(), e.drainNanos() / 1000));
        FaultTrap.at(FaultPoint.EXPORTER_CLOSE_SENT);
      }
      case BufferEffect.Sever e -> sever(e);
      case BufferEffect.CopyOut e ->
          pool.tell(
              new PoolActor.Command.Move(
                  e.segment(),
                  state.settings().bytes(),
                  e.drained(),
                  e.epoch(),
                  getContext().getSelf()));
      case BufferEffect.Borrow e -> borrow();
      case BufferEffect.Lifted e -> {
        FaultTrap.at(FaultPoint.EXPORTER_RESTORED);
        hub.tell(new ExporterHub.Command.BufferRestored(id));
      }
      case BufferEffect.GiveBack e ->
          pool.tell(new PoolActor.Command.GiveBack(e.segment(), state.settings().bytes()));
      case BufferEffect.Disown e -> disown(e);
      case BufferEffect.Journal e -> journal(e);
      case BufferEffect.Complete e -> {
        FaultTrap.at(FaultPoint.EXPORTER_COMPLETED);
        complete(e);
        FaultTrap.at(FaultPoint.EXPORTER_HANDED_OVER);
      }
      case BufferEffect.HandOver e -> handOver(e.segment(), handover(e.generation(), e.epoch()));
      case BufferEffect.Report e ->
          hub.tell(
              e.revoked()
                  ? new ExporterHub.Command.BufferRevoked(id)
                  : new ExporterHub.Command.RevokeRefused(id));
      case BufferEffect.WakeAt e -> {
        long wait = Math.max(1, e.nanos() - System.nanoTime());
        timers.startSingleTimer(Command.Tick.TICK, Duration.ofNanos(wait));
      }
    }
  }

  private void journal(BufferEffect.Journal e) {
    if (e.phase() == BufferJournal.Phase.REVOKED) {
      FaultTrap.at(FaultPoint.EXPORTER_COMPLETE);
    }
    journal.memory(identity.journal(), e.segment(), e.generation());
    journal.write(identity.journal(), e.epoch(), e.phase());
    if (e.phase() == BufferJournal.Phase.REVOKING) {
      FaultTrap.revoke(new Round(identity.device(), e.epoch()));
      FaultTrap.at(FaultPoint.EXPORTER_REQUESTED);
    }
  }

  private void sever(BufferEffect.Sever e) {
    if (Planted.STATE_BEFORE_TRUNCATE.planted()) {
      journal.write(identity.journal(), e.epoch(), BufferJournal.Phase.REVOKED);
    }
    FaultTrap.at(FaultPoint.EXPORTER_SEVER);
    try {
      if (!Planted.NO_SEVER.planted()) {
        node.fabric().sever(e.segment());
      }
      FaultTrap.at(FaultPoint.EXPORTER_SEVERED);
    } catch (IOException failure) {
      // Not severed, so not complete: the bound will say so, and this says why.
      failed("sever", e.segment(), failure);
      return;
    }
    getContext()
        .getSelf()
        .tell(new Command.Happened(now -> new BufferEvent.Severed(e.epoch(), now)));
  }

  private void disown(BufferEffect.Disown e) {
    long owner =
        e.unreachable() ? SegmentDescriptor.OWNER_UNREACHABLE : SegmentDescriptor.OWNER_NOBODY;
    try {
      SegmentPool.own(node.fabric(), e.segment(), state.settings().bytes(), owner);
    } catch (IOException failure) {
      if (!truncated(e.segment())) {
        failed("disown", e.segment(), failure);
      }
    }
  }

  private void complete(BufferEffect.Complete e) {
    SegmentPool.Handover handover = handover(e.generation(), e.epoch());
    switch (e.next()) {
      case TENANT -> handOver(e.segment(), handover);
      case REPLACEMENT -> pool.tell(new PoolActor.Command.Replace(handover));
      case NOBODY -> {
        // It stays as it is.
      }
    }
  }

  private SegmentPool.Handover handover(long generation, long epoch) {
    return new SegmentPool.Handover(
        state.settings().bytes(), generation, state.settings().id(), epoch);
  }

  /** Here and now: what lands in between would be overwritten by the tenant, and never be seen. */
  private void handOver(int segment, SegmentPool.Handover handover) {
    try {
      pool.tell(
          new PoolActor.Command.Take(
              SegmentPool.handOver(node.fabric(), node.history(), segment, handover)));
    } catch (IOException failure) {
      if (truncated(segment)) {
        // As if it had been severed: the next owner gets other memory.
        pool.tell(new PoolActor.Command.Replace(handover));
      } else {
        failed("hand over", segment, failure);
      }
    }
  }

  /** Whether somebody else has truncated it: then nothing is left that anybody could have. */
  private boolean truncated(int segment) {
    boolean truncated = node.fabric().isTruncated(segment);
    if (truncated) {
      node.history()
          .record(new HistoryEvent.Dropped("segment " + segment, "somebody has truncated it"));
    }
    return truncated;
  }

  private void failed(String what, int segment, IOException failure) {
    getContext().getLog().error("{}: segment {}", what, segment, failure);
    node.reports()
        .accept(new NodeReport.Failed(node.self().node(), what + ": " + failure.getMessage()));
  }

  private void toImporter(int process, ImporterMessage message) {
    ActorRef<ImporterMessage> importer = importers.get(process);
    if (importer != null) {
      importer.tell(message);
    }
  }

  private void toIommu(IommuMessage message) {
    // Not there, or not yet: what matters is asked again, and at its deadline it is severed.
    if (iommu != null) {
      iommu.tell(message);
    }
  }
}
