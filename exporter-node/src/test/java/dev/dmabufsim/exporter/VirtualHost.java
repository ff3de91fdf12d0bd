package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;

/**
 * A buffer among importers and an IOMMU that behave as they are told to, in virtual time. Messages
 * between two of them keep their order, and may be lost; the buffer's timer fires when it said.
 */
final class VirtualHost {
  /** How an importer answers an invalidation. */
  enum Importer {
    /** With everything, soon. */
    HONEST,
    /** With everything, sooner or later than the deadline. */
    SLOW,
    /** That its callback has returned and its fences have signalled; it never unmaps. */
    NEVER_UNMAPS,
    /** Not at all. */
    SILENT,
    /** Not at all, for at some time it dies. */
    DIES
  }

  /** How the IOMMU answers. */
  enum Iommu {
    /** Soon; whatever it closes drains. */
    PROMPT,
    /** Sooner or later than the deadline. */
    SLOW,
    /** Soon, but some DMA never drains. */
    STUCK,
    /** Not at all. */
    SILENT
  }

  private record Planned(long at, long n, Runnable what) {}

  private static final Comparator<Planned> ORDER =
      Comparator.comparingLong(Planned::at).thenComparingLong(Planned::n);

  /** The process of an attachment, and its behaviour. */
  private record Attached(int process, Importer importer) {}

  final BufferDriver buffer;
  final List<BufferEffect.Complete> completed = new ArrayList<>();
  private final Random random;
  private final Iommu iommu;
  private final double loss;
  private final double failedSevers;
  private final PriorityQueue<Planned> plans = new PriorityQueue<>(ORDER);
  private final Map<Integer, Attached> attachments = new HashMap<>();
  private final Map<Integer, Long> openSlots = new HashMap<>();
  private final Map<String, Long> lastDelivery = new HashMap<>();
  private final Set<Integer> severedSegments = new HashSet<>();
  private final Set<Long> severFailedIn = new HashSet<>();
  private long planned;
  private long calls;
  private long timerAt = -1;

  /**
   * An empty host.
   *
   * @param loss the share of messages that are lost
   * @param failedSevers the share of revokes in which the first sever fails, if there is one
   */
  VirtualHost(Contract contract, long seed, Iommu iommu, double loss, double failedSevers) {
    this.random = new Random(seed);
    this.buffer = new BufferDriver(contract);
    this.iommu = iommu;
    this.loss = loss;
    this.failedSevers = failedSevers;
    buffer.now = 0;
  }

  /** Attaches an importer, which will map whenever it is not mapped. */
  void attach(int id, Importer importer) {
    int process = 10 + id;
    attachments.put(id, new Attached(process, importer));
    buffer.attach(process, id);
    later(random.nextLong(BufferDriver.ASK), () -> use(id));
    if (importer == Importer.DIES) {
      later(
          random.nextLong(30 * BufferDriver.ASK),
          () -> {
            openSlots.remove(id);
            attachments.remove(id);
            happens(new BufferEvent.ProcessDied(process, buffer.now));
          });
    }
  }

  /** Revokes some time from now, and restores some time after it is complete, over and over. */
  void revokeOverAndOver() {
    later(
        random.nextLong(2 * BufferDriver.ASK),
        () -> happens(new BufferEvent.RevokeRequested(RevokeCause.RESET, buffer.now)));
  }

  /** Goes on until so many revokes are complete, or the time is over. */
  void run(int revokes, long nanosMax) {
    while (completed.size() < revokes && buffer.now < nanosMax) {
      Planned next = plans.peek();
      boolean timerFirst = timerAt >= 0 && (next == null || timerAt <= next.at());
      if (timerFirst) {
        advance(timerAt);
        timerAt = -1;
        happens(new BufferEvent.Ticked(buffer.now));
      } else if (next == null) {
        throw new AssertionError("nothing will ever happen again: " + buffer.state);
      } else {
        plans.remove();
        advance(next.at());
        next.what().run();
      }
    }
  }

  private void advance(long to) {
    buffer.now = Math.max(buffer.now, to);
    Revoke revoke = buffer.state.revoke();
    if (buffer.state.settings().contract().enforced() && revoke != null) {
      long took = buffer.now - revoke.startedNanos();
      if (took > BufferDriver.ASK + BufferDriver.BLOCK + BufferDriver.RETRY) {
        throw new AssertionError("not complete after " + took + " ns: " + revoke);
      }
    }
  }

  private void happens(BufferEvent event) {
    buffer.happens(event);
    for (BufferEffect effect : List.copyOf(buffer.allEffects())) {
      carryOut(effect);
    }
  }

  private void carryOut(BufferEffect effect) {
    switch (effect) {
      case BufferEffect.WakeAt e -> timerAt = e.nanos();
      case BufferEffect.Invalidate e -> e.ids().forEach(id -> invalidated(id, e.epoch()));
      case BufferEffect.MapSlots e -> {
        long generation = buffer.state.generation();
        toIommu(() -> mapSlots(e, generation));
      }
      case BufferEffect.UnmapSlots e -> toIommu(() -> unmapSlots(e));
      case BufferEffect.CloseBuffer e -> toIommu(() -> closeBuffer(e));
      case BufferEffect.Sever e -> sever(e);
      case BufferEffect.Complete e -> complete(e);
      case BufferEffect.CopyOut e -> throw new AssertionError("nothing moves here: " + e);
      case BufferEffect.Reply e -> {}
      case BufferEffect.Journal e -> {}
      case BufferEffect.Note e -> {}
      case BufferEffect.Disown e -> {}
      case BufferEffect.HandOver e -> {}
      case BufferEffect.Borrow e -> {}
      case BufferEffect.Lifted e -> revokeOverAndOver();
      case BufferEffect.GiveBack e -> {}
      case BufferEffect.Report e -> {}
    }
  }

  private void use(int id) {
    Attached attached = attachments.get(id);
    if (attached != null) {
      happens(
          new BufferEvent.Called(
              attached.process(),
              ++calls,
              Operation.MAP,
              true,
              Span.WHOLE,
              List.of(id),
              buffer.now));
      later(BufferDriver.ASK / 2 + random.nextLong(BufferDriver.ASK), () -> use(id));
    }
  }

  private void invalidated(int id, long epoch) {
    Attached attached = attachments.get(id);
    if (attached == null) {
      return;
    }
    long soon = random.nextLong(BufferDriver.RETRY);
    switch (attached.importer()) {
      case HONEST -> answers(id, epoch, soon, soon + random.nextLong(BufferDriver.RETRY), true);
      case SLOW -> {
        long late = random.nextLong(2 * BufferDriver.ASK);
        answers(id, epoch, late, late + random.nextLong(BufferDriver.ASK), true);
      }
      case NEVER_UNMAPS -> answers(id, epoch, soon, 2 * soon, false);
      case SILENT, DIES -> {}
    }
  }

  /** Its callback returns with a fence, which signals later; with that it unmaps, or never. */
  private void answers(int id, long epoch, long returns, long signals, boolean unmaps) {
    String from = "importer " + id;
    List<Integer> it = List.of(id);
    List<Fence> fence = List.of(new Fence(id, 0, FenceUsage.BOOKKEEP));
    List<Signal> signal = List.of(new Signal(id, 0, Errno.OK));
    send(from, returns, () -> progress(id, epoch, it, fence, List.of(), List.of()));
    send(from, signals, () -> progress(id, epoch, it, fence, signal, unmaps ? it : List.of()));
  }

  private void progress(
      int id,
      long epoch,
      List<Integer> returned,
      List<Fence> fences,
      List<Signal> signals,
      List<Integer> unmapped) {
    happens(
        new BufferEvent.Progressed(
            10 + id, epoch, returned, fences, signals, unmapped, buffer.now));
  }

  private void toIommu(Runnable what) {
    if (iommu != Iommu.SILENT) {
      send("to iommu", iommuDelay(), what);
    }
  }

  private void fromIommu(long delay, Runnable what) {
    send("from iommu", delay, what);
  }

  private long iommuDelay() {
    return random.nextLong(iommu == Iommu.SLOW ? BufferDriver.BLOCK : BufferDriver.RETRY / 2);
  }

  private void mapSlots(BufferEffect.MapSlots asked, long generation) {
    List<SgTable> tables = new ArrayList<>();
    for (SlotRequest request : asked.requests()) {
      int id = request.attachment();
      openSlots.put(id, generation);
      tables.add(
          new SgTable(
              id,
              request.span().offset(),
              request.span().lengthIn(BufferDriver.BYTES),
              id,
              0,
              generation,
              generation,
              true,
              request.use()));
    }
    fromIommu(
        iommuDelay(),
        () -> happens(new BufferEvent.SlotsMapped(asked.epoch(), SlotUse.DMA, tables, List.of())));
  }

  private void unmapSlots(BufferEffect.UnmapSlots asked) {
    for (MappingId mapping : asked.mappings()) {
      openSlots.remove(mapping.attachment(), mapping.generation());
    }
    fromIommu(
        iommuDelay(), () -> happens(new BufferEvent.SlotsUnmapped(asked.mappings(), buffer.now)));
  }

  private void closeBuffer(BufferEffect.CloseBuffer asked) {
    List<Integer> open = openSlots.keySet().stream().sorted().toList();
    openSlots.clear();
    boolean stuck = iommu == Iommu.STUCK && !open.isEmpty() && random.nextBoolean();
    List<Integer> undrained = stuck ? List.of(open.getFirst()) : List.of();
    fromIommu(
        stuck ? asked.drainNanos() : iommuDelay(),
        () -> happens(new BufferEvent.BufferClosed(asked.epoch(), open, undrained, buffer.now)));
  }

  private void sever(BufferEffect.Sever e) {
    boolean fails = random.nextDouble() < failedSevers && severFailedIn.add(e.epoch());
    if (!fails) {
      severedSegments.add(e.segment());
      later(0, () -> happens(new BufferEvent.Severed(e.epoch(), buffer.now)));
    }
  }

  private void complete(BufferEffect.Complete e) {
    completed.add(e);
    boolean severed = severedSegments.contains(e.segment());
    if (buffer.state.settings().contract().enforced()
        && !severed
        && openSlots.containsValue(e.generation())) {
      throw new AssertionError("complete, and slots are open: " + openSlots + ", " + e);
    }
    if ((e.outcome() == RevokeOutcome.SEVERED) != severed) {
      throw new AssertionError("severed: " + severed + ", yet " + e);
    }
    later(
        random.nextLong(BufferDriver.ASK),
        () -> happens(new BufferEvent.Restored(e.segment() + 1, e.generation() + 1, buffer.now)));
  }

  /** Sends a message that may be lost, and does not overtake others on its way. */
  private void send(String way, long delay, Runnable what) {
    long at = Math.max(buffer.now + delay, lastDelivery.getOrDefault(way, 0L));
    lastDelivery.put(way, at);
    if (random.nextDouble() >= loss) {
      plans.add(new Planned(at, planned++, what));
    }
  }

  private void later(long delay, Runnable what) {
    plans.add(new Planned(buffer.now + delay, planned++, what));
  }
}
