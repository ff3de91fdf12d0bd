package dev.dmabufsim.importer;

import dev.dmabufsim.common.fabric.SegmentMemory;

/**
 * What a device's IOTLB holds for one mapping, and all that a DMA through it needs.
 *
 * @param attachment whose mapping
 * @param iova where it begins
 * @param length bytes
 * @param slotAt the slot's byte offset in the control file
 * @param grant the word that must stand in the slot
 * @param generation of the memory
 * @param content the generation of what is in it
 * @param checked whether the IOMMU is asked for each DMA; not so if these are bus addresses, or if
 *     the device presents them as translated already (ATS)
 * @param memory the mapped segment
 */
record Translation(
    int attachment,
    long iova,
    long length,
    long slotAt,
    long grant,
    long generation,
    long content,
    boolean checked,
    SegmentMemory memory) {
  /** The same, past the IOMMU. */
  Translation unchecked() {
    return new Translation(
        attachment, iova, length, slotAt, grant, generation, content, false, memory);
  }
}
