package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.exporter.BufferEffect.Complete;
import dev.dmabufsim.exporter.BufferEffect.Reply;
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
  static final long RETRY = 10_000;

  /** The process whose calls these are, unless it is said otherwise. */
  static final int PROCESS = 3;

  final BufferInvariants invariants;
  BufferState state;
  long now = 1_000;
  private long lastCall = 100;
  private List<BufferEffect> effects = List.of();

  BufferDriver(Contract contract) {
    this.invariants = new BufferInvariants(contract);
    this.state =
        BufferState.exported(
            new BufferState.Settings(BUFFER, BYTES, contract, ASK, BLOCK, RETRY), SEGMENT, 1);
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
    return happens(
        new BufferEvent.Attached(
            process, process << 16, ImporterKind.GPU_DYNAMIC, list(ids), Errno.OK));
  }

  /** A call under a new number. */
  BufferDriver call(Operation operation, Integer... ids) {
    return call(PROCESS, ++lastCall, operation, ids);
  }

  /** A call under a number of the caller's. */
  BufferDriver call(int process, long call, Operation operation, Integer... ids) {
    return happens(new BufferEvent.Called(process, call, operation, list(ids), now));
  }

  /** The number of the last call. */
  long lastCall() {
    return lastCall;
  }

  /** The IOMMU answers a map. */
  BufferDriver slotsMapped(Integer... ids) {
    return happens(
        new BufferEvent.SlotsMapped(
            state.epoch(), Arrays.stream(ids).map(this::table).toList(), List.of()));
  }

  /** The table that the IOMMU gives that attachment for the memory that the buffer has now. */
  SgTable table(int id) {
    return new SgTable(
        id, SgTable.iovaOf(id), BYTES, id, state.segment(), state.generation(), true);
  }

  /** The IOMMU answers an unmap of mappings of the memory that the buffer has now. */
  BufferDriver slotsUnmapped(Integer... ids) {
    return happens(
        new BufferEvent.SlotsUnmapped(Arrays.stream(ids).map(this::mapping).toList(), now));
  }

  /** The attachment's mapping of the memory that the buffer has now. */
  MappingId mapping(int id) {
    return new MappingId(id, state.generation());
  }

  /** Attaches and maps. */
  BufferDriver mapped(int process, Integer... ids) {
    return attach(process, ids).call(process, ++lastCall, Operation.MAP, ids).slotsMapped(ids);
  }

  BufferDriver revoke() {
    return happens(new BufferEvent.RevokeRequested(now));
  }

  /** Callbacks return. */
  BufferDriver returned(Integer... ids) {
    return progress(state.epoch(), list(ids), List.of(), List.of());
  }

  /** Callbacks return, and fences signal. */
  BufferDriver fenced(Integer... ids) {
    return progress(state.epoch(), list(ids), list(ids), List.of());
  }

  /** Callbacks return, fences signal, mappings are unmapped. */
  BufferDriver answered(Integer... ids) {
    return progress(state.epoch(), list(ids), list(ids), list(ids));
  }

  BufferDriver progress(
      long epoch, List<Integer> returned, List<Integer> fenced, List<Integer> unmapped) {
    return happens(new BufferEvent.Progressed(epoch, returned, fenced, unmapped, now));
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

  /** Gives it other memory, of a generation higher by one. */
  BufferDriver restored() {
    return happens(new BufferEvent.Restored(state.segment() + 1, state.generation() + 1));
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
