package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;

/**
 * Which exporter an importer meets in the matrix: one that it can reach, and that takes its memory
 * back whatever importers do.
 *
 * @param kind the exporter's kind
 * @param cause why it revokes
 */
record ExporterChoice(ExporterKind kind, RevokeCause cause) {

  /**
   * A BAR for whoever does peer-to-peer, and for iommufd's way of mapping, which only that has. For
   * others a GPU, whose memory is in system memory then: it moves the content of what is not
   * pinned, and is unplugged where pins would keep it from moving.
   */
  static ExporterChoice of(ImporterOffer offer) {
    if (offer.peer2peer() || offer.iommufdMap()) {
      return new ExporterChoice(ExporterKind.VFIO_PCI, RevokeCause.RESET);
    }
    return offer.dynamic() && !offer.pins()
        ? new ExporterChoice(ExporterKind.GPU_VRAM, RevokeCause.EVICTION)
        : new ExporterChoice(ExporterKind.GPU_VRAM, RevokeCause.HOT_UNPLUG);
  }

  /** For tables. */
  String label() {
    return kind.label() + ", " + cause.label();
  }
}
