package dev.dmabufsim.common.fabric;

/**
 * What device engines count in shared memory, so that a kill loses nothing of it.
 *
 * @param operations DMA operations done
 * @param bytes bytes moved by them
 * @param faults operations that the IOMMU refused
 * @param enodev accesses that failed with ENODEV because their mapping was gone
 * @param leakedWords 8-byte words read that belonged to another owner of the memory
 * @param aborted operations whose memory was severed under them
 */
public record DmaCounters(
    long operations, long bytes, long faults, long enodev, long leakedWords, long aborted) {
  /** Nothing counted. */
  public static final DmaCounters ZERO = new DmaCounters(0, 0, 0, 0, 0, 0);

  /** The sum of both. */
  public DmaCounters plus(DmaCounters o) {
    return new DmaCounters(
        operations + o.operations,
        bytes + o.bytes,
        faults + o.faults,
        enodev + o.enodev,
        leakedWords + o.leakedWords,
        aborted + o.aborted);
  }
}
