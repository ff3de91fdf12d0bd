package dev.dmabufsim.simulator.scenario;

/** Every limit on a scenario, and why it is there. */
public final class Limits {
  /** A scenario is written by hand; a larger file is something else. */
  public static final int FILE_BYTES_MAX = 1 << 20;

  /** Maps and lists within each other; the deepest legal one is six deep. */
  public static final int NESTING_MAX = 8;

  /** Characters in a description or a reason: one line. */
  public static final int TEXT_CHARACTERS_MAX = 1000;

  /**
   * A revoked buffer's memory goes to its next owner while its successor may already be needed, so
   * that a run takes twice the size of all buffers…
   */
  public static final int MEMORY_COPIES = 2;

  /** … and some: the control file with its slots, of two cache lines for each attachment. */
  public static final long MEMORY_SLACK_BYTES = 16L << 20;

  /** The page size: a buffer is mapped in pages. */
  public static final long BUFFER_STEP_BYTES = 4096;

  /** A cache line: each transfer carries its author in every one of them. */
  public static final long DMA_STEP_BYTES = 64;

  /** One transfer: a device reads it into private memory of its own to look at it. */
  public static final long DMA_BYTES_MAX = 64L << 20;

  static final Range NODES = new Range(1, 64);
  static final Range BUFFERS = new Range(1, 65_535);
  static final Range ATTACHMENTS = new Range(1, 65_536);
  static final Range BUFFER_BYTES = new Range(BUFFER_STEP_BYTES, 16L << 30);
  static final Range MACHINE_MEMORY_BYTES = new Range(1L << 20, 1L << 40);
  static final Range ROUNDS = new Range(1, 1_000_000);

  /** TCP ports; 0 picks a free one. */
  static final Range PORT = new Range(0, 65_535);

  /** Ports below this, except 0, need privileges. */
  static final int UNPRIVILEGED_PORT = 1024;

  private static final long SECOND_MICROS = 1_000_000;
  private static final long MINUTE_MICROS = 60 * SECOND_MICROS;

  /** Each of the three steps of a bound. */
  static final Range BOUND_STEP_MICROS = new Range(1, 5 * MINUTE_MICROS);

  /** The pause between rounds, and how long memory is held. */
  static final Range PAUSE_MICROS = new Range(0, 10 * MINUTE_MICROS);

  /** How long a run waits for a revoke: above twice the longest bound. */
  static final Range WAIT_MICROS = new Range(1, 60 * MINUTE_MICROS);

  /** By how much an importer is late, or goes on; one that does so for no time is honest. */
  static final Range OVERRUN_MICROS = new Range(1, 10 * MINUTE_MICROS);

  /** Each time that an importer's description has: a distribution is bounded by an hour. */
  static final Range DRIVER_TIME_MICROS = new Range(0, 60 * MINUTE_MICROS);

  /** How long a fault lasts. */
  static final Range FAULT_MICROS = new Range(1000, 10 * MINUTE_MICROS);

  /** By how much a message is late: it is kept in memory for so long. */
  static final Range LINK_MICROS = new Range(0, MINUTE_MICROS);

  /** What a slow link carries in a second; more than the last is no slow link. */
  static final Range LINK_BYTES = new Range(1 << 10, 1L << 30);

  /** Kinds of importer that a scenario describes itself. */
  static final int DESCRIBED_IMPORTERS_MAX = 64;

  /** Fences that an importer adds to one buffer; the kernel's drivers add one to three. */
  static final int FENCES_MAX = 16;

  /** All rounds with their pauses: a day. */
  static final long RUN_MICROS_MAX = 24 * 60 * MINUTE_MICROS;

  private Limits() {}
}
