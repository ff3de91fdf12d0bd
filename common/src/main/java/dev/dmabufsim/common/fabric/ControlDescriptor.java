package dev.dmabufsim.common.fabric;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The layout of the control file, and the only place that knows it. All fields are in the host's
 * byte order: the file never leaves its host.
 *
 * <pre>
 *  0                                                              4096
 *  +---------------------------------------------------------------+
 *  | header                                                        |
 *  |   0 magic (8)            8 version (4)      12 unused (4)     |
 *  |  16 slot capacity (4)   20 process capacity (4)               |
 *  |  24 last generation (8) 32 processes (4)    36 slots in use,  |
 *  |  40 fabric id (8)                              high water (4) |
 *  |  48 buffers (4)         52 memory refused (4)                 |
 *  +---------------------------------------------------------------+ 4096
 *  | process table: one entry of 128 bytes for each JVM            |
 *  |   0 state (4)  4 pid (4)  8 start time, clock ticks (8)       |
 *  |  16 incarnation (8)  24 role (4)  28 name length (4)          |
 *  |  32 name, UTF-8 (64)                                          |
 *  +---------------------------------------------------------------+ 4096 + 128 * processes
 *  | journal: one entry of 64 bytes for each buffer ever exported  |
 *  |   0 state: epoch (56 bits) | phase (8 bits)                   |
 *  |   8 buffer (4)   12 process of its exporter (4)               |
 *  |  16 segment (4)  20 unused (4)                                |
 *  |  24 bytes (8)    32 generation (8)   40 unused (24)           |
 *  +---------------------------------------------------------------+ + 64 * 8192
 *  | slot table: one slot of 128 bytes for each mapped attachment, |
 *  | and for each use that it is mapped for                        |
 *  |                                                               |
 *  |   line 0, written by the IOMMU                                |
 *  |     0 grant: generation (56 bits) | permission (8 bits)       |
 *  |     8 attachment (4)   12 buffer (4)                          |
 *  |    16 device key (4)   20 process (4)                         |
 *  |    24 length (8)       32 segment (4)   36 flags (4)          |
 *  |       flags: 1 translated, 2 ATS, 4 CPU                       |
 *  |    40 epoch (8)        48 offset (8)    56 unused (8)         |
 *  |                                                               |
 *  |   line 1, written by who goes through the slot                |
 *  |    64 in flight (8)    72 operations (8)  80 bytes (8)        |
 *  |    88 IOMMU faults (8) 96 ENODEV (8)     104 leaked words (8) |
 *  |   112 aborted (8)     120 unused (8)                          |
 *  +---------------------------------------------------------------+
 * </pre>
 *
 * <p>Each line of a slot has one writer, so that neither needs an atomic read-modify-write: the
 * IOMMU of the host for line 0, and for line 1 the one engine thread of the device to which the
 * slot belongs, or, if it is a CPU's, the one thread that uses the device's CPU mappings. A slot
 * never passes to another device, nor to another use, while its process lives: who still publishes
 * through a slot he has lost would otherwise hide another's access in flight.
 *
 * <p>Slots are 128 bytes apart because x86 fetches cache lines in pairs.
 */
public final class ControlDescriptor {
  /** {@code "DMABUFCT"}, read as a big-endian number. */
  public static final long MAGIC = 0x444d_4142_5546_4354L;

  /** Raised with every change of the layout; another version is refused. */
  public static final int VERSION = 3;

  /** Slot flag: addresses are translated by the IOMMU; absent, the mapping is of bus addresses. */
  public static final int SLOT_TRANSLATED = 1;

  /** Slot flag: the device caches translations itself and goes past the permission with them. */
  public static final int SLOT_ATS = 2;

  /** Slot flag: a CPU goes through it, not a device. */
  public static final int SLOT_CPU = 4;

  static final long HEADER_BYTES = 4096;

  /** Most buffers in the life of one fabric; the file is sparse, so unused entries cost nothing. */
  public static final int BUFFER_CAPACITY = 8192;

  static final long BUFFER_BYTES = 64;
  static final long PROCESS_BYTES = 128;
  static final int PROCESS_NAME_BYTES = 64;

  /** Distance between two slots, bytes. */
  public static final long SLOT_BYTES = 128;

  /** Permission: the slot grants nothing and belongs to no mapping. */
  public static final int PERMISSION_FREE = 0;

  /** Permission: read and write. */
  public static final int PERMISSION_READ_WRITE = 1;

  /** Permission: speculative reads, whose data the device throws away; no write. */
  public static final int PERMISSION_DISCARD_ONLY = 2;

  /** Permission: nothing; the IOMMU closed the slot. */
  public static final int PERMISSION_BLOCKED = 3;

  static final long MAGIC_AT = 0;
  static final long VERSION_AT = 8;
  static final long SLOT_CAPACITY_AT = 16;
  static final long PROCESS_CAPACITY_AT = 20;
  static final long GENERATION_AT = 24;
  static final long PROCESSES_AT = 32;
  static final long SLOTS_HIGH_WATER_AT = 36;
  static final long FABRIC_ID_AT = 40;
  static final long BUFFERS_AT = 48;
  static final long MEMORY_REFUSED_AT = 52;

  static final long JOURNAL_STATE_AT = 0;
  static final long JOURNAL_BUFFER_AT = 8;
  static final long JOURNAL_PROCESS_AT = 12;
  static final long JOURNAL_SEGMENT_AT = 16;
  static final long JOURNAL_BYTES_AT = 24;
  static final long JOURNAL_GENERATION_AT = 32;

  static final long PROCESS_STATE_AT = 0;
  static final long PROCESS_PID_AT = 4;
  static final long PROCESS_START_AT = 8;
  static final long PROCESS_INCARNATION_AT = 16;
  static final long PROCESS_ROLE_AT = 24;
  static final long PROCESS_NAME_LENGTH_AT = 28;
  static final long PROCESS_NAME_AT = 32;

  static final long GRANT_AT = 0;
  static final long ATTACHMENT_AT = 8;
  static final long BUFFER_AT = 12;
  static final long DEVICE_KEY_AT = 16;
  static final long PROCESS_AT = 20;
  static final long LENGTH_AT = 24;
  static final long SEGMENT_AT = 32;
  static final long SLOT_FLAGS_AT = 36;
  static final long EPOCH_AT = 40;
  static final long OFFSET_AT = 48;
  static final long IN_FLIGHT_AT = 64;
  static final long OPERATIONS_AT = 72;
  static final long BYTES_AT = 80;
  static final long FAULTS_AT = 88;
  static final long ENODEV_AT = 96;
  static final long LEAKED_AT = 104;
  static final long ABORTED_AT = 112;

  /** A 64-bit field, at a byte offset. */
  static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  /** A 32-bit field, at a byte offset. */
  static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

  private ControlDescriptor() {}

  static long fileBytes(int slots, int processes) {
    return slotAt(processes, 0) + slots * SLOT_BYTES;
  }

  static long processAt(int process) {
    return HEADER_BYTES + process * PROCESS_BYTES;
  }

  static long slotAt(int processCapacity, int slot) {
    return journalAt(processCapacity, BUFFER_CAPACITY) + slot * SLOT_BYTES;
  }

  static long journalAt(int processCapacity, int index) {
    return HEADER_BYTES + processCapacity * PROCESS_BYTES + index * BUFFER_BYTES;
  }

  /** The word that grants {@code permission} on memory of {@code generation}. */
  public static long grant(long generation, int permission) {
    return generation << 8 | permission;
  }

  /** The permission within a grant. */
  public static int permission(long grant) {
    return (int) (grant & 0xff);
  }

  /** The generation within a grant. */
  public static long generation(long grant) {
    return grant >>> 8;
  }
}
