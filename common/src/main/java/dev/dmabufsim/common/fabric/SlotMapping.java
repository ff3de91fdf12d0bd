package dev.dmabufsim.common.fabric;

/**
 * What one slot of the IOMMU's table maps.
 *
 * @param attachment the attachment whose mapping it is
 * @param buffer the dma-buf
 * @param deviceKey the importer device: its process's index in the upper half, its ordinal below
 * @param process index of the importer's process in the process table
 * @param segment the memory
 * @param generation the memory's generation when it was mapped
 * @param offset where in the segment it begins, bytes
 * @param length bytes mapped from there on
 * @param epoch the buffer's epoch when it was mapped
 */
public record SlotMapping(
    int attachment,
    int buffer,
    int deviceKey,
    int process,
    int segment,
    long generation,
    long offset,
    long length,
    long epoch) {

  /** Whether what begins there and is so long lies within what is mapped. */
  public boolean covers(long at, long bytes) {
    return at >= offset && bytes <= length && at - offset <= length - bytes;
  }

  /** The key of a device: unique in its fabric. */
  public static int deviceKey(int process, int ordinal) {
    return process << 16 | ordinal;
  }
}
