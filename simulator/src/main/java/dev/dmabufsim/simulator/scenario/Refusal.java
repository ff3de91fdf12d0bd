package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.contract.Errno;

/**
 * A pair of devices between which peer-to-peer does not work, so that the importer is refused.
 *
 * @param exporter the exporter device
 * @param importer the importer device
 * @param errno what the exporter answers; never {@link Errno#OK}. EINVAL is the answer of its map,
 *     as of {@code dma_buf_phys_vec_to_sgt()}; any other is that of its attach
 * @param reason why, for the report
 */
public record Refusal(String exporter, String importer, Errno errno, String reason) {}
