package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.AttachCore;
import dev.dmabufsim.exporter.BufferCore;
import dev.dmabufsim.exporter.BufferEffect;
import dev.dmabufsim.exporter.BufferEvent;
import dev.dmabufsim.exporter.BufferState;
import dev.dmabufsim.exporter.ExporterPlan;
import dev.dmabufsim.simulator.explore.SharedMemory.Segment;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The exporter's node: one device, one buffer, and the pool from which it has its memory. What
 * {@code ExporterHub}, {@code DeviceActor}, {@code BufferActor} and {@code PoolActor} are in a
 * cluster.
 */
final class ExporterNode extends Node {
  private static final String DEVICE = "x";
  private static final int SEGMENT_BITS = 20;

  /** How often it asks who has died. */
  private static final long SUBSCRIBE_NANOS = 500_000_000;

  /** What it has told itself, or its pool has. */
  private sealed interface Self {
    record Severed(long epoch) implements Self {}

    record Lend() implements Self {}

    record Move(long epoch, int from, boolean drained) implements Self {}

    record Copying(long epoch, int from, int to, long generation, boolean drained, int grain)
        implements Self {}
  }

  private record Tenancy(int segment, long generation) {}

  private final WorldPlan plan;
  private AttachCore attachCore;
  private AttachCore.State attach = AttachCore.fresh(1);
  private BufferState state;
  private int journal;
  private long wakeAt = World.NEVER;
  private long subscribeAt = SUBSCRIBE_NANOS;
  private int segments;
  private int iommu;
  private boolean iommuThere = true;
  private final Set<Integer> dead = new TreeSet<>();
  private final ArrayDeque<Boolean> flags = new ArrayDeque<>(4);
  private final ArrayDeque<Self> selves = new ArrayDeque<>(4);
  private final ArrayDeque<Tenancy> tenants = new ArrayDeque<>(4);
  private int revokes;
  private boolean askedEarly;
  private boolean released;

  /** For the states seen: the number of what it knew when it was counted last. */
  private AttachCore.@Nullable State numbered;

  private int attachNumber;

  ExporterNode(int node, int process, WorldPlan plan, int iommu) {
    super(node, "x", "EXPORTER", process);
    this.plan = plan;
    this.iommu = iommu;
    this.attachCore = attachCore();
    this.state = empty();
  }

  private ExporterNode(ExporterNode other) {
    super(other.node(), other.name(), other.role(), other.process());
    this.plan = other.plan;
    this.iommu = other.iommu;
    this.attachCore = other.attachCore;
    this.state = other.state;
  }

  /** Of this process: its buffer is another than its predecessor's. */
  private AttachCore attachCore() {
    return new AttachCore(
        new ExporterPlan.Device(
            DEVICE, plan.exporter(), 1, SharedMemory.BYTES, List.of(plan.cause()), Map.of()),
        Set.of(World.bufferOf(process())),
        1);
  }

  private BufferState empty() {
    WorldPlan.Times t = plan.times();
    return BufferState.exported(
        new BufferState.Settings(
            World.bufferOf(process()),
            plan.exporter(),
            SharedMemory.BYTES,
            plan.contract(),
            t.ask(),
            t.block(),
            t.sever() / 2,
            t.retry()),
        0,
        0);
  }

  @Override
  ExporterNode copy() {
    ExporterNode copy = new ExporterNode(this);
    copy.assume(this);
    copy.attachCore = attachCore;
    copy.attach = attach;
    copy.journal = journal;
    copy.wakeAt = wakeAt;
    copy.subscribeAt = subscribeAt;
    copy.segments = segments;
    copy.iommuThere = iommuThere;
    copy.dead.addAll(dead);
    copy.flags.addAll(flags);
    copy.selves.addAll(selves);
    copy.tenants.addAll(tenants);
    copy.revokes = revokes;
    copy.askedEarly = askedEarly;
    copy.released = released;
    copy.numbered = numbered;
    copy.attachNumber = attachNumber;
    return copy;
  }

  @Override
  @SuppressWarnings("ReferenceEquality") // another one may be equal, and is looked at anew
  int numberOfRest(Numbers n) {
    if (attach != numbered) {
      numbered = attach;
      // Its queues are equal only if they are the same.
      attachNumber =
          n.of(
              List.of(
                  attach.revoked(),
                  attach.next(),
                  attach.attached().answers(),
                  List.copyOf(attach.attached().order()),
                  attach.refused().answers(),
                  List.copyOf(attach.refused().order())));
    }
    int its = n.of(state);
    state = n.first(state, its);
    return n.of(
        attachNumber,
        its,
        journal,
        wakeAt,
        subscribeAt,
        segments,
        iommu,
        iommuThere ? 1 : 0,
        n.of(List.copyOf(dead)),
        n.of(List.copyOf(flags)),
        n.of(List.copyOf(selves)),
        n.of(List.copyOf(tenants)),
        revokes,
        askedEarly ? 1 : 0,
        released ? 1 : 0);
  }

  BufferState state() {
    return state;
  }

  int buffer() {
    return state.settings().id();
  }

  @Override
  long dueNanos() {
    return Math.min(wakeAt, subscribeAt);
  }

  /** Whether it knows of every death that the IOMMU has noticed. */
  boolean knows(Set<Integer> deaths) {
    return dead.containsAll(deaths);
  }

  boolean flagged() {
    return !flags.isEmpty();
  }

  boolean talksToItself() {
    return !selves.isEmpty();
  }

  /** Whether its user may ask for a revoke now. */
  boolean revocable() {
    return revokes < plan.rounds() && state.revoke() == null && !state.revoked();
  }

  /** Whether its user may ask for memory now; in vain while the revoke goes on, and so once. */
  boolean restorable() {
    return state.revoked()
        && state.unrevoke() == null
        && (state.revoke() == null || !askedEarly)
        && plan.cause().after() == RevokeCause.After.RESTORED
        && selves.isEmpty();
  }

  /** Whether there is nothing that keeps it from having memory. */
  boolean toBeRestored() {
    return state.revoke() == null && restorable();
  }

  /** Whether all its rounds are over. */
  boolean finished() {
    return revokes >= plan.rounds()
        && state.revoke() == null
        && state.unrevoke() == null
        && selves.isEmpty()
        && !restorable();
  }

  /** Makes its buffer. */
  void export(World w) {
    int segment = create(w);
    long generation = w.memory().nextGeneration();
    int id = World.bufferOf(process());
    fill(segment, generation, Canary.word0(Canary.TAG_EXPORTER, generation), id, w);
    state = BufferState.exported(empty().settings(), segment, generation);
    attachCore = attachCore();
    attach = AttachCore.fresh(AttachCore.firstId(process(), 0));
    // As much again, which has a tenant from the start.
    tenants.add(rent(create(w), w));
    w.record(
        node(),
        new HistoryEvent.Exported(
            id, DEVICE, plan.exporter(), SharedMemory.BYTES, segment, generation));
    journal = w.memory().enter(id, process(), segment, generation);
  }

  @Override
  void died() {
    wakeAt = World.NEVER;
    flags.clear();
    selves.clear();
    tenants.clear();
    dead.clear();
  }

  @Override
  void restarted(World w) {
    if (!Planted.JOURNAL_IGNORED.planted()) {
      inherit(w);
    }
    segments = 0;
    revokes = Math.max(0, revokes - 1);
    export(w);
    iommu = w.processAt(World.IOMMU);
    iommuThere = !w.isDead(iommu);
    subscribeAt = w.now() + SUBSCRIBE_NANOS;
    // Deaths that it may have missed.
    toIommu(new Packet.Subscribe(process()), w);
    w.importers()
        .forEach(
            i -> w.send(node(), i.node(), new Packet.Buffers(process(), buffer()), i.process()));
  }

  /** As {@code dev.dmabufsim.exporter.Inheritance} has it. */
  private void inherit(World w) {
    for (BufferJournal.Entry entry : List.copyOf(w.memory().journal())) {
      if (!w.is(entry.process(), node()) || entry.process() == process() || !entry.unfinished()) {
        continue;
      }
      BufferJournal.Entry mine = entry.reclaiming();
      if (entry.phase() != BufferJournal.Phase.RECLAIMING) {
        if (!w.memory().claim(entry, mine.epoch(), mine.phase())) {
          continue;
        }
        w.record(
            node(),
            new HistoryEvent.Orphaned(
                mine.buffer(),
                mine.epoch(),
                mine.segment(),
                mine.generation(),
                mine.process(),
                entry.phase() == BufferJournal.Phase.REVOKING));
      }
      w.memory().sever(mine.segment());
      if (w.memory().claim(mine, mine.epoch(), BufferJournal.Phase.RECLAIMED)) {
        w.record(
            node(),
            new HistoryEvent.Reclaimed(
                mine.buffer(),
                mine.epoch(),
                mine.segment(),
                mine.generation(),
                RevokeOutcome.SEVERED,
                0));
      }
    }
    for (Segment s : List.copyOf(w.memory().segments())) {
      int owner = s.id() >>> SEGMENT_BITS;
      if (owner != process() && w.is(owner, node())) {
        w.memory().sever(s.id());
      }
    }
  }

  @Override
  void timer(World w) {
    if (w.now() >= wakeAt) {
      wakeAt = World.NEVER;
      happened(new BufferEvent.Ticked(w.now()), w);
    } else {
      subscribeAt = w.now() + SUBSCRIBE_NANOS;
      toIommu(new Packet.Subscribe(process()), w);
    }
  }

  void flag() {
    boolean revoked = flags.remove();
    attach = attachCore.step(attach, new AttachCore.Event.FlagChanged(buffer(), revoked)).state();
  }

  void revoke(World w) {
    revokes++;
    askedEarly = false;
    happened(new BufferEvent.RevokeRequested(plan.cause(), w.now()), w);
  }

  void restore() {
    askedEarly = state.revoke() != null;
    selves.add(new Self.Lend());
  }

  void self(World w) {
    switch (selves.remove()) {
      case Self.Severed s -> happened(new BufferEvent.Severed(s.epoch(), w.now()), w);
      case Self.Lend s -> {
        int segment = vacate(w);
        long generation = w.memory().nextGeneration();
        fill(segment, generation, Canary.word0(Canary.TAG_EXPORTER, generation), buffer(), w);
        happened(
            new BufferEvent.Restored(
                segment,
                Planted.OLD_GENERATION.planted() ? state.generation() : generation,
                w.now()),
            w);
      }
      case Self.Move s -> {
        int to = vacate(w);
        long generation = w.memory().nextGeneration();
        w.memory().own(to, generation);
        selves.add(new Self.Copying(s.epoch(), s.from(), to, generation, s.drained(), 0));
      }
      case Self.Copying s -> copying(s, w);
    }
  }

  private void copying(Self.Copying s, World w) {
    Segment from = w.memory().segment(s.from());
    Segment to = w.memory().segment(s.to());
    if (from == null || to == null) {
      return;
    }
    if (s.grain() < 2) {
      w.memory().put(to.grain(s.grain(), from.word0(s.grain()), from.word1(s.grain())));
      selves.add(
          new Self.Copying(
              s.epoch(), s.from(), s.to(), s.generation(), s.drained(), s.grain() + 1));
      return;
    }
    long before = s.drained() ? from.sum() : to.sum();
    happened(
        new BufferEvent.CopiedOut(s.epoch(), s.to(), s.generation(), before, to.sum(), w.now()), w);
  }

  @Override
  void receive(Packet packet, World w) {
    if (dead.contains(packet.from())) {
      w.record(node(), new HistoryEvent.Dropped(packet.getClass().getSimpleName(), "dead"));
      return;
    }
    switch (packet) {
      case Packet.Attach m -> attach(m, w);
      case Packet.Call m ->
          happened(
              new BufferEvent.Called(
                  m.from(),
                  m.call(),
                  m.operation(),
                  m.operation().locked(),
                  Span.WHOLE,
                  List.of(m.id()),
                  w.now()),
              w);
      case Packet.Progress m ->
          happened(
              new BufferEvent.Progressed(
                  m.from(),
                  m.epoch(),
                  m.returned(),
                  m.fences(),
                  m.signalled(),
                  m.unmapped(),
                  w.now()),
              w);
      case Packet.IommuReady m -> {
        if (m.from() > iommu || !iommuThere) {
          iommu = m.from();
          iommuThere = true;
          happened(new BufferEvent.Ticked(w.now()), w);
        }
      }
      default -> fromIommu(packet, w);
    }
  }

  private void fromIommu(Packet packet, World w) {
    if (packet.from() != iommu) {
      w.record(
          node(), new HistoryEvent.Dropped(packet.getClass().getSimpleName(), "not the IOMMU"));
      return;
    }
    switch (packet) {
      case Packet.SlotsMapped m ->
          happened(new BufferEvent.SlotsMapped(m.epoch(), m.use(), m.tables(), m.refused()), w);
      case Packet.SlotsUnmapped m ->
          happened(new BufferEvent.SlotsUnmapped(m.mappings(), w.now()), w);
      case Packet.BufferClosed m ->
          happened(new BufferEvent.BufferClosed(m.epoch(), m.open(), m.undrained(), w.now()), w);
      case Packet.ProcessDied m -> {
        if (dead.add(m.process())) {
          happened(new BufferEvent.ProcessDied(m.process(), w.now()), w);
        }
      }
      default -> {}
    }
  }

  private void attach(Packet.Attach m, World w) {
    WorldPlan.Device device = w.deviceOf(m.from());
    AttachCore.Step step =
        attachCore.step(
            attach,
            new AttachCore.Event.Asked(
                buffer(),
                true,
                device.name(),
                new BufferState.Importer(
                    m.from(),
                    SlotMapping.deviceKey(m.from(), 0),
                    device.driver().kind(),
                    device.driver().offer(),
                    device.ats()),
                List.of(m.cookie())));
    attach = step.state();
    for (AttachCore.Effect effect : step.effects()) {
      if (crashes(w)) {
        return;
      }
      switch (effect) {
        case AttachCore.Effect.Attach e ->
            happened(new BufferEvent.Attached(e.importer(), e.ids(), e.mapErrno(), w.now()), w);
        case AttachCore.Effect.Note e -> w.record(node(), e.event());
        case AttachCore.Effect.Reply e ->
            toImporter(
                m.from(),
                new Packet.AttachReply(
                    process(),
                    buffer(),
                    e.errno(),
                    m.cookie(),
                    e.ids().isEmpty() ? 0 : e.ids().getFirst()),
                w);
      }
    }
  }

  private void happened(BufferEvent event, World w) {
    if (released) {
      return;
    }
    BufferCore.Step step = BufferCore.step(state, event);
    boolean was = state.revoked();
    state = step.state();
    if (state.revoked() != was) {
      flags.add(state.revoked());
    }
    for (BufferEffect effect : step.effects()) {
      if (crashes(w)) {
        return;
      }
      carryOut(effect, w);
    }
  }

  private void carryOut(BufferEffect effect, World w) {
    switch (effect) {
      case BufferEffect.Note e -> w.record(node(), e.event());
      case BufferEffect.Reply e ->
          toImporter(
              e.process(),
              new Packet.CallReply(
                  process(), e.call(), e.operation(), e.done(), e.failed(), e.tables()),
              w);
      case BufferEffect.Invalidate e ->
          toImporter(
              e.process(),
              new Packet.InvalidateMappings(process(), buffer(), e.epoch(), e.ids()),
              w);
      case BufferEffect.MapSlots e ->
          toIommu(
              new Packet.MapSlots(
                  process(),
                  buffer(),
                  e.epoch(),
                  state.segment(),
                  state.generation(),
                  e.translated(),
                  e.requests()),
              w);
      case BufferEffect.UnmapSlots e ->
          toIommu(new Packet.UnmapSlots(process(), buffer(), e.mappings()), w);
      case BufferEffect.CloseBuffer e ->
          toIommu(new Packet.CloseBuffer(process(), buffer(), e.epoch(), e.drainNanos()), w);
      case BufferEffect.Sever e -> sever(e, w);
      case BufferEffect.CopyOut e -> selves.add(new Self.Move(e.epoch(), e.segment(), e.drained()));
      case BufferEffect.Borrow e -> selves.add(new Self.Lend());
      case BufferEffect.Lifted e -> {
        // Nobody waits for it.
      }
      case BufferEffect.GiveBack e -> tenants.add(rent(e.segment(), w));
      case BufferEffect.Disown e ->
          w.memory()
              .own(
                  e.segment(),
                  e.unreachable()
                      ? SegmentDescriptor.OWNER_UNREACHABLE
                      : SegmentDescriptor.OWNER_NOBODY);
      case BufferEffect.Journal e ->
          w.memory().write(journal, e.epoch(), e.phase(), e.segment(), e.generation());
      case BufferEffect.Complete e -> {
        w.completed();
        switch (e.next()) {
          case TENANT -> handOver(e.segment(), e.generation(), e.epoch(), w);
          case REPLACEMENT -> handOver(create(w), e.generation(), e.epoch(), w);
          case NOBODY -> {
            // It stays as it is.
          }
        }
      }
      case BufferEffect.HandOver e -> handOver(e.segment(), e.generation(), e.epoch(), w);
      case BufferEffect.Report e -> {
        // Nobody waits for it.
      }
      case BufferEffect.WakeAt e -> wakeAt = e.nanos();
    }
  }

  private void sever(BufferEffect.Sever e, World w) {
    if (Planted.STATE_BEFORE_TRUNCATE.planted()) {
      w.memory()
          .write(
              journal, e.epoch(), BufferJournal.Phase.REVOKED, state.segment(), state.generation());
      if (crashes(w)) {
        return;
      }
    }
    if (!Planted.NO_SEVER.planted()) {
      w.memory().sever(e.segment());
    }
    selves.add(new Self.Severed(e.epoch()));
  }

  private void handOver(int segment, long generation, long epoch, World w) {
    Tenancy tenancy = rent(segment, w);
    w.record(
        node(),
        new HistoryEvent.HandedOver(segment, buffer(), epoch, generation, tenancy.generation()));
    tenants.add(tenancy);
  }

  private int create(World w) {
    int segment = process() << SEGMENT_BITS | segments++;
    w.memory().put(Segment.filled(segment, SegmentDescriptor.OWNER_NOBODY, 0, 0));
    return segment;
  }

  private static void fill(int segment, long owner, long word0, int author, World w) {
    Segment s = w.memory().segment(segment);
    if (s != null && !s.severed()) {
      w.memory().put(Segment.filled(segment, owner, word0, Canary.word1(author, 0)));
    }
  }

  private static Tenancy rent(int segment, World w) {
    long generation = w.memory().nextGeneration();
    fill(segment, generation, Canary.word0(Canary.TAG_TENANT, generation), 0, w);
    return new Tenancy(segment, generation);
  }

  private int vacate(World w) {
    Tenancy oldest = tenants.poll();
    if (oldest == null) {
      return create(w);
    }
    inspect(oldest, w);
    return oldest.segment();
  }

  /** The tenant looks through his memory. */
  private void inspect(Tenancy t, World w) {
    Segment s = w.memory().segment(t.segment());
    if (s == null || s.severed()) {
      return;
    }
    long word0 = Canary.word0(Canary.TAG_TENANT, t.generation());
    long foreign = 0;
    long first = -1;
    List<HistoryEvent.Foreign> authors = List.of();
    for (int grain = 0; grain < 2; grain++) {
      if (s.word0(grain) != word0) {
        foreign += Canary.GRAIN_BYTES;
        first = first < 0 ? (long) grain * Canary.GRAIN_BYTES : first;
        authors =
            List.of(
                new HistoryEvent.Foreign(
                    (int) (s.word0(grain) >>> 56),
                    (int) (s.word1(grain) >>> 32),
                    s.word0(grain) & (1L << 56) - 1,
                    foreign));
      }
    }
    w.record(
        node(),
        new HistoryEvent.Scanned(
            t.segment(), t.generation(), SharedMemory.BYTES, foreign, first, authors));
  }

  /** The experiment is over: what is left is written down. */
  void finish(boolean inOrder, World w) {
    tenants.forEach(t -> inspect(t, w));
    tenants.clear();
    int attachments = state.attachments().size();
    int pins = state.pins();
    int mapped = state.mapped();
    if (inOrder) {
      happened(new BufferEvent.Released(w.now()), w);
      w.record(node(), new HistoryEvent.ExporterStopped(attachments, pins, mapped));
    } else {
      for (BufferEffect e : BufferCore.step(state, new BufferEvent.Released(w.now())).effects()) {
        if (e instanceof BufferEffect.Note n
            && n.event() instanceof HistoryEvent.RevokeUnfinished) {
          w.record(node(), n.event());
        }
      }
    }
    released = true;
  }

  private void toImporter(int process, Packet packet, World w) {
    w.send(node(), w.nodeOf(process), packet, process);
  }

  private void toIommu(Packet packet, World w) {
    if (iommuThere) {
      w.send(node(), World.IOMMU, packet, iommu);
    }
  }
}
