package dev.dmabufsim.common.fabric;

import static dev.dmabufsim.common.fabric.ControlDescriptor.INT;
import static dev.dmabufsim.common.fabric.ControlDescriptor.LONG;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What is known of every buffer of a fabric even if its exporter dies in the middle of a revoke:
 * which memory it has, and how far its revoke is. The state is one word, epoch and phase; whoever
 * changes it says what it was, so that of an IOMMU and an exporter's successor which both finish a
 * dead exporter's revoke exactly one does.
 *
 * <pre>
 *   LIVE --> REVOKING --> REVOKED --> LIVE …      its exporter
 *     \          \           |
 *      +----------+-----------+--> RECLAIMING --> RECLAIMED     when that is dead: IOMMU, successor
 * </pre>
 *
 * What is read here may have been written by a process gone mad: it is data, never an index.
 */
public final class BufferJournal {
  /** How far a buffer is. */
  public enum Phase {
    /** Nothing was ever entered. */
    NONE(0),
    /** It has memory, and importers may use it. */
    LIVE(1),
    /** A revoke has begun. */
    REVOKING(2),
    /** The revoke is complete. */
    REVOKED(3),
    /** Its exporter is dead; somebody takes the memory back. */
    RECLAIMING(4),
    /** The memory of a dead exporter is out of everybody's reach. */
    RECLAIMED(5),
    /** It was released in order. */
    RELEASED(6);

    private final int code;

    Phase(int code) {
      this.code = code;
    }

    /** The phase with that number in the file, if there is one. */
    static Optional<Phase> of(int code) {
      return Arrays.stream(values()).filter(p -> p.code == code).findFirst();
    }
  }

  /**
   * An entry.
   *
   * @param index its place
   * @param buffer the buffer's number
   * @param process the index of its exporter's process
   * @param segment its memory
   * @param bytes the memory's size
   * @param generation the memory's
   * @param epoch of its revoke, or of the last one
   * @param phase how far that is
   */
  public record Entry(
      int index,
      int buffer,
      int process,
      int segment,
      long bytes,
      long generation,
      long epoch,
      Phase phase) {
    /** Whether somebody has to take the memory back, if its exporter is dead. */
    public boolean unfinished() {
      return switch (phase) {
        case LIVE, REVOKING, REVOKED, RECLAIMING -> true;
        case NONE, RECLAIMED, RELEASED -> false;
      };
    }

    /** Of which epoch that is: the one of the revoke under way, if there is one, or a new one. */
    public long reclaimEpoch() {
      return switch (phase) {
        case REVOKING, RECLAIMING, RECLAIMED -> epoch;
        case NONE, LIVE, REVOKED, RELEASED -> epoch + 1;
      };
    }

    /** This entry as it is when somebody takes the memory back. */
    public Entry reclaiming() {
      return new Entry(
          index, buffer, process, segment, bytes, generation, reclaimEpoch(), Phase.RECLAIMING);
    }
  }

  private final MemorySegment memory;
  private final int processCapacity;

  BufferJournal(MemorySegment memory, int processCapacity) {
    this.memory = memory;
    this.processCapacity = processCapacity;
  }

  private long at(int index) {
    if (index < 0 || index >= ControlDescriptor.BUFFER_CAPACITY) {
      throw new IndexOutOfBoundsException("journal entry " + index);
    }
    return ControlDescriptor.journalAt(processCapacity, index);
  }

  /**
   * Exporter: enters a buffer, live and of epoch 0.
   *
   * @return the entry's index
   * @throws IOException if the journal is full
   */
  public int enter(int buffer, int process, int segment, long bytes, long generation)
      throws IOException {
    int index = (int) INT.getAndAdd(memory, ControlDescriptor.BUFFERS_AT, 1);
    if (index < 0 || index >= ControlDescriptor.BUFFER_CAPACITY) {
      throw new IOException(
          "this fabric has seen its " + ControlDescriptor.BUFFER_CAPACITY + " buffers");
    }
    long at = at(index);
    memory.set(ValueLayout.JAVA_INT, at + ControlDescriptor.JOURNAL_BUFFER_AT, buffer);
    memory.set(ValueLayout.JAVA_INT, at + ControlDescriptor.JOURNAL_PROCESS_AT, process);
    memory.set(ValueLayout.JAVA_LONG, at + ControlDescriptor.JOURNAL_BYTES_AT, bytes);
    memory(index, segment, generation);
    LONG.setRelease(memory, at + ControlDescriptor.JOURNAL_STATE_AT, state(0, Phase.LIVE));
    return index;
  }

  /** Exporter: the buffer has other memory; to be written before it is live again. */
  public void memory(int index, int segment, long generation) {
    long at = at(index);
    INT.setOpaque(memory, at + ControlDescriptor.JOURNAL_SEGMENT_AT, segment);
    LONG.setOpaque(memory, at + ControlDescriptor.JOURNAL_GENERATION_AT, generation);
  }

  /** Exporter: how far it is; nobody else writes while the exporter lives. */
  public void write(int index, long epoch, Phase phase) {
    LONG.setRelease(memory, at(index) + ControlDescriptor.JOURNAL_STATE_AT, state(epoch, phase));
  }

  /**
   * A dead exporter's heirs: takes an entry from what it was read as to another state.
   *
   * @return false if somebody else was quicker
   */
  public boolean claim(Entry read, long epoch, Phase phase) {
    return LONG.compareAndSet(
        memory,
        at(read.index()) + ControlDescriptor.JOURNAL_STATE_AT,
        state(read.epoch(), read.phase()),
        state(epoch, phase));
  }

  /** Every entry, in the order in which they were made. Damaged ones are left out. */
  public List<Entry> entries() {
    int count =
        Math.clamp(
            (int) INT.getAcquire(memory, ControlDescriptor.BUFFERS_AT),
            0,
            ControlDescriptor.BUFFER_CAPACITY);
    List<Entry> entries = new ArrayList<>(count);
    for (int index = 0; index < count; index++) {
      long at = at(index);
      long state = (long) LONG.getAcquire(memory, at + ControlDescriptor.JOURNAL_STATE_AT);
      Optional<Phase> phase = Phase.of((int) (state & 0xff));
      if (phase.isEmpty() || phase.get() == Phase.NONE) {
        continue;
      }
      entries.add(
          new Entry(
              index,
              memory.get(ValueLayout.JAVA_INT, at + ControlDescriptor.JOURNAL_BUFFER_AT),
              memory.get(ValueLayout.JAVA_INT, at + ControlDescriptor.JOURNAL_PROCESS_AT),
              (int) INT.getOpaque(memory, at + ControlDescriptor.JOURNAL_SEGMENT_AT),
              memory.get(ValueLayout.JAVA_LONG, at + ControlDescriptor.JOURNAL_BYTES_AT),
              (long) LONG.getOpaque(memory, at + ControlDescriptor.JOURNAL_GENERATION_AT),
              state >>> 8,
              phase.get()));
    }
    return entries;
  }

  private static long state(long epoch, Phase phase) {
    return epoch << 8 | phase.code;
  }
}
