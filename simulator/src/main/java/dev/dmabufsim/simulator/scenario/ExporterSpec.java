package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import java.time.Duration;
import java.util.List;

/**
 * A device that exports its memory as dma-bufs.
 *
 * @param name unique in the scenario; in the bundled ones a PCI address
 * @param kind the driver it stands for
 * @param buffers how many dma-bufs it exports
 * @param bufferBytes the size of each, a multiple of 4 KiB
 * @param causes why it revokes, one after another in its rounds; empty if its kind never does
 * @param beginAfter by how much later than others it begins its rounds, where devices are
 *     independent
 */
public record ExporterSpec(
    String name,
    ExporterKind kind,
    int buffers,
    long bufferBytes,
    List<RevokeCause> causes,
    Duration beginAfter) {

  /** One that begins with the others. */
  public ExporterSpec(
      String name, ExporterKind kind, int buffers, long bufferBytes, List<RevokeCause> causes) {
    this(name, kind, buffers, bufferBytes, causes, Duration.ZERO);
  }

  /** Takes a copy of the list. */
  public ExporterSpec {
    causes = List.copyOf(causes);
  }

  /** The size of all its buffers, {@code Long.MAX_VALUE} if that is more than a long holds. */
  public long totalBytes() {
    return Saturating.multiply(buffers, bufferBytes);
  }
}
