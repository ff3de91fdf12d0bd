package dev.dmabufsim.simulator.machine;

/**
 * A device that can do DMA to memory that another exports.
 *
 * @param device the device
 * @param kind the kind of importer, {@code gpu-dynamic}, {@code rdma-odp}, {@code rdma-pinned},
 *     {@code static} or {@code iommufd}
 * @param why the reason for the kind
 */
public record Importer(PciDevice device, String kind, String why) {}
