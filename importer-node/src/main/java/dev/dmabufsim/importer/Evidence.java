package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.SgTable;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What an engine did through one mapping that it must not do. The first of each kind is written
 * down at once, since the node may be killed next; the others are summed up when there are no more,
 * and every second, so that a history does not grow with every access. Used by the engine's thread
 * alone.
 */
final class Evidence {
  /** In which phase of its mapping, as {@link HistoryEvent.PhaseBroken} calls it. */
  enum Broken {
    /** It wrote after its fences had signalled. */
    FENCED("fenced"),
    /** It used the mapping after its unmap. */
    DRAINED("drained");

    private final String label;

    Broken(String label) {
      this.label = label;
    }
  }

  /** What is not written down yet, of one kind. */
  private static final class Tally {
    boolean write;
    long offset;
    long sinceNanos;
    long count;
    long writtenNanos;
  }

  private static final long EVERY_NANOS = 1_000_000_000L;

  private final History history;
  private final String device;
  private final SgTable table;
  private final int buffer;
  private final Map<LateAccess, Tally> late = new EnumMap<>(LateAccess.class);
  private final Map<Broken, Tally> broken = new EnumMap<>(Broken.class);

  Evidence(History history, String device, SgTable table, int buffer) {
    this.history = history;
    this.device = device;
    this.table = table;
    this.buffer = buffer;
  }

  /**
   * An access to memory whose revoke had completed.
   *
   * @param offset in what is mapped; the buffer's is written down
   */
  void late(LateAccess what, boolean write, long offset, long sinceNanos) {
    Tally tally = counted(late.get(what), write, table.offset() + offset, sinceNanos);
    late.put(what, tally);
    if (dueNow(tally, sinceNanos)) {
      write(what, tally, sinceNanos);
    }
  }

  /** An access that the phase forbids. */
  void broke(Broken what, long sinceNanos) {
    Tally tally = counted(broken.get(what), false, 0, sinceNanos);
    broken.put(what, tally);
    if (dueNow(tally, sinceNanos)) {
      write(what, tally, sinceNanos);
    }
  }

  /** There is no more to come: what was not written down yet is now. */
  void close() {
    late.forEach((what, tally) -> write(what, tally, 0));
    broken.forEach((what, tally) -> write(what, tally, 0));
    late.clear();
    broken.clear();
  }

  /** A first one is due when it happens. */
  private static Tally counted(
      @Nullable Tally before, boolean write, long offset, long sinceNanos) {
    Tally tally = before;
    if (tally == null) {
      tally = new Tally();
      tally.writtenNanos = sinceNanos - EVERY_NANOS;
    }
    if (tally.count++ == 0) {
      tally.write = write;
      tally.offset = offset;
      tally.sinceNanos = sinceNanos;
    }
    return tally;
  }

  private static boolean dueNow(Tally tally, long nowNanos) {
    return nowNanos - tally.writtenNanos >= EVERY_NANOS;
  }

  private void write(LateAccess what, Tally tally, long nowNanos) {
    if (tally.count > 0) {
      history.record(
          new HistoryEvent.Late(
              device,
              table.attachment(),
              buffer,
              table.generation(),
              what,
              tally.write,
              tally.offset,
              tally.sinceNanos,
              tally.count));
      written(tally, nowNanos);
    }
  }

  private void write(Broken what, Tally tally, long nowNanos) {
    if (tally.count > 0) {
      history.record(
          new HistoryEvent.PhaseBroken(
              device, table.attachment(), buffer, what.label, tally.count));
      written(tally, nowNanos);
    }
  }

  private static void written(Tally tally, long nowNanos) {
    tally.count = 0;
    tally.writtenNanos = nowNanos;
  }
}
