package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Span;
import java.util.List;

/**
 * What an importer node has to do.
 *
 * @param devices its devices
 * @param exporterDevices how many exporter devices to wait for before beginning
 * @param workload what the engines do
 */
public record ImporterPlan(List<Device> devices, int exporterDevices, Workload workload) {
  /**
   * A device that imports.
   *
   * @param attachments how many, spread evenly over the buffers
   * @param driver what it is and does
   * @param behaviour how it departs from that
   * @param overrunNanos by how much it is late or goes on, see {@link Behaviour#takesOverrun}
   * @param ats whether the device caches translations itself, past the IOMMU's permission
   * @param cpu how a CPU of its node uses the buffers, too
   * @param range what it maps of each buffer, where it takes addresses of a range (iommufd)
   * @param exporters the exporter devices it attaches to; empty for all
   */
  public record Device(
      String name,
      ImporterDriver driver,
      int attachments,
      Behaviour behaviour,
      long overrunNanos,
      boolean ats,
      CpuUse cpu,
      Span range,
      List<String> exporters) {
    /** What part of a buffer a call of its is about. */
    Span span(Operation operation) {
      return switch (operation) {
        case IOMMUFD_MAP -> range;
        case PIN,
            UNPIN,
            MAP,
            UNMAP,
            BEGIN_CPU_ACCESS,
            END_CPU_ACCESS,
            MMAP,
            MUNMAP,
            VMAP,
            VUNMAP,
            DETACH ->
            Span.WHOLE;
      };
    }
  }

  /**
   * What engines do.
   *
   * @param minBytes smallest DMA, a multiple of 64
   * @param maxBytes largest DMA
   * @param readFraction share of DMA that reads
   * @param duty share of a core that one engine may use
   * @param seed from which sizes and offsets come
   */
  public record Workload(int minBytes, int maxBytes, double readFraction, double duty, long seed) {}
}
