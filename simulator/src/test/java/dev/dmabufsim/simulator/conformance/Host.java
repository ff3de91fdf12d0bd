package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.AttachCore;
import dev.dmabufsim.exporter.BufferCore;
import dev.dmabufsim.exporter.BufferEffect;
import dev.dmabufsim.exporter.BufferEvent;
import dev.dmabufsim.exporter.BufferState;
import dev.dmabufsim.exporter.ExporterPlan;
import dev.dmabufsim.importer.AttachmentEffect.Progress;
import dev.dmabufsim.iommu.IommuCore;
import dev.dmabufsim.iommu.IommuEffect;
import dev.dmabufsim.iommu.IommuEvent;
import dev.dmabufsim.iommu.IommuState;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * A host with one exporter, its one buffer, its IOMMU and any number of importers, in a time of its
 * own. What decides are the program's cores; messages, memory and engines are played here, and each
 * kind of message can be held back, so that a race is an order and not luck.
 */
final class Host {
  /** What passes between the parts of a host. */
  enum Wire {
    ATTACH,
    LISTED,
    CALL,
    REPLY,
    INVALIDATE,
    PROGRESS,
    SLOTS,
    CLOSED,
    ENGINE
  }

  /** Whose memory is. */
  enum Owner {
    /** A buffer's, or the next owner's; its generation says which. */
    SOMEBODY,
    NOBODY,
    UNREACHABLE,
    SEVERED
  }

  /** What a piece of memory is now. */
  record Memory(Owner owner, long generation) {}

  /** A revoke that completed. */
  record Revoked(long epoch, RevokeOutcome outcome, Duration took) {}

  private record Due(long at, long order, Runnable what) {}

  static final int BUFFER = 7;
  static final long BYTES = 65_536;
  static final Duration ASK = Duration.ofMillis(200);
  static final Duration BLOCK = Duration.ofMillis(50);
  private static final long RETRY_NANOS = 10_000_000;
  private static final long WIRE_NANOS = 10_000;
  private static final long LOOK_NANOS = 500_000;
  private static final int SLOTS = 64;

  final RevokeCause cause;
  final List<Revoked> revoked = new ArrayList<>();

  /** What the exporter wrote down. */
  final List<HistoryEvent> notes = new ArrayList<>();

  BufferState buffer;

  /** Whether the IOMMU has gone silent. */
  boolean iommuDead;

  private final AttachCore device;
  private AttachCore.State deviceState = AttachCore.fresh(1);
  private IommuState iommu = IommuState.empty(SLOTS);
  private final Map<Integer, Boolean> slotOpen = new HashMap<>();
  private final Map<Integer, Memory> memory = new HashMap<>();
  private final List<Importer> importers = new ArrayList<>();
  private final PriorityQueue<Due> queue =
      new PriorityQueue<>(Comparator.comparingLong(Due::at).thenComparingLong(Due::order));
  private final Set<Wire> held = EnumSet.noneOf(Wire.class);
  private final Map<Wire, Deque<Runnable>> waiting = new EnumMap<>(Wire.class);
  private final List<Importer> stuck = new ArrayList<>();
  private final Map<Long, Importer> callers = new HashMap<>();
  private long now = 1_000_000_000L;
  private long order;
  private long calls;
  private int nextProcess = 1;
  private int nextSegment = 1;
  private long nextGeneration = 1;

  Host(ExporterKind kind, Contract contract, RevokeCause cause) {
    this(kind, contract, cause, Map.of());
  }

  /**
   * A host.
   *
   * @param cause why the exporter revokes
   * @param unreachable what importers are told that cannot do peer-to-peer, by name
   */
  Host(ExporterKind kind, Contract contract, RevokeCause cause, Map<String, Errno> unreachable) {
    this.cause = cause;
    this.device =
        new AttachCore(
            new ExporterPlan.Device("exporter", kind, 1, BYTES, List.of(cause), unreachable),
            Set.of(BUFFER),
            1);
    int segment = nextSegment++;
    long generation = nextGeneration++;
    memory.put(segment, new Memory(Owner.SOMEBODY, generation));
    this.buffer =
        BufferState.exported(
            new BufferState.Settings(
                BUFFER,
                kind,
                BYTES,
                contract,
                ASK.toNanos(),
                BLOCK.toNanos(),
                BLOCK.toNanos(),
                RETRY_NANOS),
            segment,
            generation);
    look();
  }

  /** A BAR that is reset. */
  static Host vfio(Contract contract) {
    return new Host(ExporterKind.VFIO_PCI, contract, RevokeCause.RESET);
  }

  /**
   * An exporter that such an importer can reach, and that takes its memory back whatever the
   * importer does: a BAR for who does peer-to-peer, else a GPU, whose memory is in system memory
   * then.
   */
  static Host meeting(ImporterDriver driver, Contract contract) {
    return driver.offer().peer2peer()
        ? vfio(contract)
        : new Host(ExporterKind.GPU_VRAM, contract, RevokeCause.HOT_UNPLUG);
  }

  /** An importer that attaches at once, in a process of its own. */
  Importer importer(ImporterDriver driver, Behaviour behaviour, Duration overrun) {
    Importer importer = new Importer(this, nextProcess++, driver, behaviour, overrun);
    importers.add(importer);
    importer.due();
    return importer;
  }

  /** An honest importer, mapped. */
  Importer live(ImporterDriver driver) {
    return live(driver, Behaviour.HONEST, Duration.ofMillis(200));
  }

  /** An importer, mapped. */
  Importer live(ImporterDriver driver, Behaviour behaviour, Duration overrun) {
    Importer importer = importer(driver, behaviour, overrun);
    if (!until(importer::live, Duration.ofSeconds(1))) {
      throw new AssertionError(driver.kind() + " is not mapped: " + importer.state());
    }
    return importer;
  }

  // Time.

  long now() {
    return now;
  }

  /** In so long, unless it is held back. */
  void later(long nanos, Runnable what) {
    queue.add(new Due(now + nanos, order++, what));
  }

  /** A message. */
  void send(Wire wire, Runnable arrives) {
    if (held.contains(wire)) {
      waiting.computeIfAbsent(wire, w -> new ArrayDeque<>()).add(arrives);
    } else {
      later(WIRE_NANOS, arrives);
    }
  }

  /** Holds messages of that kind back from now on. */
  Host hold(Wire wire) {
    held.add(wire);
    return this;
  }

  /** Lets them through again, in their order. */
  Host release(Wire wire) {
    held.remove(wire);
    Deque<Runnable> late = waiting.remove(wire);
    if (late != null) {
      late.forEach(arrives -> later(WIRE_NANOS, arrives));
    }
    return this;
  }

  /** How many messages of that kind are held back. */
  int heldBack(Wire wire) {
    Deque<Runnable> late = waiting.get(wire);
    return late == null ? 0 : late.size();
  }

  /** Time goes by. */
  Host run(Duration time) {
    until(() -> false, time);
    return this;
  }

  /** Time goes by until something holds; whether it did within the limit. */
  boolean until(BooleanSupplier holds, Duration limit) {
    long end = now + limit.toNanos();
    while (!holds.getAsBoolean()) {
      Due next = queue.peek();
      if (next == null || next.at() > end) {
        now = end;
        return false;
      }
      queue.remove();
      now = next.at();
      next.what().run();
      importers.forEach(Importer::look);
    }
    return true;
  }

  /** Engines run all the time; they are looked at often. */
  private void look() {
    later(LOOK_NANOS, this::look);
  }

  // The exporter.

  Host revoke(RevokeCause why) {
    happens(new BufferEvent.RevokeRequested(why, now));
    return this;
  }

  Host revoke() {
    return revoke(cause);
  }

  /** Revokes; whether that was complete within the limit. */
  boolean revokes(Duration limit) {
    int before = revoked.size();
    revoke();
    return until(() -> revoked.size() > before, limit);
  }

  /** The last revoke. */
  Revoked last() {
    return revoked.getLast();
  }

  Host restore() {
    int segment = nextSegment++;
    long generation = nextGeneration++;
    memory.put(segment, new Memory(Owner.SOMEBODY, generation));
    happens(new BufferEvent.Restored(segment, generation, now));
    return this;
  }

  void happens(BufferEvent event) {
    boolean before = buffer.revoked();
    BufferCore.Step step = BufferCore.step(buffer, event);
    buffer = step.state();
    step.effects().forEach(this::carryOut);
    if (buffer.revoked() != before) {
      boolean flag = buffer.revoked();
      send(
          Wire.LISTED,
          () ->
              deviceState =
                  device.step(deviceState, new AttachCore.Event.FlagChanged(BUFFER, flag)).state());
    }
  }

  private void carryOut(BufferEffect effect) {
    switch (effect) {
      case BufferEffect.Reply e -> send(Wire.REPLY, () -> reply(e));
      case BufferEffect.Invalidate e ->
          send(
              Wire.INVALIDATE,
              () ->
                  ofProcess(e.process())
                      .filter(i -> e.ids().contains(i.id()))
                      .ifPresent(i -> i.invalidate(e.epoch())));
      case BufferEffect.MapSlots e -> {
        BufferState asked = buffer;
        toIommu(
            new IommuEvent.Map(
                BUFFER,
                e.epoch(),
                asked.segment(),
                asked.generation(),
                BYTES,
                e.translated(),
                e.requests()));
      }
      case BufferEffect.UnmapSlots e -> toIommu(new IommuEvent.Unmap(BUFFER, e.mappings()));
      case BufferEffect.CloseBuffer e ->
          send(
              Wire.SLOTS,
              () -> iommu(new IommuEvent.Close(BUFFER, e.epoch(), e.drainNanos(), now)));
      case BufferEffect.Sever e -> {
        memory.put(e.segment(), new Memory(Owner.SEVERED, 0));
        later(WIRE_NANOS, () -> happens(new BufferEvent.Severed(e.epoch(), now)));
      }
      case BufferEffect.CopyOut e -> {
        int segment = nextSegment++;
        long generation = nextGeneration++;
        memory.put(segment, new Memory(Owner.SOMEBODY, generation));
        later(
            WIRE_NANOS,
            () -> happens(new BufferEvent.CopiedOut(e.epoch(), segment, generation, 1, 1, now)));
      }
      case BufferEffect.Disown e ->
          memory.put(
              e.segment(), new Memory(e.unreachable() ? Owner.UNREACHABLE : Owner.NOBODY, 0));
      case BufferEffect.Complete e -> {
        revoked.add(new Revoked(e.epoch(), e.outcome(), Duration.ofNanos(e.nanos())));
        if (e.next() == BufferEffect.Next.TENANT) {
          handOver(e.segment());
        }
      }
      case BufferEffect.HandOver e -> handOver(e.segment());
      case BufferEffect.Borrow e -> {}
      case BufferEffect.Lifted e -> {}
      case BufferEffect.GiveBack e -> handOver(e.segment());
      case BufferEffect.Journal e -> {}
      case BufferEffect.Report e -> {}
      case BufferEffect.WakeAt e ->
          later(Math.max(0, e.nanos() - now), () -> happens(new BufferEvent.Ticked(now)));
      case BufferEffect.Note e -> notes.add(e.event());
    }
  }

  private void handOver(int segment) {
    memory.put(segment, new Memory(Owner.SOMEBODY, nextGeneration++));
  }

  /** What a segment is now. */
  Memory memory(int segment) {
    return memory.getOrDefault(segment, new Memory(Owner.SEVERED, 0));
  }

  private Optional<Importer> ofProcess(int process) {
    return importers.stream().filter(i -> i.process() == process && i.alive()).findFirst();
  }

  private void reply(BufferEffect.Reply e) {
    Importer importer = callers.get(e.call());
    if (importer == null || !importer.alive()) {
      return;
    }
    Map<Integer, SgTable> tables =
        e.tables().stream().collect(Collectors.toMap(SgTable::attachment, t -> t));
    for (int id : e.done()) {
      importer.answered(e.operation(), Errno.OK, tables.get(id), e.call());
    }
    for (Failure failure : e.failed()) {
      importer.answered(e.operation(), failure.errno(), null, e.call());
    }
  }

  // What importers do.

  /** A number for a call. */
  long call(Importer importer) {
    callers.put(++calls, importer);
    return calls;
  }

  void attach(Importer importer, long cookie) {
    send(
        Wire.ATTACH,
        () -> {
          AttachCore.Step step =
              device.step(
                  deviceState,
                  new AttachCore.Event.Asked(
                      BUFFER, true, "device", importer.offered(), List.of(cookie)));
          deviceState = step.state();
          for (AttachCore.Effect effect : step.effects()) {
            switch (effect) {
              case AttachCore.Effect.Attach e ->
                  send(
                      Wire.LISTED,
                      () ->
                          happens(
                              new BufferEvent.Attached(e.importer(), e.ids(), e.mapErrno(), now)));
              case AttachCore.Effect.Reply e ->
                  // After what goes to the buffer, as the two actors' mailboxes have it.
                  send(
                      Wire.REPLY,
                      () ->
                          importer.attachAnswered(
                              e.errno(), e.ids().isEmpty() ? 0 : e.ids().getFirst(), cookie));
              case AttachCore.Effect.Note e -> {}
            }
          }
        });
  }

  void ask(Importer importer, Operation operation, long call) {
    int id = importer.id();
    send(
        Wire.CALL,
        () ->
            happens(
                new BufferEvent.Called(
                    importer.process(),
                    call,
                    operation,
                    operation.locked(),
                    Span.WHOLE,
                    List.of(id),
                    now)));
  }

  void progress(Importer importer, Progress p) {
    int id = importer.id();
    send(
        Wire.PROGRESS,
        () ->
            happens(
                new BufferEvent.Progressed(
                    importer.process(),
                    p.epoch(),
                    p.returned() ? List.of(id) : List.of(),
                    p.fences().stream().map(f -> new Fence(id, f.index(), f.usage())).toList(),
                    p.signalled().stream().map(s -> new Signal(id, s.index(), s.error())).toList(),
                    p.unmapped() ? List.of(id) : List.of(),
                    now)));
  }

  /** An importer's process is killed: its engine stops, and its node is heard of no more. */
  Host kill(Importer importer) {
    importer.dies();
    stuck.remove(importer);
    later(WIRE_NANOS, () -> iommu(new IommuEvent.ProcessDied(importer.process(), "importer")));
    return this;
  }

  /** A DMA of that importer hangs in its slot, as of a process that is stopped (SIGSTOP). */
  Host hangs(Importer importer) {
    stuck.add(importer);
    return this;
  }

  /** That DMA is over. */
  Host drains(Importer importer) {
    stuck.remove(importer);
    return this;
  }

  // The IOMMU.

  private void toIommu(IommuEvent event) {
    send(Wire.SLOTS, () -> iommu(event));
  }

  private void iommu(IommuEvent event) {
    if (iommuDead) {
      return;
    }
    IommuCore.Step step = IommuCore.step(iommu, event);
    iommu = step.state();
    for (IommuEffect effect : step.effects()) {
      carryOut(effect);
    }
  }

  private void carryOut(IommuEffect effect) {
    switch (effect) {
      case IommuEffect.OpenSlot e -> slotOpen.put(e.slot(), true);
      case IommuEffect.CloseSlots e -> {
        e.slots().forEach(s -> slotOpen.put(s, false));
        sample();
      }
      case IommuEffect.FreeSlots e -> {}
      case IommuEffect.ClearInFlight e -> {}
      // No exporter dies here.
      case IommuEffect.Claim e -> {}
      case IommuEffect.SeverOrphan e -> {}
      case IommuEffect.SlotsMapped e ->
          send(
              Wire.CLOSED,
              () ->
                  happens(
                      new BufferEvent.SlotsMapped(e.epoch(), e.use(), e.tables(), e.refused())));
      case IommuEffect.SlotsUnmapped e ->
          send(Wire.CLOSED, () -> happens(new BufferEvent.SlotsUnmapped(e.mappings(), now)));
      case IommuEffect.BufferClosed e ->
          send(
              Wire.CLOSED,
              () -> happens(new BufferEvent.BufferClosed(e.epoch(), e.open(), e.undrained(), now)));
      case IommuEffect.AnnounceDeath e ->
          send(Wire.CLOSED, () -> happens(new BufferEvent.ProcessDied(e.process(), now)));
      case IommuEffect.Note e -> {}
    }
  }

  private void sample() {
    List<Integer> idle =
        iommu.draining().values().stream()
            .filter(s -> stuck.stream().noneMatch(i -> i.process() == s.process()))
            .map(IommuState.Slot::index)
            .toList();
    iommu(new IommuEvent.Sampled(idle, now));
    if (iommu.busy()) {
      later(LOOK_NANOS, this::sample);
    }
  }

  /** Whether the IOMMU translates through that slot. */
  boolean open(int slot) {
    return slotOpen.getOrDefault(slot, false);
  }

  /** What stands in a slot, if one is open for that attachment. */
  Optional<IommuState.Slot> slot(int id, SlotUse use) {
    return Optional.ofNullable(iommu.open().get(new IommuState.Holder(id, use)));
  }

  /** How many calls the exporter has answered that were not legal. */
  long illegalCalls() {
    return notes.stream().filter(HistoryEvent.IllegalCall.class::isInstance).count();
  }

  /** How many slots are open or draining. */
  int slotsInUse() {
    return iommu.open().size() + iommu.draining().size();
  }
}
