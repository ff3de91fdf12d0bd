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
      6, "memory is never handed on before its revoke completed; a move keeps its content"),
  /** By its exporter, or when that is dead by its successor or the IOMMU. */
  FINISHED_ONCE(7, "a revoke that began is finished, exactly once, whoever dies"),
  /** ENODEV, within a second. */
  DEATH_NOTICED(8, "an importer learns within 1 s that its exporter is dead"),
  /** And its successor's table is the one that it had. */
  IOMMU_DEATH_BLOCKS_NOTHING(9, "the IOMMU's death blocks no revoke; its successor knows all maps"),
  /** Not even if it does not keep the contract. */
  FROZEN_CHANGES_NOTHING(10, "a frozen process that wakes up changes nothing, and goes on"),
  /** Attached, mapped, and doing DMA. */
  LIVE_AGAIN(11, "10 s after the faults every surviving device does DMA again"),
  /** Who was removed, or was cut off, is not believed and believes nothing that is not so. */
  ZOMBIES_CHANGE_NOTHING(12, "what the dead and the removed say is not acted on");

  /** Those that are about faults: what they say of a run without any goes without saying. */
  private static final int FIRST_OF_FAULTS = 7;

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

  /** Whether it is about what happens when somebody dies, freezes or is cut off. */
  public boolean aboutFaults() {
    return number >= FIRST_OF_FAULTS;
  }

  /** What it says, in a few words. */
  public String title() {
    return title;
  }
}
