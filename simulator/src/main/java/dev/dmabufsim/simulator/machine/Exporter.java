package dev.dmabufsim.simulator.machine;

import java.util.List;

/**
 * A device with memory that it can export.
 *
 * @param device the device
 * @param kind the kind of exporter, {@code vfio-pci}, {@code gpu-vram} or {@code rdma-mmio}
 * @param bar the BAR that is exported: the largest that is fit for it
 * @param candidates every BAR that is fit for it, {@code bar} among them
 * @param why the reason for the kind
 */
public record Exporter(PciDevice device, String kind, Bar bar, List<Bar> candidates, String why) {

  /** An exporter whose list cannot change any more. */
  public Exporter {
    candidates = List.copyOf(candidates);
  }
}
