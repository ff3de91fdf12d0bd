package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Gathers answers for attachments into one reply for each call, and records what was done. */
final class Replies {
  private record Key(int process, long call) implements Comparable<Key> {
    @Override
    public int compareTo(Key o) {
      int byProcess = Integer.compare(process, o.process);
      return byProcess != 0 ? byProcess : Long.compare(call, o.call);
    }
  }

  private static final class Answer {
    final List<Integer> done = new ArrayList<>();
    final List<Failure> failed = new ArrayList<>();
    final List<SgTable> tables = new ArrayList<>();
  }

  private final Map<Key, Answer> answers = new TreeMap<>();
  private final List<Integer> operated = new ArrayList<>();
  private final List<Integer> illegal = new ArrayList<>();
  private final Map<Errno, List<Integer>> unreachable = new TreeMap<>();

  private Answer answer(int process, long call) {
    return answers.computeIfAbsent(new Key(process, call), k -> new Answer());
  }

  /** It was done now. */
  void done(int process, long call, int id) {
    answer(process, call).done.add(id);
    operated.add(id);
  }

  /** It was mapped now. */
  void mapped(int process, long call, SgTable table) {
    answer(process, call).tables.add(table);
    done(process, call, table.attachment());
  }

  /** It was done before, and the answer was lost. */
  void again(int process, long call, int id) {
    answer(process, call).done.add(id);
  }

  /** It was mapped before, and the answer was lost. */
  void mappedAgain(int process, long call, SgTable table) {
    answer(process, call).tables.add(table);
    again(process, call, table.attachment());
  }

  /** It failed. */
  void failed(int process, long call, int id, Errno errno) {
    answer(process, call).failed.add(new Failure(id, errno));
  }

  /** It was not legal, and failed with EINVAL. */
  void illegal(int process, long call, int id) {
    failed(process, call, id, Errno.EINVAL);
    illegal.add(id);
  }

  /** It failed, and always will. */
  void unreachable(int process, long call, int id, Errno errno) {
    failed(process, call, id, errno);
    unreachable.computeIfAbsent(errno, k -> new ArrayList<>()).add(id);
  }

  /** Turns everything gathered into effects. */
  void flush(Operation operation, BufferState state, List<BufferEffect> effects) {
    int buffer = state.settings().id();
    if (!operated.isEmpty()) {
      effects.add(
          new BufferEffect.Note(
              new HistoryEvent.Operated(operation, buffer, state.epoch(), List.copyOf(operated))));
    }
    if (!illegal.isEmpty()) {
      effects.add(
          new BufferEffect.Note(
              new HistoryEvent.IllegalCall(operation, buffer, List.copyOf(illegal))));
    }
    unreachable.forEach((errno, ids) ->
        effects.add(
            new BufferEffect.Note(new HistoryEvent.MapRefused(buffer, errno, List.copyOf(ids)))));
    answers.forEach((key, answer) ->
        effects.add(
            new BufferEffect.Reply(
                key.process,
                key.call,
                operation,
                List.copyOf(answer.done),
                List.copyOf(answer.failed),
                List.copyOf(answer.tables))));
  }
}
