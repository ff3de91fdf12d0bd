/**
 * Exporter devices and their buffers.
 *
 * <p>{@link dev.dmabufsim.exporter.BufferCore} is what a dma-buf decides; an actor for each buffer
 * carries it out, and its mailbox is the reservation lock. {@link
 * dev.dmabufsim.exporter.RoundsCore} is what asks for revokes. Only {@link
 * dev.dmabufsim.exporter.ExporterHub} is known to other nodes.
 */
@NullMarked
package dev.dmabufsim.exporter;

import org.jspecify.annotations.NullMarked;
