package dev.dmabufsim.exporter;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.fault.FaultPoint;
import dev.dmabufsim.common.fault.FaultTrap;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryEvent.Foreign;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * The memory of an exporter node, and who owns it: a buffer, or its next owner, the
 * <em>tenant</em>.
 *
 * <p>A revoked buffer's memory goes to a tenant at once, who fills it with his own content, so that
 * a late access lands in somebody else's memory if it lands at all. A restored buffer gets the
 * memory that has been with its tenant for longest; before that the tenant looks through all of it
 * for bytes that he did not write.
 *
 * <p>A segment's owner word says at any time whose it is: whoever comes late reads there what he
 * has run into. It is written before the next owner's content is.
 *
 * <p>Used by one thread; its operations fill and read whole segments and so take up to
 * milliseconds.
 */
final class SegmentPool {
  /** Memory that belongs to a tenant, and is full of his content. */
  record Tenancy(int segment, long generation, long bytes) {}

  /**
   * A completed revoke.
   *
   * @param bytes the buffer's size
   * @param generation the revoked memory's
   */
  record Handover(long bytes, long generation, int buffer, long epoch) {}

  /** Of a segment's number, those that count the segments of one process. */
  private static final int SEGMENT_BITS = 20;

  /** A move's content is copied in pieces of this size. */
  private static final int COPY_BYTES = 1 << 20;

  private final Fabric fabric;
  private final History history;
  private final int firstSegment;
  private final Deque<Tenancy> tenants = new ArrayDeque<>();
  private int segments;

  /** What a buffer is given. */
  record Lease(int segment, long generation) {}

  /**
   * Where a move's content is now.
   *
   * @param before checksum of what was read where it was
   * @param after checksum of what is read where it is
   */
  record Copied(Lease lease, long before, long after) {}

  /**
   * An empty pool.
   *
   * @param process the node's index, which makes its segments' numbers unique in the fabric
   */
  SegmentPool(Fabric fabric, History history, int process) {
    this.fabric = fabric;
    this.history = history;
    this.firstSegment = process << SEGMENT_BITS;
  }

  /** The process whose pool has made a segment. */
  static int process(int segment) {
    return segment >>> SEGMENT_BITS;
  }

  /** Makes a new segment for a buffer, with the exporter's content in it. */
  Lease export(int buffer, long bytes) throws IOException {
    int segment = create(bytes);
    long generation = fabric.control().nextGeneration();
    content(segment, bytes, generation, buffer);
    return new Lease(segment, generation);
  }

  /** Makes a new segment which has a tenant from the start: the pool's reserve. */
  void reserve(long bytes) throws IOException {
    int segment = create(bytes);
    take(rent(fabric, segment, bytes));
  }

  /**
   * Gives the memory of a completed revoke to a tenant. By whoever completes the revoke, in the
   * same breath: it needs nothing of the pool's. {@link #take} must follow.
   */
  static Tenancy handOver(Fabric fabric, History history, int segment, Handover h)
      throws IOException {
    Tenancy tenancy = rent(fabric, segment, h.bytes());
    history.record(
        new HistoryEvent.HandedOver(
            segment, h.buffer(), h.epoch(), h.generation(), tenancy.generation()));
    return tenancy;
  }

  /** Keeps a tenancy until its memory is lent. */
  void take(Tenancy tenancy) {
    tenants.add(tenancy);
  }

  /** The memory of a completed revoke was severed: there is other memory in its place. */
  void replace(Handover handover) throws IOException {
    take(handOver(fabric, history, create(handover.bytes()), handover));
  }

  /** Gives a buffer the memory of the longest tenancy, after its tenant has looked it through. */
  Lease lend(int buffer, long bytes) throws IOException {
    int segment = vacate(bytes);
    long generation = fabric.control().nextGeneration();
    content(segment, bytes, generation, buffer);
    return new Lease(segment, generation);
  }

  /**
   * Copies a buffer's content to memory that it gets instead. The bytes go through memory of this
   * process's own, which is what is summed up: a checksum of mapped memory would crash the JVM if
   * that were severed.
   *
   * @param drained whether nobody writes to it any more: what it is held against is then read from
   *     where it was once more, and a byte that was taken from the wrong place is seen. Otherwise
   *     it is what was copied: memory that is going to be severed is copied while somebody may
   *     still write to it
   * @throws IOException if there is no memory for it: nothing has changed
   * @throws InternalError if the memory was severed
   */
  Copied move(int from, long bytes, boolean drained) throws IOException {
    int to = vacate(bytes);
    try {
      return copy(from, to, bytes, drained);
    } catch (IOException | InternalError e) {
      giveBack(to, bytes);
      throw e;
    }
  }

  /** Memory that nobody has used gets a tenant again. */
  void giveBack(int segment, long bytes) throws IOException {
    take(rent(fabric, segment, bytes));
  }

  private Copied copy(int from, int to, long bytes, boolean drained) throws IOException {
    long generation = fabric.control().nextGeneration();
    CRC32C before = new CRC32C();
    CRC32C after = new CRC32C();
    byte[] own = new byte[(int) Math.min(bytes, COPY_BYTES)];
    MemorySegment buffer = MemorySegment.ofArray(own);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment source = fabric.mapSegment(from, bytes, arena).data();
      SegmentMemory target = fabric.mapSegment(to, bytes, arena);
      target.owner(generation);
      for (long at = 0; at < bytes; at += own.length) {
        int count = (int) Math.min(own.length, bytes - at);
        MemorySegment.copy(source, at, buffer, 0, count);
        if (!drained) {
          before.update(own, 0, count);
        }
        MemorySegment.copy(buffer, 0, target.data(), at, count);
        if (at + count >= bytes / 2) {
          FaultTrap.at(FaultPoint.EXPORTER_MOVE_COPYING);
        }
      }
      if (drained) {
        sum(source, bytes, own, before);
      }
      sum(target.data(), bytes, own, after);
    }
    return new Copied(new Lease(to, generation), before.getValue(), after.getValue());
  }

  private static void sum(MemorySegment memory, long bytes, byte[] own, CRC32C sum) {
    MemorySegment buffer = MemorySegment.ofArray(own);
    for (long at = 0; at < bytes; at += own.length) {
      int count = (int) Math.min(own.length, bytes - at);
      MemorySegment.copy(memory, at, buffer, 0, count);
      sum.update(own, 0, count);
    }
  }

  /** Memory that nobody uses: the oldest tenant moves out, or it is new. */
  private int vacate(long bytes) throws IOException {
    for (Tenancy tenancy : tenants) {
      if (tenancy.bytes() == bytes) {
        tenants.remove(tenancy);
        inspect(tenancy);
        return tenancy.segment();
      }
    }
    return create(bytes);
  }

  /** Every tenant looks through his memory a last time. */
  void inspectAll() throws IOException {
    for (Tenancy tenancy : tenants) {
      inspect(tenancy);
    }
  }

  private int create(long bytes) throws IOException {
    int segment = firstSegment + segments++;
    fabric.createSegment(segment, bytes);
    return segment;
  }

  /**
   * Says whose a segment is.
   *
   * @param owner a generation, or one of the numbers of {@link SegmentDescriptor}
   */
  static void own(Fabric fabric, int segment, long bytes, long owner) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      fabric.mapSegment(segment, bytes, arena).owner(owner);
    }
  }

  private static Tenancy rent(Fabric fabric, int segment, long bytes) throws IOException {
    long generation = fabric.control().nextGeneration();
    long word0 = Canary.word0(Canary.TAG_TENANT, generation);
    fill(fabric, segment, bytes, generation, word0, Canary.word1(0, 0));
    return new Tenancy(segment, generation, bytes);
  }

  private void content(int segment, long bytes, long generation, int buffer) throws IOException {
    long word0 = Canary.word0(Canary.TAG_EXPORTER, generation);
    fill(fabric, segment, bytes, generation, word0, Canary.word1(buffer, 0));
  }

  private static void fill(
      Fabric fabric, int segment, long bytes, long owner, long word0, long word1)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      SegmentMemory memory = fabric.mapSegment(segment, bytes, arena);
      memory.owner(owner);
      Canary.fill(memory.data(), word0, word1);
    }
  }

  private void inspect(Tenancy t) throws IOException {
    Canary.Finding finding;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = fabric.mapSegment(t.segment(), t.bytes(), arena).data();
      finding =
          Canary.scan(memory, Canary.word0(Canary.TAG_TENANT, t.generation()), Canary.word1(0, 0));
    }
    List<Foreign> authors =
        finding.authors().entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(e ->
                new Foreign(
                    e.getKey().tag(), e.getKey().id(), e.getKey().generation(), e.getValue()))
            .toList();
    history.record(
        new HistoryEvent.Scanned(
            t.segment(),
            t.generation(),
            finding.bytesScanned(),
            finding.foreignBytes(),
            finding.firstOffset(),
            authors));
  }
}
