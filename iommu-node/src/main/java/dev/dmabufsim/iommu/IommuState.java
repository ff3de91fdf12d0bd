package dev.dmabufsim.iommu;

import dev.dmabufsim.common.message.IommuMessage;
import dev.dmabufsim.common.message.MappingId;
import java.util.ArrayList;
import java.util.List;
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
 * @param open the slot of each mapped attachment
 * @param openOf the attachments in {@code open}, by buffer: a close must not look at all others
 * @param draining slots that are closed but through which DMA was still in flight when last seen
 * @param drainingOf the slots in {@code draining}, by buffer
 * @param free slots given back, by the device to which they belong
 * @param spare slots given back by devices whose process is dead: anybody may have them
 * @param dead processes known to be dead
 * @param closes buffers being closed
 * @param closed the newest epoch for which each buffer was closed: what was asked for an older one
 *     comes too late
 */
public record IommuState(
    int capacity,
    int fresh,
    TreePMap<Integer, Slot> open,
    HashPMap<Integer, PSet<Integer>> openOf,
    TreePMap<Integer, Slot> draining,
    HashPMap<Integer, PSet<Integer>> drainingOf,
    HashPMap<Integer, PStack<Integer>> free,
    PStack<Integer> spare,
    PSet<Integer> dead,
    TreePMap<Integer, Close> closes,
    TreePMap<Integer, Long> closed) {

  /**
   * A slot in use.
   *
   * @param index its place in the table
   * @param epoch the buffer's when it was mapped
   * @param generation of the memory that it maps
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
      boolean announce) {
    MappingId id() {
      return new MappingId(attachment, generation, IommuMessage.SlotUse.DMA);
    }

    Slot announced() {
      return new Slot(index, attachment, buffer, deviceKey, process, epoch, generation, true);
    }
  }

  /**
   * A buffer being closed on its exporter's behalf.
   *
   * @param epoch the revoke that asked
   * @param slots how many slots were looked at
   * @param open attachments whose slots had still been open
   * @param startedNanos when it was asked
   * @param deadlineNanos when to stop waiting for the drain
   */
  public record Close(
      int buffer,
      long epoch,
      int slots,
      List<Integer> open,
      long startedNanos,
      long deadlineNanos) {}

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
        TreePMap.empty());
  }

  IommuState withOpen(Slot slot) {
    return open(open.plus(slot.attachment(), slot), with(openOf, slot.buffer(), slot.attachment()));
  }

  IommuState withoutOpen(Slot slot) {
    return open(open.minus(slot.attachment()), without(openOf, slot.buffer(), slot.attachment()));
  }

  private IommuState open(TreePMap<Integer, Slot> next, HashPMap<Integer, PSet<Integer>> nextOf) {
    return new IommuState(
        capacity, fresh, next, nextOf, draining, drainingOf, free, spare, dead, closes, closed);
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
        capacity, fresh, open, openOf, next, nextOf, free, spare, dead, closes, closed);
  }

  private static HashPMap<Integer, PSet<Integer>> with(
      HashPMap<Integer, PSet<Integer>> index, int buffer, int id) {
    PSet<Integer> its = index.getOrDefault(buffer, HashTreePSet.<Integer>empty());
    return index.plus(buffer, its.plus(id));
  }

  private static HashPMap<Integer, PSet<Integer>> without(
      HashPMap<Integer, PSet<Integer>> index, int buffer, int id) {
    PSet<Integer> its = index.getOrDefault(buffer, HashTreePSet.<Integer>empty()).minus(id);
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

  private static List<Slot> slots(
      HashPMap<Integer, PSet<Integer>> index, TreePMap<Integer, Slot> all, int buffer) {
    List<Slot> slots = new ArrayList<>();
    for (int id : index.getOrDefault(buffer, HashTreePSet.<Integer>empty())) {
      Slot slot = all.get(id);
      if (slot != null) {
        slots.add(slot);
      }
    }
    return slots;
  }

  IommuState slots(int nextFresh, HashPMap<Integer, PStack<Integer>> nextFree, PStack<Integer> s) {
    return new IommuState(
        capacity, nextFresh, open, openOf, draining, drainingOf, nextFree, s, dead, closes, closed);
  }

  IommuState closes(TreePMap<Integer, Close> next) {
    return new IommuState(
        capacity, fresh, open, openOf, draining, drainingOf, free, spare, dead, next, closed);
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
        closed.plus(buffer, epoch));
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
        closed);
  }

  /** Whether something is draining, so that it has to be looked at again soon. */
  public boolean busy() {
    return !draining.isEmpty() || !closes.isEmpty();
  }
}
