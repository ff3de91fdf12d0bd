package dev.dmabufsim.common.fabric;

import static dev.dmabufsim.common.fabric.ControlDescriptor.INT;
import static dev.dmabufsim.common.fabric.ControlDescriptor.LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * The control file of a fabric, mapped: its header, its processes and its slots. What the bytes
 * mean is in {@link ControlDescriptor}.
 *
 * <p>Everything read from it may have been written by a process gone mad, so counts and indices are
 * checked before they are used.
 */
public final class ControlFile {
  /** Most processes in the life of one fabric. */
  public static final int PROCESS_CAPACITY = 256;

  /** Slots of a fabric unless told otherwise; the file is sparse, so unused ones cost nothing. */
  public static final int DEFAULT_SLOT_CAPACITY = 65_536;

  private final MemorySegment memory;
  private final int slotCapacity;
  private final int processCapacity;

  private ControlFile(MemorySegment memory, int slotCapacity, int processCapacity) {
    this.memory = memory;
    this.slotCapacity = slotCapacity;
    this.processCapacity = processCapacity;
  }

  /**
   * Creates the file and maps it for as long as the JVM lives.
   *
   * @throws IOException if it exists already or cannot be written
   */
  static ControlFile create(Path file, int slotCapacity, long fabricId) throws IOException {
    long bytes = ControlDescriptor.fileBytes(slotCapacity, PROCESS_CAPACITY);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      // Header and process table are written, not left sparse: a full /dev/shm then is an
      // exception here and not SIGBUS later. Slots are touched by the IOMMU as they are used.
      long eager = ControlDescriptor.journalAt(PROCESS_CAPACITY, 0);
      channel.write(ByteBuffer.allocate((int) eager), 0);
      channel.write(ByteBuffer.allocate(1), bytes - 1);
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, Arena.global());
      memory.set(ValueLayout.JAVA_INT, ControlDescriptor.VERSION_AT, ControlDescriptor.VERSION);
      memory.set(ValueLayout.JAVA_INT, ControlDescriptor.SLOT_CAPACITY_AT, slotCapacity);
      memory.set(ValueLayout.JAVA_INT, ControlDescriptor.PROCESS_CAPACITY_AT, PROCESS_CAPACITY);
      memory.set(ValueLayout.JAVA_LONG, ControlDescriptor.FABRIC_ID_AT, fabricId);
      LONG.setRelease(memory, ControlDescriptor.MAGIC_AT, ControlDescriptor.MAGIC);
      return new ControlFile(memory, slotCapacity, PROCESS_CAPACITY);
    }
  }

  /**
   * Maps an existing file for as long as the JVM lives.
   *
   * @throws IOException if it is not a control file of this version, or not whole
   */
  static ControlFile open(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long size = channel.size();
      if (size < ControlDescriptor.HEADER_BYTES) {
        throw new IOException(file + ": not a control file: only " + size + " bytes");
      }
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, size, Arena.global());
      if ((long) LONG.getAcquire(memory, ControlDescriptor.MAGIC_AT) != ControlDescriptor.MAGIC) {
        throw new IOException(file + ": not a control file: its magic number is wrong");
      }
      int version = memory.get(ValueLayout.JAVA_INT, ControlDescriptor.VERSION_AT);
      if (version != ControlDescriptor.VERSION) {
        throw new IOException(
            file
                + ": version "
                + version
                + " of the layout; this program speaks version "
                + ControlDescriptor.VERSION);
      }
      int slots = memory.get(ValueLayout.JAVA_INT, ControlDescriptor.SLOT_CAPACITY_AT);
      int processes = memory.get(ValueLayout.JAVA_INT, ControlDescriptor.PROCESS_CAPACITY_AT);
      if (slots <= 0
          || processes <= 0
          || processes > 1 << 16
          || ControlDescriptor.fileBytes(slots, processes) != size) {
        throw new IOException(file + ": damaged: its size does not fit its header");
      }
      return new ControlFile(memory, slots, processes);
    }
  }

  /** The journal of buffers. */
  public BufferJournal journal() {
    return new BufferJournal(memory, processCapacity);
  }

  /** Whether a fault has it that there is no more memory: whoever asks for some gets ENOSPC. */
  public boolean memoryRefused() {
    return (int) INT.getAcquire(memory, ControlDescriptor.MEMORY_REFUSED_AT) != 0;
  }

  /** A fault's doing: from now on, memory is refused, or not any more. */
  public void refuseMemory(boolean refused) {
    INT.setRelease(memory, ControlDescriptor.MEMORY_REFUSED_AT, refused ? 1 : 0);
  }

  /**
   * A fault's doing: from now on the file says that its layout is another one, or this one again.
   * Whoever has opened it has looked before and goes on; whoever comes is to refuse it.
   */
  public void otherVersion(boolean other) {
    INT.setRelease(
        memory,
        ControlDescriptor.VERSION_AT,
        other ? ControlDescriptor.VERSION + 1 : ControlDescriptor.VERSION);
  }

  /** The mapped bytes, for {@link Guard}. */
  public MemorySegment memory() {
    return memory;
  }

  /** How many slots there are. */
  public int slotCapacity() {
    return slotCapacity;
  }

  /** The number by which nodes tell whether they share memory. */
  public long fabricId() {
    return (long) LONG.getOpaque(memory, ControlDescriptor.FABRIC_ID_AT);
  }

  /** A generation that no memory of this fabric has had before: 1, 2, 3, … */
  public long nextGeneration() {
    return (long) LONG.getAndAdd(memory, ControlDescriptor.GENERATION_AT, 1L) + 1;
  }

  /**
   * Enters a process into the table.
   *
   * @return its index
   * @throws IOException if the table is full
   */
  public int register(ProcessIdentity identity, int role, String name) throws IOException {
    int index = (int) INT.getAndAdd(memory, ControlDescriptor.PROCESSES_AT, 1);
    if (index < 0 || index >= processCapacity) {
      throw new IOException("this fabric has seen its " + processCapacity + " processes");
    }
    long at = ControlDescriptor.processAt(index);
    byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(utf8.length, ControlDescriptor.PROCESS_NAME_BYTES);
    memory.set(ValueLayout.JAVA_INT, at + ControlDescriptor.PROCESS_PID_AT, identity.pid());
    memory.set(ValueLayout.JAVA_LONG, at + ControlDescriptor.PROCESS_START_AT, identity.start());
    memory.set(ValueLayout.JAVA_INT, at + ControlDescriptor.PROCESS_ROLE_AT, role);
    memory.set(ValueLayout.JAVA_INT, at + ControlDescriptor.PROCESS_NAME_LENGTH_AT, length);
    MemorySegment.copy(
        utf8, 0, memory, ValueLayout.JAVA_BYTE, at + ControlDescriptor.PROCESS_NAME_AT, length);
    INT.setRelease(memory, at + ControlDescriptor.PROCESS_STATE_AT, 1);
    return index;
  }

  /** Every process that was ever entered, dead ones too, in the order of their indices. */
  public List<ProcessEntry> processes() {
    int count =
        Math.clamp(
            (int) INT.getAcquire(memory, ControlDescriptor.PROCESSES_AT), 0, processCapacity);
    List<ProcessEntry> entries = new ArrayList<>(count);
    for (int index = 0; index < count; index++) {
      long at = ControlDescriptor.processAt(index);
      if ((int) INT.getAcquire(memory, at + ControlDescriptor.PROCESS_STATE_AT) != 1) {
        continue;
      }
      int length =
          Math.clamp(
              memory.get(ValueLayout.JAVA_INT, at + ControlDescriptor.PROCESS_NAME_LENGTH_AT),
              0,
              ControlDescriptor.PROCESS_NAME_BYTES);
      byte[] utf8 = new byte[length];
      MemorySegment.copy(
          memory, ValueLayout.JAVA_BYTE, at + ControlDescriptor.PROCESS_NAME_AT, utf8, 0, length);
      entries.add(
          new ProcessEntry(
              index,
              new ProcessIdentity(
                  memory.get(ValueLayout.JAVA_INT, at + ControlDescriptor.PROCESS_PID_AT),
                  memory.get(ValueLayout.JAVA_LONG, at + ControlDescriptor.PROCESS_START_AT)),
              memory.get(ValueLayout.JAVA_INT, at + ControlDescriptor.PROCESS_ROLE_AT),
              new String(utf8, StandardCharsets.UTF_8)));
    }
    return entries;
  }

  /** The byte offset of a slot. */
  public long slotAt(int slot) {
    if (slot < 0 || slot >= slotCapacity) {
      throw new IndexOutOfBoundsException("slot " + slot + " of " + slotCapacity);
    }
    return ControlDescriptor.slotAt(processCapacity, slot);
  }

  /** How many slots have ever been used: the ones below this number are worth reading. */
  public int slotsHighWater() {
    return Math.clamp(
        (int) INT.getAcquire(memory, ControlDescriptor.SLOTS_HIGH_WATER_AT), 0, slotCapacity);
  }

  /**
   * IOMMU: opens a slot for a mapping. The grant is written last.
   *
   * @param flags those of {@link ControlDescriptor#SLOT_TRANSLATED}, {@link
   *     ControlDescriptor#SLOT_ATS} and {@link ControlDescriptor#SLOT_CPU} that hold
   */
  public void openSlot(int slot, SlotMapping mapping, int flags) {
    long at = slotAt(slot);
    INT.setOpaque(memory, at + ControlDescriptor.ATTACHMENT_AT, mapping.attachment());
    INT.setOpaque(memory, at + ControlDescriptor.BUFFER_AT, mapping.buffer());
    INT.setOpaque(memory, at + ControlDescriptor.DEVICE_KEY_AT, mapping.deviceKey());
    INT.setOpaque(memory, at + ControlDescriptor.PROCESS_AT, mapping.process());
    LONG.setOpaque(memory, at + ControlDescriptor.OFFSET_AT, mapping.offset());
    LONG.setOpaque(memory, at + ControlDescriptor.LENGTH_AT, mapping.length());
    INT.setOpaque(memory, at + ControlDescriptor.SEGMENT_AT, mapping.segment());
    INT.setOpaque(memory, at + ControlDescriptor.SLOT_FLAGS_AT, flags);
    LONG.setOpaque(memory, at + ControlDescriptor.EPOCH_AT, mapping.epoch());
    LONG.setRelease(
        memory,
        at + ControlDescriptor.GRANT_AT,
        ControlDescriptor.grant(mapping.generation(), ControlDescriptor.PERMISSION_READ_WRITE));
    if (slot >= slotsHighWater()) {
      INT.setRelease(memory, ControlDescriptor.SLOTS_HIGH_WATER_AT, slot + 1);
    }
  }

  /** IOMMU: changes a slot's permission and keeps its generation. {@link #barrier} must follow. */
  public void setPermission(int slot, int permission) {
    long at = slotAt(slot) + ControlDescriptor.GRANT_AT;
    long generation = ControlDescriptor.generation((long) LONG.getOpaque(memory, at));
    LONG.setRelease(memory, at, ControlDescriptor.grant(generation, permission));
  }

  /** IOMMU: after this, every engine either sees the permissions written before, or is seen. */
  public void barrier() {
    VarHandle.fullFence();
  }

  /** IOMMU: whether a DMA through the slot is in flight. Meaningful only after {@link #barrier}. */
  public boolean inFlight(int slot) {
    return (long) LONG.getAcquire(memory, slotAt(slot) + ControlDescriptor.IN_FLIGHT_AT) != 0;
  }

  /** IOMMU: marks nothing in flight on behalf of a device whose process has ceased to exist. */
  public void clearInFlight(int slot) {
    LONG.setRelease(memory, slotAt(slot) + ControlDescriptor.IN_FLIGHT_AT, 0L);
  }

  /** A fault's doing: writes garbage over the IOMMU's line of a slot. */
  public void damage(int slot, LongSupplier garbage) {
    long at = slotAt(slot);
    for (long word = 0; word < ControlDescriptor.IN_FLIGHT_AT; word += Long.BYTES) {
      LONG.setOpaque(memory, at + word, garbage.getAsLong());
    }
  }

  /** The grant that stands in a slot now. */
  public long grant(int slot) {
    return (long) LONG.getAcquire(memory, slotAt(slot) + ControlDescriptor.GRANT_AT);
  }

  /** What the slot maps, as the IOMMU wrote it; a device walks this when its IOTLB misses. */
  public SlotMapping mapping(int slot) {
    long at = slotAt(slot);
    return new SlotMapping(
        (int) INT.getOpaque(memory, at + ControlDescriptor.ATTACHMENT_AT),
        (int) INT.getOpaque(memory, at + ControlDescriptor.BUFFER_AT),
        (int) INT.getOpaque(memory, at + ControlDescriptor.DEVICE_KEY_AT),
        (int) INT.getOpaque(memory, at + ControlDescriptor.PROCESS_AT),
        (int) INT.getOpaque(memory, at + ControlDescriptor.SEGMENT_AT),
        ControlDescriptor.generation(grant(slot)),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.OFFSET_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.LENGTH_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.EPOCH_AT));
  }

  /** The flags with which the slot was opened last. */
  public int flags(int slot) {
    return (int) INT.getOpaque(memory, slotAt(slot) + ControlDescriptor.SLOT_FLAGS_AT);
  }

  /** What the devices counted, over all slots ever used. */
  public DmaCounters counters() {
    DmaCounters sum = DmaCounters.ZERO;
    int slots = slotsHighWater();
    for (int slot = 0; slot < slots; slot++) {
      sum = sum.plus(counters(slot));
    }
    return sum;
  }

  /** What the device counted in one slot. */
  public DmaCounters counters(int slot) {
    long at = slotAt(slot);
    return new DmaCounters(
        (long) LONG.getOpaque(memory, at + ControlDescriptor.OPERATIONS_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.BYTES_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.FAULTS_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.ENODEV_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.LEAKED_AT),
        (long) LONG.getOpaque(memory, at + ControlDescriptor.ABORTED_AT));
  }

  /** Engine: adds one finished DMA to its slot's counters. Single writer, so no atomics. */
  public void countOperation(long slotAt, long bytes) {
    add(slotAt + ControlDescriptor.OPERATIONS_AT, 1);
    add(slotAt + ControlDescriptor.BYTES_AT, bytes);
  }

  /** Engine: counts a DMA that the IOMMU refused. */
  public void countFault(long slotAt) {
    add(slotAt + ControlDescriptor.FAULTS_AT, 1);
  }

  /** Engine: counts an access that failed with ENODEV because its mapping is gone. */
  public void countEnodev(long slotAt) {
    add(slotAt + ControlDescriptor.ENODEV_AT, 1);
  }

  /** Engine: counts words read that belonged to somebody else. */
  public void countLeaked(long slotAt, long words) {
    add(slotAt + ControlDescriptor.LEAKED_AT, words);
  }

  /** Engine: counts a DMA whose memory was severed under it. */
  public void countAborted(long slotAt) {
    add(slotAt + ControlDescriptor.ABORTED_AT, 1);
  }

  private void add(long at, long amount) {
    LONG.setOpaque(memory, at, (long) LONG.getOpaque(memory, at) + amount);
  }
}
