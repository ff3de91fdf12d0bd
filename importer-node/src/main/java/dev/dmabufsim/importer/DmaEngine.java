package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.SgTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The hardware of an importer device: a thread which does DMA through the device's live mappings,
 * one after another, and between two of them hears what its driver wants.
 *
 * <p>It parks between bursts, so that an engine uses no more than its share of a core, and while it
 * has nothing to do; a command wakes it.
 */
final class DmaEngine implements Runnable {
  /** What the engine tells its driver; called by the engine's thread. */
  interface Listener {
    /** The engine does no more DMA for these: their fences signal. It may lie. */
    void stopped(List<Integer> attachments);

    /** Addresses of mappings that are gone were tried. */
    void probed(int buffer, long epoch, long sinceNanos, int attempts, int enodev);
  }

  private sealed interface Command {
    record Start(SgTable table, int buffer) implements Command {}

    record Stop(List<Integer> attachments) implements Command {}

    record Probe(int buffer, long epoch, List<SgTable> stale) implements Command {}

    record Quit() implements Command {}
  }

  /** A mapping in use. */
  private static final class Target {
    final SgTable table;
    final int buffer;
    int sequence;
    boolean failed;
    boolean leaked;
    long rogueUntilNanos;
    @Nullable Translation cached;

    Target(SgTable table, int buffer) {
      this.table = table;
      this.buffer = buffer;
    }
  }

  private static final long BURST_NANOS = 200_000;
  private static final long IDLE_NANOS = 50_000_000;
  private static final int ALIGNMENT = 64;

  private final String device;
  private final int deviceKey;
  private final ImporterPlan.Workload workload;
  private final Behaviour behaviour;
  private final long overrunNanos;
  private final ControlFile control;
  private final History history;
  private final Listener listener;
  private final MappedSegments segments;
  private final Iotlb iotlb = new Iotlb();
  private final DmaPort port;
  private final SplittableRandom random;
  private final Queue<Command> commands = new ConcurrentLinkedQueue<>();
  private final List<Target> active = new ArrayList<>();
  private final Map<Integer, Target> byAttachment = new HashMap<>();
  private final List<Target> rogues = new ArrayList<>();
  private final Thread thread;
  private int cursor;
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
    this.behaviour = plan.behaviour();
    this.overrunNanos = plan.overrunNanos();
    this.control = fabric.control();
    this.history = history;
    this.listener = listener;
    this.segments = new MappedSegments(fabric);
    this.port = new DmaPort(control, fabric.guard(), workload.maxBytes());
    this.random = new SplittableRandom(workload.seed() ^ deviceKey);
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

  /** Stops; {@link Listener#stopped} is called when it has. */
  void stop(List<Integer> attachments) {
    send(new Command.Stop(attachments));
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
        history.record(
            new HistoryEvent.Dropped("DMA of " + device, "late fault: " + severed.getMessage()));
      }
    }
    for (Target target : List.copyOf(active)) {
      release(target);
    }
    rogues.forEach(this::unmap);
  }

  private void obey() {
    Command command;
    while ((command = commands.poll()) != null) {
      switch (command) {
        case Command.Start c -> begin(c);
        case Command.Stop c -> end(c);
        case Command.Probe c -> tryStale(c);
        case Command.Quit c -> quit = true;
      }
    }
  }

  private void begin(Command.Start c) {
    Target target = new Target(c.table(), c.buffer());
    Target before = byAttachment.put(c.table().attachment(), target);
    if (before != null) {
      release(before);
      byAttachment.put(c.table().attachment(), target);
    }
    active.add(target);
  }

  private void end(Command.Stop c) {
    for (int attachment : c.attachments()) {
      Target target = byAttachment.get(attachment);
      if (target == null) {
        continue;
      }
      if (behaviour == Behaviour.LYING && target.cached != null) {
        active.remove(target);
        byAttachment.remove(attachment);
        iotlb.flush(target.cached);
        target.rogueUntilNanos = System.nanoTime() + overrunNanos;
        target.failed = false;
        rogues.add(target);
      } else {
        release(target);
      }
    }
    listener.stopped(c.attachments());
  }

  private void release(Target target) {
    active.remove(target);
    byAttachment.remove(target.table.attachment());
    if (target.cached != null) {
      iotlb.flush(target.cached);
    }
    unmap(target);
  }

  private void unmap(Target target) {
    if (target.cached != null) {
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
    while (now - begun < BURST_NANOS && commands.isEmpty()) {
      if (!active.isEmpty()) {
        cursor = cursor + 1 < active.size() ? cursor + 1 : 0;
        operate(active.get(cursor));
      }
      if (!rogues.isEmpty()) {
        runRogues(now);
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

  /** A lying engine goes on through translations that it should have flushed. */
  private void runRogues(long now) {
    for (Iterator<Target> it = rogues.iterator(); it.hasNext(); ) {
      Target rogue = it.next();
      if (now - rogue.rogueUntilNanos >= 0 || rogue.failed) {
        it.remove();
        unmap(rogue);
        continue;
      }
      Translation t = rogue.cached;
      if (t != null) {
        rogue.failed = dma(rogue, t) == DmaPort.ABORTED;
        noteLeaks(rogue);
      }
    }
  }

  private void operate(Target target) {
    if (target.failed) {
      return;
    }
    Translation t = iotlb.lookup(target.table.iova());
    if (t == null || t.attachment() != target.table.attachment()) {
      t = fill(target);
      if (t == null) {
        fail(target, "no translation");
        return;
      }
    }
    int status = dma(target, t);
    if (status != DmaPort.DONE) {
      fail(target, status == DmaPort.REFUSED ? "iommu-fault" : "aborted");
    }
    noteLeaks(target);
  }

  private void noteLeaks(Target target) {
    long leaked = port.takeLeakedWords();
    if (leaked > 0 && !target.leaked) {
      target.leaked = true;
      history.record(
          new HistoryEvent.Leaked(
              device, target.table.attachment(), target.buffer, target.table.generation(), leaked));
    }
  }

  private int dma(Target target, Translation t) {
    int bytes = size(t.length());
    long room = (t.length() - bytes) / ALIGNMENT;
    long offset = room == 0 ? 0 : random.nextLong(room + 1) * ALIGNMENT;
    return random.nextDouble() < workload.readFraction()
        ? port.read(t, offset, bytes)
        : port.write(t, offset, bytes, target.sequence++);
  }

  /** Powers of two between the smallest and the largest, each as likely as another. */
  private int size(long length) {
    int low = Integer.numberOfTrailingZeros(Integer.highestOneBit(workload.minBytes()));
    int high = Integer.numberOfTrailingZeros(Integer.highestOneBit(workload.maxBytes()));
    int bytes = Math.max(workload.minBytes(), 1 << random.nextInt(low, high + 1));
    return (int) Math.min(bytes, length);
  }

  private void fail(Target target, String how) {
    // As a queue pair in error state: nothing more goes through this mapping.
    target.failed = true;
    history.record(
        new HistoryEvent.Refused(
            device, target.table.attachment(), target.buffer, target.table.generation(), how));
  }

  /** An IOTLB miss: the IOMMU's table is walked, and the translation cached. */
  private @Nullable Translation fill(Target target) {
    SlotMapping mapping = walk(target.table);
    if (mapping == null) {
      return null;
    }
    SgTable table = target.table;
    try {
      if (target.cached != null) {
        unmap(target);
      }
      Translation t =
          new Translation(
              table.attachment(),
              table.iova(),
              table.length(),
              control.slotAt(table.slot()),
              ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE),
              table.generation(),
              table.translated(),
              segments.map(table.segment(), table.length()));
      target.cached = t;
      iotlb.insert(t);
      return t;
    } catch (IOException e) {
      // Severed, and its file gone, between the walk and here.
      return null;
    }
  }

  /** What the IOMMU's table says of an address, or null if it is not this mapping's any more. */
  private @Nullable SlotMapping walk(SgTable table) {
    SlotMapping mapping = control.mapping(table.slot());
    boolean granted =
        control.grant(table.slot())
            == ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE);
    return granted && mapping.attachment() == table.attachment() && mapping.deviceKey() == deviceKey
        ? mapping
        : null;
  }
}
