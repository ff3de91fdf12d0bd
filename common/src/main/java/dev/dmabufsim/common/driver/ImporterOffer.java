package dev.dmabufsim.common.driver;

/**
 * What an importer offers at attach: its {@code struct dma_buf_attach_ops}, and how it gets at the
 * memory.
 *
 * @param dynamic whether it attaches with {@code importer_ops}; without them the attachment is
 *     static: it is pinned when it is mapped, and never told anything
 * @param peer2peer {@code allow_peer2peer}: it can do DMA to memory without struct pages
 * @param invalidateMappings whether {@code importer_ops->invalidate_mappings} is there, which makes
 *     it revocable: the callback is the promise
 * @param pins whether it calls {@code dma_buf_pin()} before it maps
 * @param iommufdMap whether it takes addresses by {@code vfio_pci_dma_buf_iommufd_map()} and never
 *     calls map
 */
public record ImporterOffer(
    boolean dynamic,
    boolean peer2peer,
    boolean invalidateMappings,
    boolean pins,
    boolean iommufdMap) {

  /** A dynamic importer that can be revoked, does peer-to-peer, and pins nothing. */
  public static final ImporterOffer DYNAMIC = new ImporterOffer(true, true, true, false, false);

  /** {@code dma_buf_attach_revocable()}: importer_ops are present, and the callback is. */
  public boolean revocable() {
    return dynamic && invalidateMappings;
  }

  /** The same, with or without peer-to-peer. */
  public ImporterOffer peer2peer(boolean next) {
    return new ImporterOffer(dynamic, next, invalidateMappings, pins, iommufdMap);
  }

  /** The same, pinning or not. */
  public ImporterOffer pins(boolean next) {
    return new ImporterOffer(dynamic, peer2peer, invalidateMappings, next, iommufdMap);
  }

  /** The same, with or without the callback. */
  public ImporterOffer invalidateMappings(boolean next) {
    return new ImporterOffer(dynamic, peer2peer, next, pins, iommufdMap);
  }

  /** The same, by {@code dma_buf_attach()}: no importer_ops, so no callback and no peer-to-peer. */
  public ImporterOffer asStatic() {
    return new ImporterOffer(false, false, false, pins, iommufdMap);
  }

  /** The same, taking addresses without a map. */
  public ImporterOffer iommufdMap(boolean next) {
    return new ImporterOffer(dynamic, peer2peer, invalidateMappings, pins, next);
  }
}
