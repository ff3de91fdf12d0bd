package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.ImporterKind;
import java.time.Duration;
import java.util.List;

/**
 * A device that attaches to dma-bufs and reads and writes them.
 *
 * @param name unique in the scenario; in the bundled ones a PCI address
 * @param kind the driver it stands for
 * @param attachments how many attachments it asks for, spread round robin over the buffers
 * @param behaviour whether it keeps the contract
 * @param overrun how long a lying device's engine goes on after its fence; zero for an honest one
 * @param exporters names of the exporter devices it attaches to; empty: all of them
 */
public record ImporterSpec(
    String name,
    ImporterKind kind,
    int attachments,
    Behaviour behaviour,
    Duration overrun,
    List<String> exporters) {

  /** Takes a copy of the list. */
  public ImporterSpec {
    exporters = List.copyOf(exporters);
  }
}
