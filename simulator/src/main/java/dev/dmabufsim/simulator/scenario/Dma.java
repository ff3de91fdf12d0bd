package dev.dmabufsim.simulator.scenario;

/**
 * What the importers' engines do while memory is mapped.
 *
 * @param minBytes the smallest transfer: a multiple of 64 B
 * @param maxBytes the largest: transfers are of {@code minBytes}, twice that, and so on up to this
 * @param readFraction the share of transfers that read the buffer, 0 to 1; the others write it
 * @param duty the share of a core that each device's engine may use, above 0 and up to 1
 */
public record Dma(long minBytes, long maxBytes, double readFraction, double duty) {}
