/**
 * Importer devices, their attachments and their DMA engines.
 *
 * <p>{@link dev.dmabufsim.importer.AttachmentCore} is what an importer's driver decides for one
 * attachment. An actor for each device carries it out for thousands; its engine is a thread, which
 * does the DMA. Only {@link dev.dmabufsim.importer.ImporterHub} is known to other nodes.
 */
@NullMarked
package dev.dmabufsim.importer;

import org.jspecify.annotations.NullMarked;
