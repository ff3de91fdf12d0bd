package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SlotMapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A host's shared memory: segments of two grains with their owners, the IOMMU's slots, the journal.
 * What stands in it are the words that {@link Canary} and {@link ControlDescriptor} lay out.
 */
final class SharedMemory {
  /** The bytes of a segment: a DMA writes all of it, one grain after the other. */
  static final int BYTES = 2 * Canary.GRAIN_BYTES;

  /** Memory; {@code a} and {@code b} are the two words of each of its two grains. */
  record Segment(int id, long owner, boolean severed, long a0, long a1, long b0, long b1) {
    static Segment filled(int id, long owner, long word0, long word1) {
      return new Segment(id, owner, false, word0, word1, word0, word1);
    }

    Segment owner(long next) {
      return new Segment(id, next, severed, a0, a1, b0, b1);
    }

    Segment severed(boolean next) {
      return new Segment(id, owner, next, a0, a1, b0, b1);
    }

    Segment grain(int grain, long word0, long word1) {
      return grain == 0
          ? new Segment(id, owner, severed, word0, word1, b0, b1)
          : new Segment(id, owner, severed, a0, a1, word0, word1);
    }

    long word0(int grain) {
      return grain == 0 ? a0 : b0;
    }

    long word1(int grain) {
      return grain == 0 ? a1 : b1;
    }

    long sum() {
      return ((a0 * 31 + a1) * 31 + b0) * 31 + b1;
    }
  }

  /** A slot: the IOMMU's line, and the mark that the device's engine sets. */
  record Slot(long grant, SlotMapping mapping, int flags, boolean inFlight) {
    Slot inFlight(boolean next) {
      return new Slot(grant, mapping, flags, next);
    }

    Slot permission(int next) {
      return new Slot(
          ControlDescriptor.grant(ControlDescriptor.generation(grant), next),
          mapping,
          flags,
          inFlight);
    }
  }

  /** Most slots: more than the attachments of any world. */
  static final int CAPACITY = 64;

  /** Its parts: who looks at one of them knows nothing of the others. */
  enum Part {
    SEGMENTS,
    SLOTS,
    JOURNAL,
    GENERATION
  }

  private List<Segment> segments = List.of();
  private List<Slot> slots = List.of();
  private List<BufferJournal.Entry> journal = List.of();
  private long generation;

  /** What was looked at since {@link #watch}, in that order; null if nobody asks. */
  private @Nullable List<Part> looks;

  SharedMemory copy() {
    SharedMemory copy = new SharedMemory();
    copy.segments = segments;
    copy.slots = slots;
    copy.journal = journal;
    copy.generation = generation;
    return copy;
  }

  /** What one of its parts is, never to be changed. */
  Object part(Part part) {
    return switch (part) {
      case SEGMENTS -> segments;
      case SLOTS -> slots;
      case JOURNAL -> journal;
      case GENERATION -> generation;
    };
  }

  /** Puts another in the place of one of its parts. */
  @SuppressWarnings("unchecked") // it is what part() has given
  void part(Part part, Object other) {
    switch (part) {
      case SEGMENTS -> segments = (List<Segment>) other;
      case SLOTS -> slots = (List<Slot>) other;
      case JOURNAL -> journal = (List<BufferJournal.Entry>) other;
      case GENERATION -> generation = (Long) other;
    }
  }

  /** From here on it is known which parts are looked at, or changed. */
  void watch() {
    looks = new ArrayList<>(2);
  }

  /** The parts that were looked at or changed, each where it came first. */
  List<Part> looks() {
    return Objects.requireNonNull(looks, "nobody watches");
  }

  private void look(Part part) {
    if (looks != null && !looks.contains(part)) {
      looks.add(part);
    }
  }

  long nextGeneration() {
    look(Part.GENERATION);
    return ++generation;
  }

  @Nullable Segment segment(int id) {
    look(Part.SEGMENTS);
    for (Segment s : segments) {
      if (s.id() == id) {
        return s;
      }
    }
    return null;
  }

  /** Puts it in the place of the one with its number, if there is one. */
  void put(Segment segment) {
    look(Part.SEGMENTS);
    for (int i = 0; i < segments.size(); i++) {
      if (segments.get(i).id() == segment.id()) {
        segments = Lists.with(segments, i, segment);
        return;
      }
    }
    segments = Lists.plus(segments, segment);
  }

  void own(int id, long owner) {
    Segment s = segment(id);
    if (s != null && !s.severed()) {
      put(s.owner(owner));
    }
  }

  void sever(int id) {
    Segment s = segment(id);
    if (s != null) {
      put(s.severed(true).owner(SegmentDescriptor.OWNER_NOBODY));
    }
  }

  List<Segment> segments() {
    look(Part.SEGMENTS);
    return segments;
  }

  List<Slot> slots() {
    look(Part.SLOTS);
    return slots;
  }

  @Nullable Slot slot(int index) {
    look(Part.SLOTS);
    return index >= 0 && index < slots.size() ? slots.get(index) : null;
  }

  void open(int index, SlotMapping mapping, int flags) {
    look(Part.SLOTS);
    long grant =
        ControlDescriptor.grant(mapping.generation(), ControlDescriptor.PERMISSION_READ_WRITE);
    boolean inFlight = index < slots.size() && slots.get(index).inFlight();
    Slot slot = new Slot(grant, mapping, flags, inFlight);
    if (index < slots.size()) {
      slots = Lists.with(slots, index, slot);
    } else {
      slots = Lists.plus(slots, slot);
    }
  }

  void permission(int index, int permission) {
    Slot s = slot(index);
    if (s != null) {
      slots = Lists.with(slots, index, s.permission(permission));
    }
  }

  void inFlight(int index, boolean next) {
    Slot s = slot(index);
    if (s != null) {
      slots = Lists.with(slots, index, s.inFlight(next));
    }
  }

  boolean inFlight(int index) {
    Slot s = slot(index);
    return s != null && s.inFlight();
  }

  List<BufferJournal.Entry> journal() {
    look(Part.JOURNAL);
    return journal;
  }

  int enter(int buffer, int process, int segment, long memoryGeneration) {
    look(Part.JOURNAL);
    int index = journal.size();
    BufferJournal.Entry entry =
        new BufferJournal.Entry(
            index, buffer, process, segment, BYTES, memoryGeneration, 0, BufferJournal.Phase.LIVE);
    journal = Lists.plus(journal, entry);
    return index;
  }

  /** The exporter's word; not against one who has claimed the entry meanwhile. */
  void write(int index, long epoch, BufferJournal.Phase phase, int segment, long memory) {
    look(Part.JOURNAL);
    BufferJournal.Entry e = journal.get(index);
    journal =
        Lists.with(
            journal,
            index,
            new BufferJournal.Entry(
                index, e.buffer(), e.process(), segment, e.bytes(), memory, epoch, phase));
  }

  /** Changes an entry if it is still as it was. */
  boolean claim(BufferJournal.Entry was, long epoch, BufferJournal.Phase phase) {
    look(Part.JOURNAL);
    BufferJournal.Entry is = journal.get(was.index());
    if (is.epoch() != was.epoch() || is.phase() != was.phase()) {
      return false;
    }
    write(was.index(), epoch, phase, is.segment(), is.generation());
    return true;
  }
}
