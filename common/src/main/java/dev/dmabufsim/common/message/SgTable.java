package dev.dmabufsim.common.message;

import dev.dmabufsim.common.message.IommuMessage.SlotUse;

/**
 * What a map answers, the {@code sg_table} of the kernel: addresses for the device's DMA. Memory of
 * one BAR is contiguous, so there is one entry.
 *
 * @param attachment whose mapping it is
 * @param iova the address to which the device does DMA
 * @param length bytes, no more than which can be reached from there
 * @param slot the IOMMU's slot behind that address
 * @param segment the memory
 * @param generation the generation of that memory
 * @param content the generation of what is in it, which every grain names: another one than the
 *     memory's once the content was moved
 * @param translated whether the IOMMU stands between; if not, these are bus addresses
 * @param use what was asked for: an attachment can have one of each
 */
public record SgTable(
    int attachment,
    long iova,
    long length,
    int slot,
    int segment,
    long generation,
    long content,
    boolean translated,
    SlotUse use) {

  /** The IOVA at which a slot's mapping begins: 4 GiB of address space for each slot. */
  public static long iovaOf(int slot) {
    return (slot + 1L) << 32;
  }

  /** The slot behind an IOVA, which may be no slot at all if the address is wrong. */
  public static int slotOf(long iova) {
    return (int) (iova >>> 32) - 1;
  }

  /** Where in the buffer it begins, bytes. */
  public long offset() {
    return iova - iovaOf(slot);
  }

  /** The same addresses, of memory that holds content of another generation. */
  public SgTable content(long next) {
    return new SgTable(attachment, iova, length, slot, segment, generation, next, translated, use);
  }
}
