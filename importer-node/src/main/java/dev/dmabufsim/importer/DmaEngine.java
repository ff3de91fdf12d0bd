package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.fault.Planted;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.SgTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The hardware of an importer device: a thread which does DMA through the device's mappings, one
 * after another, and between two of them hears what its driver wants.
 *
 * <pre>
 *   start          stop                release
 *     |-- reads and --|-- if planned, reads --|-- if planned, accesses through the old
 *     |    writes     |  that are discarded   |   translation or the old address: a rogue
 * </pre>
 *
 * <p>Each access looks first at whose the memory is. If it is somebody else's, or nobody's, the
 * revoke has completed and the access is late; what became of it is written down as {@link
 * HistoryEvent.Late}.
 *
 * <p>It parks between bursts, so that an engine uses no more than its share of a core, and while it
 * has nothing to do; a command wakes it.
 */
final class DmaEngine implements Runnable {
  /** What the engine tells its driver; called by the engine's thread. */
  interface Listener {
    /** The engine neither reads nor writes for these, but what it discards. It may lie. */
    void stopped(List<Integer> attachments);

    /** The engine uses these mappings no more, and may lie about that, too. */
    void released(List<Integer> attachments);

    /** A DMA through a live mapping failed; there are no more of it. */
    void failed(int attachment);

    /** Addresses of mappings that are gone were tried. */
    void probed(int buffer, long epoch, long sinceNanos, int attempts, int enodev);
  }

  private sealed interface Command {
    record Start(SgTable table, int buffer) implements Command {}

    record Stop(List<Integer> attachments, boolean discardedReads, boolean writes)
        implements Command {}

    record Release(List<Integer> attachments, long oldTranslationNanos, long oldAddressNanos)
        implements Command {}

    record Probe(int buffer, long epoch, List<SgTable> stale) implements Command {}

    record Quit() implements Command {}
  }

  /**
   * An engine works for some time and parks for the rest, this often: more seldom, and it would
   * pass over the few milliseconds between two phases of a mapping.
   */
  private static final long PERIOD_NANOS = 5_000_000;

  private static final long LEAST_BURST_NANOS = 20_000;
  private static final long MOST_BURST_NANOS = 200_000;
  private static final long IDLE_NANOS = 50_000_000;
  private static final int ALIGNMENT = 64;

  private final String device;
  private final int deviceKey;
  private final ImporterPlan.Workload workload;
  private final boolean writes;
  private final boolean ats;
  private final ControlFile control;
  private final History history;
  private final Listener listener;
  private final MappedSegments segments;
  private final Iotlb iotlb = new Iotlb();
  private final DmaPort port;
  private final SplittableRandom random;
  private final Queue<Command> commands = new ConcurrentLinkedQueue<>();
  private final Map<Integer, DmaTarget> byAttachment = new HashMap<>();

  /** Those through which DMA is done by turns. */
  private final List<DmaTarget> active = new ArrayList<>();

  /** Those that were given up, and are used all the same. */
  private final List<DmaTarget> rogues = new ArrayList<>();

  private final long burstNanos;
  private final Thread thread;
  private @Nullable DmaTarget current;
  private int cursor;
  private int rogueCursor;
  private boolean quit;

  DmaEngine(
      ImporterPlan.Device plan,
      int deviceKey,
      ImporterPlan.Workload workload,
      Fabric fabric,
      History history,
      Listener listener) {
    this.device = plan.name();
    this.deviceKey = deviceKey;
    this.workload = workload;
    this.writes = plan.driver().writes();
    this.ats = plan.ats();
    this.control = fabric.control();
    this.history = history;
    this.listener = listener;
    this.segments = new MappedSegments(fabric);
    this.port = new DmaPort(control, fabric.guard(), workload.maxBytes());
    this.random = new SplittableRandom(workload.seed() ^ deviceKey);
    this.burstNanos =
        Math.clamp((long) (workload.duty() * PERIOD_NANOS), LEAST_BURST_NANOS, MOST_BURST_NANOS);
    this.thread = Thread.ofPlatform().daemon().name("engine-" + plan.name()).unstarted(this);
  }

  /** Powers it up. */
  void powerUp() {
    thread.start();
  }

  /** Does DMA through a mapping from now on. */
  void start(SgTable table, int buffer) {
    send(new Command.Start(table, buffer));
  }

  /**
   * Stops reading and writing; {@link Listener#stopped} is called when it has.
   *
   * @param discardedReads whether it goes on reading what it throws away
   * @param writesOn whether it goes on writing, which breaks the contract
   */
  void stop(List<Integer> attachments, boolean discardedReads, boolean writesOn) {
    send(new Command.Stop(attachments, discardedReads, writesOn));
  }

  /**
   * Gives mappings up, stopped before or not; {@link Listener#released} is called when it has.
   *
   * @param oldTranslationNanos for how long it uses what it has cached all the same
   * @param oldAddressNanos for how long it uses the address all the same
   */
  void release(List<Integer> attachments, long oldTranslationNanos, long oldAddressNanos) {
    send(new Command.Release(attachments, oldTranslationNanos, oldAddressNanos));
  }

  /** Tries addresses of mappings that are gone. */
  void probe(int buffer, long epoch, List<SgTable> stale) {
    send(new Command.Probe(buffer, epoch, stale));
  }

  /**
   * Powers it down and waits until its thread has ended, some microseconds, and with it every
   * mapping of memory that it held.
   */
  void powerDown() {
    send(new Command.Quit());
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void send(Command command) {
    commands.add(command);
    LockSupport.unpark(thread);
  }

  @Override
  public void run() {
    while (!quit) {
      try {
        obey();
        if (active.isEmpty() && rogues.isEmpty()) {
          LockSupport.parkNanos(IDLE_NANOS);
        } else {
          burst();
        }
      } catch (InternalError severed) {
        // The JVM may report a fault in severed memory some instructions late; the operation it
        // belongs to has been counted, and nothing of it is in flight any more.
        severed();
        history.record(
            new HistoryEvent.Dropped("DMA of " + device, "late fault: " + severed.getMessage()));
      }
    }
    byAttachment.values().forEach(this::forget);
    rogues.forEach(this::forget);
  }

  /** The memory of whoever did the last access is gone. */
  private void severed() {
    DmaTarget target = current;
    if (target != null && !target.failed) {
      target.evidence.late(LateAccess.AER, false, 0, System.nanoTime());
      fail(target, "aborted");
    }
  }

  private void obey() {
    Command command;
    while ((command = commands.poll()) != null) {
      switch (command) {
        case Command.Start c -> begin(c);
        case Command.Stop c -> stop(c);
        case Command.Release c -> release(c);
        case Command.Probe c -> tryStale(c);
        case Command.Quit c -> quit = true;
      }
    }
  }

  private void begin(Command.Start c) {
    SgTable table = c.table();
    DmaTarget target =
        new DmaTarget(table, c.buffer(), new Evidence(history, device, table, c.buffer()));
    DmaTarget before = byAttachment.put(table.attachment(), target);
    if (before != null) {
      deactivate(before);
      forget(before);
    }
    activate(target);
  }

  private void stop(Command.Stop c) {
    FaultTrap.at(FaultPoint.IMPORTER_STOPPING);
    for (int attachment : c.attachments()) {
      DmaTarget target = byAttachment.get(attachment);
      if (target != null) {
        target.use = DmaTarget.Use.FENCED;
        target.writesWhenFenced = c.writes() && writes;
        if (!c.discardedReads() && !target.writesWhenFenced) {
          deactivate(target);
        }
      }
    }
    FaultTrap.at(FaultPoint.IMPORTER_STOPPED);
    listener.stopped(c.attachments());
  }

  private void release(Command.Release c) {
    long now = System.nanoTime();
    long oldTranslationNanos =
        Planted.IOTLB_NOT_FLUSHED.planted() ? IDLE_NANOS : c.oldTranslationNanos();
    boolean goesOn = oldTranslationNanos > 0 || c.oldAddressNanos() > 0;
    for (int attachment : c.attachments()) {
      DmaTarget target = byAttachment.remove(attachment);
      if (target == null) {
        continue;
      }
      deactivate(target);
      if (target.cached != null) {
        iotlb.flush(target.cached);
      }
      if (goesOn && remembers(target, c.oldAddressNanos() > 0)) {
        target.translationUntilNanos = now + oldTranslationNanos;
        target.addressUntilNanos = now + c.oldAddressNanos();
        target.failed = false;
        target.use = DmaTarget.Use.ROGUE;
        rogues.add(target);
      } else {
        forget(target);
      }
    }
    listener.released(c.attachments());
  }

  /** Whether there is something that it can go on with. */
  private boolean remembers(DmaTarget target, boolean address) {
    return target.cached != null || (address && reach(target) != null);
  }

  private void activate(DmaTarget target) {
    target.at = active.size();
    active.add(target);
  }

  private void deactivate(DmaTarget target) {
    if (target.at >= 0) {
      DmaTarget last = active.removeLast();
      if (target.at < active.size()) {
        active.set(target.at, last);
        last.at = target.at;
      }
      target.at = -1;
    }
  }

  /** Writes down what is left to say of it, and unmaps its memory. */
  private void forget(DmaTarget target) {
    target.evidence.close();
    if (target.cached != null) {
      iotlb.flush(target.cached);
      target.cached = null;
      segments.unmap(target.table.segment());
    }
  }

  private void tryStale(Command.Probe c) {
    long since = System.nanoTime();
    int enodev = 0;
    for (SgTable stale : c.stale()) {
      if (!reachable(stale)) {
        enodev++;
        control.countEnodev(control.slotAt(stale.slot()));
      }
    }
    listener.probed(c.buffer(), c.epoch(), since, c.stale().size(), enodev);
  }

  /**
   * Whether an address still leads to memory. Where the IOMMU is late, and the revoke ended by
   * severing, its table may still have the mapping: there is nothing behind it.
   */
  private boolean reachable(SgTable stale) {
    Translation t = iotlb.lookup(stale.iova());
    if (t != null && t.attachment() == stale.attachment()) {
      return true;
    }
    return walk(stale) != null && segments.present(stale.segment());
  }

  private void burst() {
    long begun = System.nanoTime();
    long now = begun;
    while (now - begun < burstNanos
        && commands.isEmpty()
        && !(active.isEmpty() && rogues.isEmpty())) {
      if (!active.isEmpty()) {
        cursor = cursor + 1 < active.size() ? cursor + 1 : 0;
        operate(active.get(cursor), now);
      }
      if (!rogues.isEmpty()) {
        rogueCursor = rogueCursor + 1 < rogues.size() ? rogueCursor + 1 : 0;
        goOn(rogues.get(rogueCursor));
      }
      now = System.nanoTime();
    }
    if (commands.isEmpty()) {
      long pause = (long) ((now - begun) * (1 - workload.duty()) / workload.duty());
      if (pause > 0) {
        LockSupport.parkNanos(pause);
      }
    }
  }

  private void operate(DmaTarget target, long now) {
    Translation t = iotlb.lookup(target.table.iova());
    if (t == null || t.attachment() != target.table.attachment()) {
      if (walk(target.table) == null) {
        fault(target, false, 0, now);
        fail(target, "no translation");
        return;
      }
      t = fill(target);
      if (t == null) {
        // The IOMMU translates, and nobody answers at that address: an unsupported request.
        target.evidence.late(LateAccess.AER, false, 0, now);
        fail(target, "aborted");
        return;
      }
    }
    int status = access(target, t, now);
    if (status != DmaPort.DONE) {
      fail(target, status == DmaPort.REFUSED ? "iommu-fault" : "aborted");
    }
    noteLeaks(target);
  }

  /** A rogue goes on with what it should have given up. */
  private void goOn(DmaTarget rogue) {
    long now = System.nanoTime();
    Translation t = rogue.cached;
    boolean translation = now - rogue.translationUntilNanos < 0;
    boolean address = now - rogue.addressUntilNanos < 0;
    if (t == null || rogue.failed || !(translation || address)) {
      DmaTarget last = rogues.removeLast();
      if (last != rogue) {
        rogues.set(rogueCursor, last);
      }
      forget(rogue);
      return;
    }
    if (translation) {
      rogue.failed = access(rogue, t, now) == DmaPort.ABORTED;
    } else if (!rogue.table.translated()) {
      rogue.failed = access(rogue, t.unchecked(), now) == DmaPort.ABORTED;
    } else if (walk(rogue.table) != null) {
      rogue.failed = access(rogue, t, now) == DmaPort.ABORTED;
    } else {
      control.countFault(t.slotAt());
      rogue.evidence.broke(Evidence.Broken.DRAINED, now);
      fault(rogue, false, 0, now);
    }
    noteLeaks(rogue);
  }

  private void noteLeaks(DmaTarget target) {
    long leaked = port.takeLeakedWords();
    if (leaked > 0 && !target.leaked) {
      target.leaked = true;
      history.record(
          new HistoryEvent.Leaked(
              device, target.table.attachment(), target.buffer, target.table.generation(), leaked));
    }
  }

  /** One DMA, of some size somewhere in the mapping, and a look at whether it was allowed. */
  private int access(DmaTarget target, Translation t, long now) {
    int bytes = size(t.length());
    long room = (t.length() - bytes) / ALIGNMENT;
    long offset = room == 0 ? 0 : random.nextLong(room + 1) * ALIGNMENT;
    boolean write = toWrite(target);
    current = target;
    int status;
    if (write) {
      status = port.write(t, offset, bytes, target.sequence++);
    } else if (target.use == DmaTarget.Use.FENCED) {
      status = port.discard(t, offset, bytes);
    } else {
      status = port.read(t, offset, bytes);
    }
    boolean ordinary =
        target.use == DmaTarget.Use.LIVE
            && status == DmaPort.DONE
            && port.owner() == t.generation();
    if (!ordinary) {
      examine(target, t, write, offset, status, now);
    }
    return status;
  }

  private boolean toWrite(DmaTarget target) {
    if (!writes) {
      return false;
    }
    return switch (target.use) {
      case LIVE -> random.nextDouble() >= workload.readFraction();
      case FENCED -> target.writesWhenFenced && random.nextDouble() >= roguesReadFraction();
      case ROGUE -> random.nextDouble() >= roguesReadFraction();
    };
  }

  /** Who breaks the contract writes, too, in a workload that only reads. */
  private double roguesReadFraction() {
    return Math.min(workload.readFraction(), 0.5);
  }

  /** What became of an access that was not an ordinary one. */
  private void examine(
      DmaTarget target, Translation t, boolean write, long offset, int status, long now) {
    switch (target.use) {
      case LIVE -> {}
      case FENCED -> {
        if (write) {
          target.evidence.broke(Evidence.Broken.FENCED, now);
        }
      }
      case ROGUE -> target.evidence.broke(Evidence.Broken.DRAINED, now);
    }
    switch (status) {
      case DmaPort.DONE -> {
        if (port.owner() != t.generation()) {
          LateAccess reached =
              port.owner() == SegmentDescriptor.OWNER_NOBODY ? LateAccess.NIRVANA : LateAccess.UAF;
          target.evidence.late(reached, write, offset, now);
        }
      }
      case DmaPort.REFUSED -> fault(target, write, offset, now);
      default -> target.evidence.late(LateAccess.AER, write, offset, now);
    }
  }

  /** The IOMMU refused an access: a late one, if the memory is not the device's any more. */
  private void fault(DmaTarget target, boolean write, long offset, long now) {
    if (taken(target)) {
      target.evidence.late(LateAccess.IOMMU_FAULT, write, offset, now);
    }
  }

  /** Whether the memory behind a mapping is somebody else's, nobody's, or not there any more. */
  private boolean taken(DmaTarget target) {
    boolean mapped = target.cached != null;
    Translation t = mapped ? target.cached : reach(target);
    if (t == null) {
      return true;
    }
    try {
      long owner = t.memory().owner();
      DmaPort.faultNow();
      return owner != t.generation();
    } catch (InternalError severed) {
      return true;
    } finally {
      if (!mapped) {
        target.cached = null;
        segments.unmap(target.table.segment());
      }
    }
  }

  /** Powers of two between the smallest and the largest, each as likely as another. */
  private int size(long length) {
    int low = Integer.numberOfTrailingZeros(Integer.highestOneBit(workload.minBytes()));
    int high = Integer.numberOfTrailingZeros(Integer.highestOneBit(workload.maxBytes()));
    int bytes = Math.max(workload.minBytes(), 1 << random.nextInt(low, high + 1));
    return (int) Math.min(bytes, length);
  }

  private void fail(DmaTarget target, String how) {
    // As a queue pair in error state: nothing more goes through this mapping.
    target.failed = true;
    deactivate(target);
    target.evidence.close();
    if (target.use == DmaTarget.Use.LIVE) {
      history.record(
          new HistoryEvent.Refused(
              device, target.table.attachment(), target.buffer, target.table.generation(), how));
      listener.failed(target.table.attachment());
    }
  }

  /** After an IOTLB miss: what the IOMMU's table says is cached. */
  private @Nullable Translation fill(DmaTarget target) {
    Translation t = reach(target);
    if (t != null) {
      iotlb.insert(t);
    }
    return t;
  }

  /** Maps the memory behind an address, or null if it is severed and gone. */
  private @Nullable Translation reach(DmaTarget target) {
    SgTable table = target.table;
    if (target.cached != null) {
      return target.cached;
    }
    try {
      SegmentMemory memory = segments.map(table.segment()).part(table.offset(), table.length());
      Translation t =
          new Translation(
              table.attachment(),
              table.iova(),
              table.length(),
              control.slotAt(table.slot()),
              ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE),
              table.generation(),
              table.content(),
              table.translated() && !ats,
              memory);
      target.cached = t;
      return t;
    } catch (IOException e) {
      return null;
    }
  }

  /** What the IOMMU's table says of an address, or null if it is not this mapping's any more. */
  private @Nullable SlotMapping walk(SgTable table) {
    SlotMapping mapping = control.mapping(table.slot());
    boolean granted =
        control.grant(table.slot())
            == ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE);
    boolean its = mapping.attachment() == table.attachment() && mapping.deviceKey() == deviceKey;
    return granted && its && mapping.covers(table.offset(), table.length()) ? mapping : null;
  }
}
