package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.ImporterKind;
import java.util.List;

/**
 * What an importer node has to do.
 *
 * @param devices its devices
 * @param exporterDevices how many exporter devices to wait for before beginning
 * @param workload what the engines do
 * @param holdAt the round of revokes at which the node stops between the invalidation and its
 *     fence, so that a fault can be put there; 0 for never
 */
public record ImporterPlan(
    List<Device> devices, int exporterDevices, Workload workload, int holdAt) {
  /**
   * A device that imports.
   *
   * @param attachments how many, spread evenly over the buffers
   * @param overrunNanos how long the engine of a lying device goes on after its fence
   * @param exporters the exporter devices it attaches to; empty for all
   */
  public record Device(
      String name,
      ImporterKind kind,
      int attachments,
      Behaviour behaviour,
      long overrunNanos,
      List<String> exporters) {}

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
