package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Gathers answers for attachments into one reply for each call, and records what was done. */
final class Replies {
  /** A call, as whoever made it numbers it. */
  record Call(int process, long call, Operation operation) {
    Call(BufferEvent.Called e) {
      this(e.process(), e.call(), e.operation());
    }
  }

  private static final Comparator<Call> ORDER =
      Comparator.comparingInt(Call::process)
          .thenComparingLong(Call::call)
          .thenComparing(Call::operation);

  private static final class Answer {
    final List<Integer> done = new ArrayList<>();
    final List<Failure> failed = new ArrayList<>();
    final List<SgTable> tables = new ArrayList<>();
  }

  private final Map<Call, Answer> answers = new TreeMap<>(ORDER);
  private final Map<Operation, List<Integer>> operated = new TreeMap<>();
  private final Map<Operation, List<Integer>> illegal = new TreeMap<>();
  private final Map<Errno, List<Integer>> unreachable = new TreeMap<>();
  private final Set<Call> overtaken = new TreeSet<>(ORDER);

  private Answer answer(Call call) {
    return answers.computeIfAbsent(call, k -> new Answer());
  }

  /** It was done now. */
  void done(Call call, int id) {
    answer(call).done.add(id);
    operated.computeIfAbsent(call.operation(), k -> new ArrayList<>()).add(id);
  }

  /** It was mapped now. */
  void mapped(Call call, SgTable table) {
    answer(call).tables.add(table);
    done(call, table.attachment());
  }

  /** It was done before, and the answer was lost. */
  void again(Call call, int id) {
    answer(call).done.add(id);
  }

  /** It was mapped before, and the answer was lost. */
  void mappedAgain(Call call, SgTable table) {
    answer(call).tables.add(table);
    again(call, table.attachment());
  }

  /** It failed. */
  void failed(Call call, int id, Errno errno) {
    answer(call).failed.add(new Failure(id, errno));
  }

  /** It was not legal, and failed with EINVAL. */
  void illegal(Call call, int id) {
    failed(call, id, Errno.EINVAL);
    illegal.computeIfAbsent(call.operation(), k -> new ArrayList<>()).add(id);
  }

  /** It failed, and always will. */
  void unreachable(Call call, int id, Errno errno) {
    failed(call, id, errno);
    unreachable.computeIfAbsent(errno, k -> new ArrayList<>()).add(id);
  }

  /** It is dropped. */
  void overtaken(Call call) {
    overtaken.add(call);
  }

  /** Turns everything gathered into effects. */
  void flush(BufferState state, List<BufferEffect> effects) {
    int buffer = state.settings().id();
    operated.forEach((operation, ids) ->
        effects.add(
            new BufferEffect.Note(
                new HistoryEvent.Operated(operation, buffer, state.epoch(), List.copyOf(ids)))));
    illegal.forEach((operation, ids) ->
        effects.add(
            new BufferEffect.Note(
                new HistoryEvent.IllegalCall(operation, buffer, List.copyOf(ids)))));
    unreachable.forEach((errno, ids) ->
        effects.add(
            new BufferEffect.Note(new HistoryEvent.MapRefused(buffer, errno, List.copyOf(ids)))));
    overtaken.forEach(call ->
        effects.add(
            new BufferEffect.Note(
                new HistoryEvent.Dropped(
                    call.operation() + " of process " + call.process(),
                    "a later call has overtaken it"))));
    answers.forEach((call, answer) ->
        effects.add(
            new BufferEffect.Reply(
                call.process(),
                call.call(),
                call.operation(),
                List.copyOf(answer.done),
                List.copyOf(answer.failed),
                List.copyOf(answer.tables))));
  }
}
