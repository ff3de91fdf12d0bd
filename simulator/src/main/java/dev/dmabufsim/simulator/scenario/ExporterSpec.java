package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.ExporterKind;

/**
 * A device that exports its memory as dma-bufs.
 *
 * @param name unique in the scenario; in the bundled ones a PCI address
 * @param kind the driver it stands for
 * @param buffers how many dma-bufs it exports
 * @param bufferBytes the size of each, a multiple of 4 KiB
 */
public record ExporterSpec(String name, ExporterKind kind, int buffers, long bufferBytes) {
  /** The size of all its buffers, {@code Long.MAX_VALUE} if that is more than a long holds. */
  public long totalBytes() {
    return Saturating.multiply(buffers, bufferBytes);
  }
}
