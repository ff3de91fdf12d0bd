package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.message.Span;
import java.time.Duration;
import java.util.List;

/**
 * A device that attaches to dma-bufs and reads and writes them.
 *
 * @param name unique in the scenario; in the bundled ones a PCI address
 * @param kind the driver that it is: a class found on the class path, or one that the scenario
 *     describes
 * @param attachments how many attachments it asks for, spread round robin over the buffers
 * @param behaviour how it keeps or breaks the contract
 * @param overrun by how much it is late or goes on, where the behaviour takes that; otherwise zero
 * @param ats whether the device caches translations itself
 * @param cpu how a CPU of its node uses the buffers, too
 * @param range what it maps of each buffer, where its kind takes addresses of a range (iommufd)
 * @param exporters names of the exporter devices it attaches to; empty: all of them
 */
public record ImporterSpec(
    String name,
    String kind,
    int attachments,
    Behaviour behaviour,
    Duration overrun,
    boolean ats,
    CpuUse cpu,
    Span range,
    List<String> exporters) {

  /** Takes a copy of the list. */
  public ImporterSpec {
    exporters = List.copyOf(exporters);
  }
}
