package dev.dmabufsim.exporter;

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
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.BufferEffect.Complete;
import dev.dmabufsim.exporter.BufferEffect.Reply;
import dev.dmabufsim.exporter.BufferState.Mapping;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** One buffer to which things happen, with the invariants checked each time. */
final class BufferDriver {
  static final int BUFFER = 7;
  static final int SEGMENT = 70;
  static final long BYTES = 4096;
  static final long ASK = 100_000;
  static final long BLOCK = 40_000;
  static final long COPY = 30_000;
  static final long RETRY = 10_000;

  /** The process whose calls these are, unless it is said otherwise. */
  static final int PROCESS = 3;

  final BufferInvariants invariants;
  BufferState state;
  long now = 1_000;
  private long lastCall = 100;
  private List<BufferEffect> effects = List.of();

  BufferDriver(Contract contract) {
    this(contract, ExporterKind.VFIO_PCI);
  }

  BufferDriver(Contract contract, ExporterKind kind) {
    this.invariants = new BufferInvariants(contract);
    this.state =
        BufferState.exported(
            new BufferState.Settings(BUFFER, kind, BYTES, contract, ASK, BLOCK, COPY, RETRY),
            SEGMENT,
            1);
  }

  /** Something happens. */
  BufferDriver happens(BufferEvent event) {
    BufferCore.Step step = BufferCore.step(state, event);
    invariants.check(state, event, step);
    state = step.state();
    effects = step.effects();
    return this;
  }

  /** Importers of one process attach. */
  BufferDriver attach(int process, Integer... ids) {
    return attach(process, ImporterOffer.DYNAMIC, ids);
  }

  /** Importers of one process attach with what they offer. */
  BufferDriver attach(int process, ImporterOffer offer, Integer... ids) {
    return attach(importer(process, offer), ids);
  }

  BufferDriver attach(BufferState.Importer importer, Integer... ids) {
    return happens(new BufferEvent.Attached(importer, list(ids), Errno.OK, now));
  }

  static BufferState.Importer importer(int process, ImporterOffer offer) {
    return new BufferState.Importer(process, process << 16, "gpu-dynamic", offer, false);
  }

  /** A call under a new number. */
  BufferDriver call(Operation operation, Integer... ids) {
    return call(PROCESS, ++lastCall, operation, ids);
  }

  /** A call under a number of the caller's. */
  BufferDriver call(int process, long call, Operation operation, Integer... ids) {
    return call(process, call, operation, operation.locked(), Span.WHOLE, ids);
  }

  /** A call about a part of the buffer. */
  BufferDriver call(Operation operation, Span span, Integer... ids) {
    return call(PROCESS, ++lastCall, operation, operation.locked(), span, ids);
  }

  BufferDriver call(
      int process, long call, Operation operation, boolean locked, Span span, Integer... ids) {
    return happens(new BufferEvent.Called(process, call, operation, locked, span, list(ids), now));
  }

  /** The number of the last call. */
  long lastCall() {
    return lastCall;
  }

  /** The IOMMU answers a map. */
  BufferDriver slotsMapped(Integer... ids) {
    return happens(
        new BufferEvent.SlotsMapped(
            state.epoch(), SlotUse.DMA, Arrays.stream(ids).map(this::table).toList(), List.of()));
  }

  /** The table that the IOMMU gives that attachment for the memory that the buffer has now. */
  SgTable table(int id) {
    return table(id, SlotUse.DMA);
  }

  SgTable table(int id, SlotUse use) {
    int slot = use == SlotUse.CPU ? 1000 + id : id;
    Span asked =
        use != SlotUse.CPU && state.attachments().get(id).mapping() instanceof Mapping.Pending p
            ? p.span()
            : Span.WHOLE;
    return new SgTable(
        id,
        SgTable.iovaOf(slot) + asked.offset(),
        asked.lengthIn(BYTES),
        slot,
        state.segment(),
        state.generation(),
        state.memory().content(),
        true,
        use);
  }

  /** The IOMMU answers a map for the CPU. */
  BufferDriver cpuMapped(Integer... ids) {
    return happens(
        new BufferEvent.SlotsMapped(
            state.epoch(),
            SlotUse.CPU,
            Arrays.stream(ids).map(id -> table(id, SlotUse.CPU)).toList(),
            List.of()));
  }

  /** The IOMMU answers an unmap for the CPU. */
  BufferDriver cpuUnmapped(Integer... ids) {
    return happens(
        new BufferEvent.SlotsUnmapped(
            Arrays.stream(ids)
                .map(id -> new MappingId(id, state.generation(), SlotUse.CPU))
                .toList(),
            now));
  }

  /** The IOMMU answers an unmap of mappings of the memory that the buffer has now. */
  BufferDriver slotsUnmapped(Integer... ids) {
    return happens(
        new BufferEvent.SlotsUnmapped(Arrays.stream(ids).map(this::mapping).toList(), now));
  }

  /** The attachment's mapping of the memory that the buffer has now. */
  MappingId mapping(int id) {
    return new MappingId(id, state.generation(), SlotUse.DMA);
  }

  /** Attaches and maps. */
  BufferDriver mapped(int process, Integer... ids) {
    return attach(process, ids).call(process, ++lastCall, Operation.MAP, ids).slotsMapped(ids);
  }

  BufferDriver revoke() {
    return revoke(RevokeCause.RESET);
  }

  BufferDriver revoke(RevokeCause cause) {
    return happens(new BufferEvent.RevokeRequested(cause, now));
  }

  /** Callbacks return, and their importers have no fences. */
  BufferDriver returned(Integer... ids) {
    return progress(state.epoch(), list(ids), List.of());
  }

  /** Callbacks return with a fence each of that usage. */
  BufferDriver returnedWith(FenceUsage usage, Integer... ids) {
    return progress(
        state.epoch(),
        list(ids),
        Arrays.stream(ids).map(id -> new Fence(id, 0, usage)).toList(),
        List.of(),
        List.of());
  }

  /** Those fences signal. */
  BufferDriver signalled(Integer... ids) {
    return signalled(state.epoch(), Errno.OK, ids);
  }

  BufferDriver signalled(long epoch, Errno error, Integer... ids) {
    return progress(
        epoch,
        List.of(),
        List.of(),
        Arrays.stream(ids).map(id -> new Signal(id, 0, error)).toList(),
        List.of());
  }

  /** Mappings are unmapped. */
  BufferDriver unmapped(Integer... ids) {
    return progress(state.epoch(), List.of(), list(ids));
  }

  /** Callbacks return, without fences, and mappings are unmapped. */
  BufferDriver answered(Integer... ids) {
    return progress(state.epoch(), list(ids), list(ids));
  }

  BufferDriver progress(long epoch, List<Integer> returned, List<Integer> unmapped) {
    return progress(epoch, returned, List.of(), List.of(), unmapped);
  }

  /** Said by the process whose attachment is named first. */
  BufferDriver progress(
      long epoch,
      List<Integer> returned,
      List<Fence> fences,
      List<Signal> signalled,
      List<Integer> unmapped) {
    int process =
        IntStream.concat(
                IntStream.concat(
                    returned.stream().mapToInt(i -> i), unmapped.stream().mapToInt(i -> i)),
                signalled.stream().mapToInt(Signal::attachment))
            .mapToObj(state.attachments()::get)
            .filter(a -> a != null)
            .map(BufferState.Attachment::process)
            .findFirst()
            .orElse(PROCESS);
    return happens(
        new BufferEvent.Progressed(process, epoch, returned, fences, signalled, unmapped, now));
  }

  BufferDriver died(int process) {
    return happens(new BufferEvent.ProcessDied(process, now));
  }

  BufferDriver closed(List<Integer> open, List<Integer> undrained) {
    return happens(new BufferEvent.BufferClosed(state.epoch(), open, undrained, now));
  }

  BufferDriver severed() {
    return happens(new BufferEvent.Severed(state.epoch(), now));
  }

  /** The content of a move is in other memory, of a generation higher by one. */
  BufferDriver copied() {
    return happens(
        new BufferEvent.CopiedOut(
            state.epoch(), state.segment() + 1, state.generation() + 1, 77, 77, now));
  }

  /** There is no memory to which the content of a move could go. */
  BufferDriver moveFailed() {
    return happens(new BufferEvent.MoveFailed(state.epoch(), now));
  }

  /** What the last event wrote down, of one kind. */
  <T extends HistoryEvent> List<T> noted(Class<T> kind) {
    return effects(BufferEffect.Note.class).stream()
        .map(BufferEffect.Note::event)
        .filter(kind::isInstance)
        .map(kind::cast)
        .toList();
  }

  /** It has other memory, of a generation higher by one, and whoever is told again returns. */
  BufferDriver restored() {
    restoring();
    List<BufferEffect> all = new ArrayList<>(effects);
    if (state.unrevoke() != null) {
      for (BufferEffect.Invalidate told : effects(BufferEffect.Invalidate.class)) {
        returned(told);
        all.addAll(effects);
      }
    }
    effects = List.copyOf(all);
    return this;
  }

  /** The callbacks return that are called with it. */
  BufferDriver returned(BufferEffect.Invalidate told) {
    return happens(
        new BufferEvent.Progressed(
            told.process(), told.epoch(), told.ids(), List.of(), List.of(), List.of(), now));
  }

  /** Gives it other memory, of a generation higher by one. */
  BufferDriver restoring() {
    return happens(new BufferEvent.Restored(state.segment() + 1, state.generation() + 1, now));
  }

  /** Time goes by, and the timer fires. */
  BufferDriver after(long nanos) {
    now += nanos;
    return happens(new BufferEvent.Ticked(now));
  }

  /** What the last event led to, of one kind. */
  <T extends BufferEffect> List<T> effects(Class<T> kind) {
    return effects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /** Everything that the last event led to. */
  List<BufferEffect> allEffects() {
    return effects;
  }

  /** Everything that the last event led to, but for what is only written down. */
  List<BufferEffect> effects() {
    return effects.stream().filter(e -> !(e instanceof BufferEffect.Note)).toList();
  }

  /** How the last event answered a call for an attachment. */
  Errno answer(int id) {
    List<Errno> answers = new ArrayList<>();
    for (Reply reply : effects(Reply.class)) {
      reply.done().stream().filter(d -> d == id).forEach(d -> answers.add(Errno.OK));
      reply.failed().stream()
          .filter(f -> f.attachment() == id)
          .map(Failure::errno)
          .forEach(answers::add);
    }
    if (answers.size() != 1) {
      throw new AssertionError("answers for " + id + ": " + answers);
    }
    return answers.getFirst();
  }

  /** Whether the last event answered nobody. */
  boolean silent() {
    return effects(Reply.class).isEmpty();
  }

  /** The table with which the last event answered a call for an attachment. */
  SgTable answeredTable(int id) {
    return effects(Reply.class).stream()
        .flatMap(r -> r.tables().stream())
        .filter(t -> t.attachment() == id)
        .findFirst()
        .orElseThrow();
  }

  /** How the last event completed the revoke. */
  RevokeOutcome completed() {
    List<Complete> complete = effects(Complete.class);
    if (complete.size() != 1) {
      throw new AssertionError("completed: " + complete);
    }
    return complete.getFirst().outcome();
  }

  private static List<Integer> list(Integer... ids) {
    return List.of(ids);
  }

  static Integer[] upTo(int count) {
    return IntStream.rangeClosed(1, count).boxed().toArray(Integer[]::new);
  }
}
