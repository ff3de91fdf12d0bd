package dev.dmabufsim.importer;

import dev.dmabufsim.common.message.SgTable;
import org.jspecify.annotations.Nullable;

/** A mapping that an engine uses, or used. Known to the engine's thread alone. */
final class DmaTarget {
  /** How it is used. */
  enum Use {
    /** Mapped: it is read and written. */
    LIVE,
    /** The engine has stopped: what it reads is thrown away. */
    FENCED,
    /** The mapping was given up. */
    ROGUE
  }

  final SgTable table;
  final int buffer;
  final Evidence evidence;

  /** Of the next write. */
  int sequence;

  Use use = Use.LIVE;

  /** Whether it writes nevertheless. */
  boolean writesWhenFenced;

  /** As a queue pair in error state: nothing more goes through this mapping. */
  boolean failed;

  /** Whether a leak was recorded. */
  boolean leaked;

  /** Until when it uses its translation though it has given it up. */
  long translationUntilNanos;

  /** Until when it uses its address though it has given it up. */
  long addressUntilNanos;

  /** Its place among those in use, or -1. */
  int at = -1;

  @Nullable Translation cached;

  DmaTarget(SgTable table, int buffer, Evidence evidence) {
    this.table = table;
    this.buffer = buffer;
    this.evidence = evidence;
  }
}
