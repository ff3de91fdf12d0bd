package dev.dmabufsim.importer;

import java.lang.foreign.MemorySegment;

/**
 * What a device's IOTLB holds for one mapping, and all that a DMA through it needs.
 *
 * @param attachment whose mapping
 * @param iova where it begins
 * @param length bytes
 * @param slotAt the slot's byte offset in the control file
 * @param grant the word that must stand in the slot
 * @param generation of the memory
 * @param translated whether the IOMMU is asked; if not, these are bus addresses
 * @param memory the mapped segment
 */
record Translation(
    int attachment,
    long iova,
    long length,
    long slotAt,
    long grant,
    long generation,
    boolean translated,
    MemorySegment memory) {}
