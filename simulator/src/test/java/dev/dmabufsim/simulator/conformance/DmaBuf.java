package dev.dmabufsim.simulator.conformance;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferCore;
import dev.dmabufsim.exporter.BufferEffect;
import dev.dmabufsim.exporter.BufferEvent;
import dev.dmabufsim.exporter.BufferState;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * One buffer, {@link BufferCore}, to which things happen. Its IOMMU, its pool and whoever copies
 * answer at once, unless a case says otherwise; importers are the case itself.
 */
final class DmaBuf {
  static final int BUFFER = 7;
  static final int SEGMENT = 70;
  static final long BYTES = 65_536;
  static final long ASK = 100_000_000;
  static final long BLOCK = 40_000_000;
  static final long RETRY = 10_000_000;

  /** The process whose attachments and calls these are, unless it is said otherwise. */
  static final int PROCESS = 3;

  private static final List<SlotUse> USES = List.of(SlotUse.values());

  BufferState state;
  long now = 1_000;

  /** Whether the IOMMU answers. */
  boolean iommu = true;

  /** Attachments for which it has no slot. */
  final Set<Integer> noSlot = new HashSet<>();

  /** Attachments whose DMA does not drain. */
  final Set<Integer> stuck = new HashSet<>();

  /** Whether memory can be copied and truncated. */
  boolean pool = true;

  private final Set<MappingId> open = new HashSet<>();
  private final List<BufferEffect> effects = new ArrayList<>();
  private long lastCall = 100;
  private int nextSegment = SEGMENT;
  private long nextGeneration = 1;

  DmaBuf(ExporterKind kind, Contract contract) {
    this.state =
        BufferState.exported(
            new BufferState.Settings(BUFFER, kind, BYTES, contract, ASK, BLOCK, BLOCK, RETRY),
            nextSegment++,
            nextGeneration++);
  }

  /** A BAR that is revoked as merged. */
  static DmaBuf vfio() {
    return new DmaBuf(ExporterKind.VFIO_PCI, Contract.V7);
  }

  /** A BAR. */
  static DmaBuf vfio(Contract contract) {
    return new DmaBuf(ExporterKind.VFIO_PCI, contract);
  }

  /** Something happens, and who answers at once does so. */
  DmaBuf happens(BufferEvent event) {
    effects.clear();
    Deque<BufferEvent> events = new ArrayDeque<>();
    events.add(event);
    while (!events.isEmpty()) {
      BufferCore.Step step = BufferCore.step(state, events.remove());
      state = step.state();
      effects.addAll(step.effects());
      step.effects().forEach(e -> answer(e, events));
    }
    return this;
  }

  private void answer(BufferEffect effect, Deque<BufferEvent> events) {
    switch (effect) {
      case BufferEffect.MapSlots e -> {
        if (iommu) {
          mapSlots(e, events);
        }
      }
      case BufferEffect.UnmapSlots e -> {
        if (iommu) {
          e.mappings().forEach(open::remove);
          events.add(new BufferEvent.SlotsUnmapped(e.mappings(), now));
        }
      }
      case BufferEffect.CloseBuffer e -> {
        if (iommu) {
          List<Integer> were =
              open.stream().map(MappingId::attachment).sorted().distinct().toList();
          open.clear();
          events.add(
              new BufferEvent.BufferClosed(e.epoch(), were, stuck.stream().sorted().toList(), now));
        }
      }
      case BufferEffect.Sever e -> {
        if (pool) {
          events.add(new BufferEvent.Severed(e.epoch(), now));
        }
      }
      case BufferEffect.CopyOut e -> {
        if (pool) {
          events.add(
              new BufferEvent.CopiedOut(
                  e.epoch(), nextSegment++, nextGeneration++, 0xC0FFEE, 0xC0FFEE, now));
        }
      }
      case BufferEffect.Reply e -> {}
      case BufferEffect.Invalidate e -> {}
      case BufferEffect.Disown e -> {}
      case BufferEffect.Complete e -> {}
      case BufferEffect.HandOver e -> {}
      case BufferEffect.Borrow e -> {}
      case BufferEffect.Lifted e -> {}
      case BufferEffect.GiveBack e -> {}
      case BufferEffect.Journal e -> {}
      case BufferEffect.Report e -> {}
      case BufferEffect.WakeAt e -> {}
      case BufferEffect.Note e -> {}
    }
  }

  private void mapSlots(BufferEffect.MapSlots e, Deque<BufferEvent> events) {
    TreeMap<SlotUse, List<SgTable>> tables = new TreeMap<>();
    TreeMap<SlotUse, List<Integer>> refused = new TreeMap<>();
    for (SlotRequest r : e.requests()) {
      tables.computeIfAbsent(r.use(), u -> new ArrayList<>());
      refused.computeIfAbsent(r.use(), u -> new ArrayList<>());
      if (noSlot.contains(r.attachment())) {
        refused.get(r.use()).add(r.attachment());
      } else {
        tables.get(r.use()).add(table(r, e.translated()));
        open.add(new MappingId(r.attachment(), state.generation(), r.use()));
      }
    }
    tables.forEach((use, its) ->
        events.add(new BufferEvent.SlotsMapped(e.epoch(), use, its, refused.get(use))));
  }

  private SgTable table(SlotRequest r, boolean translated) {
    int slot = r.attachment() * USES.size() + USES.indexOf(r.use());
    return new SgTable(
        r.attachment(),
        SgTable.iovaOf(slot) + r.span().offset(),
        r.span().lengthIn(BYTES),
        slot,
        state.segment(),
        state.generation(),
        state.generation(),
        translated,
        r.use());
  }

  /** Whether the IOMMU, or the MMU, lets that attachment through. */
  boolean open(int id, SlotUse use) {
    return open.stream().anyMatch(m -> m.attachment() == id && m.use() == use);
  }

  /** Importers that can be revoked attach. */
  DmaBuf attach(int... ids) {
    return attach(PROCESS, ImporterOffer.DYNAMIC, ids);
  }

  /** Importers attach. */
  DmaBuf attach(int process, ImporterOffer offer, int... ids) {
    return attach(process, offer, false, ids);
  }

  /** Importers attach. */
  DmaBuf attach(int process, ImporterOffer offer, boolean ats, int... ids) {
    return happens(
        new BufferEvent.Attached(
            new BufferState.Importer(process, process << 16, "importer", offer, ats),
            list(ids),
            Errno.OK,
            now));
  }

  /** Importers that can be revoked attach and map. */
  DmaBuf mapped(int... ids) {
    return mapped(PROCESS, ImporterOffer.DYNAMIC, ids);
  }

  /** Importers attach and map. */
  DmaBuf mapped(int process, ImporterOffer offer, int... ids) {
    attach(process, offer, ids);
    Operation how = offer.iommufdMap() ? Operation.IOMMUFD_MAP : Operation.MAP;
    return happens(called(process, ++lastCall, how, how.locked(), Span.WHOLE, ids));
  }

  private BufferEvent called(
      int process, long call, Operation operation, boolean locked, Span span, int... ids) {
    return new BufferEvent.Called(process, call, operation, locked, span, list(ids), now);
  }

  /** A call, and how it was answered. */
  Errno call(Operation operation, int id) {
    return call(operation, operation.locked(), Span.WHOLE, id);
  }

  /** A call with the lock held or not, and how it was answered. */
  Errno call(Operation operation, boolean locked, int id) {
    return call(operation, locked, Span.WHOLE, id);
  }

  /** A call that is about a part of the buffer, and how it was answered. */
  Errno call(Operation operation, Span span, int id) {
    return call(operation, operation.locked(), span, id);
  }

  private Errno call(Operation operation, boolean locked, Span span, int id) {
    happens(called(PROCESS, ++lastCall, operation, locked, span, id));
    return answer(lastCall).orElseThrow(() -> new AssertionError(operation + " is not answered"));
  }

  /** A call that need not be answered now; its number. */
  long ask(Operation operation, int id) {
    happens(called(PROCESS, ++lastCall, operation, operation.locked(), Span.WHOLE, id));
    return lastCall;
  }

  /** A call that was made before is made again under its number; how it was answered. */
  Errno repeat(long call, Operation operation, int id) {
    happens(called(PROCESS, call, operation, operation.locked(), Span.WHOLE, id));
    return answer(call).orElseThrow(() -> new AssertionError(operation + " is not answered"));
  }

  /** The number of the last call. */
  long lastCall() {
    return lastCall;
  }

  /** How the last event answered that call. */
  Optional<Errno> answer(long call) {
    List<Errno> answers = new ArrayList<>();
    for (BufferEffect.Reply reply : effects(BufferEffect.Reply.class)) {
      if (reply.call() == call) {
        reply.done().forEach(d -> answers.add(Errno.OK));
        reply.failed().stream().map(Failure::errno).forEach(answers::add);
      }
    }
    if (answers.size() > 1) {
      throw new AssertionError("call " + call + " is answered " + answers);
    }
    return answers.stream().findFirst();
  }

  /** The addresses that the last event answered. */
  SgTable table() {
    return effects(BufferEffect.Reply.class).stream()
        .flatMap(r -> r.tables().stream())
        .findFirst()
        .orElseThrow(() -> new AssertionError("no sg_table is answered"));
  }

  DmaBuf revoke() {
    return revoke(RevokeCause.RESET);
  }

  DmaBuf revoke(RevokeCause cause) {
    return happens(new BufferEvent.RevokeRequested(cause, now));
  }

  /** It has other memory, and whoever is told again returns. */
  DmaBuf restore() {
    restoring();
    List<BufferEffect> all = new ArrayList<>(effects);
    if (state.unrevoke() != null) {
      for (BufferEffect.Invalidate told : effects(BufferEffect.Invalidate.class)) {
        happens(
            new BufferEvent.Progressed(
                told.process(), told.epoch(), told.ids(), List.of(), List.of(), List.of(), now));
        all.addAll(effects);
      }
    }
    effects.clear();
    effects.addAll(all);
    return this;
  }

  /** Gives it other memory. */
  DmaBuf restoring() {
    return happens(new BufferEvent.Restored(nextSegment++, nextGeneration++, now));
  }

  /** Callbacks return. */
  DmaBuf returned(int... ids) {
    return progress(list(ids), List.of(), List.of(), List.of());
  }

  /** A callback returns, and has put a fence on the buffer. */
  DmaBuf returned(int id, FenceUsage usage) {
    return progress(List.of(id), List.of(new Fence(id, 0, usage)), List.of(), List.of());
  }

  /** The first fence of that attachment signals. */
  DmaBuf signalled(int id) {
    return progress(List.of(), List.of(), List.of(new Signal(id, 0, Errno.OK)), List.of());
  }

  /** Importers say that they have unmapped. */
  DmaBuf unmapped(int... ids) {
    return progress(List.of(), List.of(), List.of(), list(ids));
  }

  DmaBuf progress(
      List<Integer> returned, List<Fence> fences, List<Signal> signals, List<Integer> unmapped) {
    return progress(state.epoch(), returned, fences, signals, unmapped);
  }

  DmaBuf progress(
      long epoch,
      List<Integer> returned,
      List<Fence> fences,
      List<Signal> signals,
      List<Integer> unmapped) {
    return happens(
        new BufferEvent.Progressed(PROCESS, epoch, returned, fences, signals, unmapped, now));
  }

  /** The importers' process dies. */
  DmaBuf died() {
    return happens(new BufferEvent.ProcessDied(PROCESS, now));
  }

  /** Time goes by, and the timer fires. */
  DmaBuf after(long nanos) {
    now += nanos;
    return happens(new BufferEvent.Ticked(now));
  }

  /** Whether a revoke is going on. */
  boolean revoking() {
    return state.revoke() != null;
  }

  /** How the last event completed a revoke, if it did. */
  Optional<RevokeOutcome> completed() {
    return effects(BufferEffect.Complete.class).stream()
        .map(BufferEffect.Complete::outcome)
        .findFirst();
  }

  /** What the last event led to, of one kind, in its order. */
  <T extends BufferEffect> List<T> effects(Class<T> kind) {
    return effects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /** Everything that the last event led to. */
  List<BufferEffect> effects() {
    return List.copyOf(effects);
  }

  /** What the last event wrote down, of one kind. */
  <T extends HistoryEvent> List<T> notes(Class<T> kind) {
    return effects(BufferEffect.Note.class).stream()
        .map(BufferEffect.Note::event)
        .filter(kind::isInstance)
        .map(kind::cast)
        .toList();
  }

  /** Whom the last event told to invalidate. */
  List<Integer> invalidated() {
    return effects(BufferEffect.Invalidate.class).stream()
        .flatMap(i -> i.ids().stream())
        .sorted()
        .toList();
  }

  BufferState.Attachment attachment(int id) {
    BufferState.Attachment a = state.attachments().get(id);
    if (a == null) {
      throw new AssertionError("no attachment " + id);
    }
    return a;
  }

  private static List<Integer> list(int... ids) {
    return Arrays.stream(ids).boxed().toList();
  }
}
