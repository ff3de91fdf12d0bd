package dev.dmabufsim.common.driver;

/**
 * A call of {@code importer_ops->invalidate_mappings()}.
 *
 * @param device the importer device's name
 * @param attachment whose mapping
 * @param buffer the dma-buf
 * @param epoch which revoke of that buffer
 * @param nowNanos when, {@code System.nanoTime()} of the importer's node
 */
public record Invalidation(String device, int attachment, int buffer, long epoch, long nowNanos) {}
