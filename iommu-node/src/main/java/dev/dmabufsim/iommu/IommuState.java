package dev.dmabufsim.iommu;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pcollections.ConsPStack;
import org.pcollections.HashPMap;
import org.pcollections.HashTreePMap;
import org.pcollections.HashTreePSet;
import org.pcollections.PSet;
import org.pcollections.PStack;
import org.pcollections.TreePMap;

/**
 * The IOMMU's own books on the slot table.
 *
 * @param capacity how many slots there are
 * @param fresh the lowest slot that was never used
 * @param open the slot of each mapped attachment, and of each use of it
 * @param openOf what {@code open} has, by buffer: a close must not look at all others
 * @param draining slots that are closed but through which DMA was still in flight when last seen
 * @param drainingOf the slots in {@code draining}, by buffer
 * @param free slots given back, by the device to which they belong and what it used them for
 * @param spare slots given back by devices whose process is dead: anybody may have them
 * @param dead processes known to be dead
 * @param closes buffers being closed
 * @param closed the newest epoch for which each buffer was closed: what was asked for an older one
 *     comes too late
 * @param cached for each buffer, whose devices may have cached translations of its memory
 * @param orphans buffers of dead exporters whose memory is being taken back
 */
public record IommuState(
    int capacity,
    int fresh,
    TreePMap<Holder, Slot> open,
    HashPMap<Integer, PSet<Holder>> openOf,
    TreePMap<Integer, Slot> draining,
    HashPMap<Integer, PSet<Integer>> drainingOf,
    HashPMap<Home, PStack<Integer>> free,
    PStack<Integer> spare,
    PSet<Integer> dead,
    TreePMap<Integer, Close> closes,
    TreePMap<Integer, Long> closed,
    TreePMap<Integer, Cached> cached,
    TreePMap<Integer, Orphan> orphans) {

  /**
   * A buffer whose exporter is dead.
   *
   * @param entry what stands in the journal
   * @param sinceNanos when that was noticed
   * @param outcome how it is proven that its memory is out of reach, once it is only to be severed
   */
  public record Orphan(
      BufferJournal.Entry entry, long sinceNanos, @Nullable RevokeOutcome outcome) {
    Orphan blocked(RevokeOutcome proven) {
      return new Orphan(entry, sinceNanos, proven);
    }
  }

  /** For what a slot is held: an attachment can have one for each use. */
  public record Holder(int attachment, SlotUse use) implements Comparable<Holder> {
    @Override
    public int compareTo(Holder other) {
      int byAttachment = Integer.compare(attachment, other.attachment);
      return byAttachment != 0 ? byAttachment : use.compareTo(other.use);
    }
  }

  /** Where a slot belongs once it was used: one thread writes the second lines of all there. */
  public record Home(int deviceKey, SlotUse use) {
    int process() {
      return deviceKey >>> 16;
    }
  }

  /**
   * Whose devices may have cached translations of a buffer's memory by themselves (ATS), and go on
   * using them, mapped or not, whatever the IOMMU writes.
   *
   * @param generation of that memory
   * @param epoch the buffer's when it was first mapped
   * @param closedBy the epoch of the close that has taken account of them, 0 if none has
   * @param processes by attachment, the process whose device it is
   */
  public record Cached(
      long generation, long epoch, long closedBy, HashPMap<Integer, Integer> processes) {}

  /**
   * A slot in use.
   *
   * @param index its place in the table
   * @param epoch the buffer's when it was mapped
   * @param generation of the memory that it maps
   * @param use who goes through it
   * @param span the part of the memory that it maps
   * @param announce buffers' exporters are told when it is closed and drained
   */
  public record Slot(
      int index,
      int attachment,
      int buffer,
      int deviceKey,
      int process,
      long epoch,
      long generation,
      SlotUse use,
      Span span,
      boolean announce) {
    MappingId id() {
      return new MappingId(attachment, generation, use);
    }

    Holder holder() {
      return new Holder(attachment, use);
    }

    Home home() {
      return new Home(deviceKey, use);
    }

    Slot announced() {
      return new Slot(
          index, attachment, buffer, deviceKey, process, epoch, generation, use, span, true);
    }
  }

  /**
   * A buffer being closed on its exporter's behalf.
   *
   * @param epoch the revoke that asked
   * @param slots how many slots were looked at
   * @param open attachments whose slots had still been open
   * @param cached attachments whose devices may have cached a translation, with their processes:
   *     that their slots are closed and idle proves nothing
   * @param startedNanos when it was asked
   * @param deadlineNanos when to stop waiting for the drain
   */
  public record Close(
      int buffer,
      long epoch,
      int slots,
      List<Integer> open,
      HashPMap<Integer, Integer> cached,
      long startedNanos,
      long deadlineNanos) {
    Close withoutProcess(int process) {
      return new Close(
          buffer, epoch, slots, open, withoutProcess(cached, process), startedNanos, deadlineNanos);
    }

    private static HashPMap<Integer, Integer> withoutProcess(
        HashPMap<Integer, Integer> processes, int process) {
      HashPMap<Integer, Integer> left = processes;
      for (Map.Entry<Integer, Integer> entry : processes.entrySet()) {
        if (entry.getValue() == process) {
          left = left.minus(entry.getKey());
        }
      }
      return left;
    }
  }

  /** No slot in use. */
  public static IommuState empty(int capacity) {
    return new IommuState(
        capacity,
        0,
        TreePMap.empty(),
        HashTreePMap.empty(),
        TreePMap.empty(),
        HashTreePMap.empty(),
        HashTreePMap.empty(),
        ConsPStack.empty(),
        HashTreePSet.empty(),
        TreePMap.empty(),
        TreePMap.empty(),
        TreePMap.empty(),
        TreePMap.empty());
  }

  IommuState withOpen(Slot slot) {
    return open(open.plus(slot.holder(), slot), with(openOf, slot.buffer(), slot.holder()));
  }

  IommuState withoutOpen(Slot slot) {
    return open(open.minus(slot.holder()), without(openOf, slot.buffer(), slot.holder()));
  }

  private IommuState open(TreePMap<Holder, Slot> next, HashPMap<Integer, PSet<Holder>> nextOf) {
    return new IommuState(
        capacity,
        fresh,
        next,
        nextOf,
        draining,
        drainingOf,
        free,
        spare,
        dead,
        closes,
        closed,
        cached,
        orphans);
  }

  IommuState withDraining(Slot slot) {
    return draining(
        draining.plus(slot.index(), slot), with(drainingOf, slot.buffer(), slot.index()));
  }

  IommuState withoutDraining(Slot slot) {
    return draining(draining.minus(slot.index()), without(drainingOf, slot.buffer(), slot.index()));
  }

  private IommuState draining(
      TreePMap<Integer, Slot> next, HashPMap<Integer, PSet<Integer>> nextOf) {
    return new IommuState(
        capacity, fresh, open, openOf, next, nextOf, free, spare, dead, closes, closed, cached,
        orphans);
  }

  private static <K> HashPMap<Integer, PSet<K>> with(
      HashPMap<Integer, PSet<K>> index, int buffer, K id) {
    PSet<K> its = index.getOrDefault(buffer, HashTreePSet.<K>empty());
    return index.plus(buffer, its.plus(id));
  }

  private static <K> HashPMap<Integer, PSet<K>> without(
      HashPMap<Integer, PSet<K>> index, int buffer, K id) {
    PSet<K> its = index.getOrDefault(buffer, HashTreePSet.<K>empty()).minus(id);
    return its.isEmpty() ? index.minus(buffer) : index.plus(buffer, its);
  }

  /** The open slots of a buffer. */
  List<Slot> openOf(int buffer) {
    return slots(openOf, open, buffer);
  }

  /** The draining slots of a buffer. */
  List<Slot> drainingOf(int buffer) {
    return slots(drainingOf, draining, buffer);
  }

  private static <K> List<Slot> slots(
      HashPMap<Integer, PSet<K>> index, TreePMap<K, Slot> all, int buffer) {
    List<Slot> slots = new ArrayList<>();
    for (K id : index.getOrDefault(buffer, HashTreePSet.<K>empty())) {
      Slot slot = all.get(id);
      if (slot != null) {
        slots.add(slot);
      }
    }
    return slots;
  }

  IommuState slots(int nextFresh, HashPMap<Home, PStack<Integer>> nextFree, PStack<Integer> s) {
    return new IommuState(
        capacity,
        nextFresh,
        open,
        openOf,
        draining,
        drainingOf,
        nextFree,
        s,
        dead,
        closes,
        closed,
        cached,
        orphans);
  }

  IommuState closes(TreePMap<Integer, Close> next) {
    return new IommuState(
        capacity,
        fresh,
        open,
        openOf,
        draining,
        drainingOf,
        free,
        spare,
        dead,
        next,
        closed,
        cached,
        orphans);
  }

  IommuState closed(int buffer, long epoch) {
    return new IommuState(
        capacity,
        fresh,
        open,
        openOf,
        draining,
        drainingOf,
        free,
        spare,
        dead,
        closes,
        closed.plus(buffer, epoch),
        cached,
        orphans);
  }

  /** The newest epoch for which the buffer was closed, 0 if it never was. */
  public long closedEpoch(int buffer) {
    return closed.getOrDefault(buffer, 0L);
  }

  IommuState dead(int process) {
    return new IommuState(
        capacity,
        fresh,
        open,
        openOf,
        draining,
        drainingOf,
        free,
        spare,
        dead.plus(process),
        closes,
        closed,
        cached,
        orphans);
  }

  IommuState cached(TreePMap<Integer, Cached> next) {
    return new IommuState(
        capacity,
        fresh,
        open,
        openOf,
        draining,
        drainingOf,
        free,
        spare,
        dead,
        closes,
        closed,
        next,
        orphans);
  }

  IommuState orphan(Orphan orphan) {
    return orphans(orphans.plus(orphan.entry().buffer(), orphan));
  }

  IommuState withoutOrphan(int buffer) {
    return orphans(orphans.minus(buffer));
  }

  private IommuState orphans(TreePMap<Integer, Orphan> next) {
    return new IommuState(
        capacity,
        fresh,
        open,
        openOf,
        draining,
        drainingOf,
        free,
        spare,
        dead,
        closes,
        closed,
        cached,
        next);
  }

  /** A device that caches translations itself has been given one. */
  IommuState withCached(Slot slot) {
    Cached now = cached.get(slot.buffer());
    if (now != null && now.generation() > slot.generation()) {
      // Late: of memory that is not the buffer's any more. Its slot is looked at all the same.
      return this;
    }
    Cached its =
        now != null && now.generation() == slot.generation() && now.closedBy() == 0
            ? now
            : new Cached(slot.generation(), slot.epoch(), 0, HashTreePMap.empty());
    return cached(
        cached.plus(
            slot.buffer(),
            new Cached(
                its.generation(),
                its.epoch(),
                its.closedBy(),
                its.processes().plus(slot.attachment(), slot.process()))));
  }

  /**
   * Whose devices may have cached translations of the memory that a close of that epoch is about;
   * the same again for a close that is asked again.
   */
  HashPMap<Integer, Integer> cachedUntil(int buffer, long epoch) {
    Cached now = cached.get(buffer);
    return now != null && now.epoch() < epoch && (now.closedBy() == 0 || now.closedBy() == epoch)
        ? now.processes()
        : HashTreePMap.empty();
  }

  /** A close of that epoch has taken account of them. */
  IommuState cachedClosed(int buffer, long epoch) {
    Cached now = cached.get(buffer);
    if (now == null || now.epoch() >= epoch || now.closedBy() != 0) {
      return this;
    }
    return cached(
        cached.plus(buffer, new Cached(now.generation(), now.epoch(), epoch, now.processes())));
  }

  /** A dead process's devices use nothing any more. */
  IommuState withoutCachedOf(int process) {
    TreePMap<Integer, Cached> next = cached;
    for (Map.Entry<Integer, Cached> entry : cached.entrySet()) {
      Cached its = entry.getValue();
      HashPMap<Integer, Integer> left = Close.withoutProcess(its.processes(), process);
      if (left.isEmpty()) {
        next = next.minus(entry.getKey());
      } else if (left.size() < its.processes().size()) {
        next =
            next.plus(
                entry.getKey(), new Cached(its.generation(), its.epoch(), its.closedBy(), left));
      }
    }
    TreePMap<Integer, Close> nextCloses = closes;
    for (Close close : closes.values()) {
      nextCloses = nextCloses.plus(close.buffer(), close.withoutProcess(process));
    }
    return cached(next).closes(nextCloses);
  }

  /** Whether something is draining, so that it has to be looked at again soon. */
  public boolean busy() {
    return !draining.isEmpty() || !closes.isEmpty();
  }
}
