package dev.dmabufsim.simulator.judge;

/** What must hold in every run. */
public enum Invariant {
  /**
   * Foreign bytes in recycled memory = 0, leaked reads = 0; and what an importer that keeps the
   * contract does too late goes unnoticed.
   */
  NO_LATE_DMA(1, "no DMA lands after its revoke completed"),
  /** The bound is the scenario's: ask + block + sever. */
  BOUNDED(2, "every revoke ends within its bound"),
  /** Every time, until it maps anew; and before a revoke none fails. */
  FAILS_ONLY_AFTER_REVOKE(3, "after a revoke accesses fail with ENODEV, before it none fails"),
  /** An exporter that revokes refuses them. */
  ONLY_REVOCABLE_ATTACHED(4, "no attachment that cannot be revoked is held"),
  /** Attachments, pins, mappings, slots, segments, processes, files. */
  NOTHING_LEFT(5, "nothing is left: attachments, pins, mappings, slots, processes, files"),
  /**
   * Neither to its next owner nor back to importers; and what a move hands on is, byte for byte,
   * what was there.
   */
  HANDED_ON_AFTER_COMPLETION(
      6, "memory is never handed on before its revoke completed; a move keeps its content");

  private final int number;
  private final String title;

  Invariant(int number, String title) {
    this.number = number;
    this.title = title;
  }

  /** Its number in the documentation. */
  public int number() {
    return number;
  }

  /** What it says, in a few words. */
  public String title() {
    return title;
  }
}
