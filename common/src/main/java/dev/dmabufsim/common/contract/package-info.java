/**
 * The words of the dma-buf contract: error numbers, sequences, kinds of importer and exporter.
 *
 * <p>Names are the kernel's ({@code Documentation/driver-api/dma-buf.rst}, {@code
 * include/linux/dma-buf.h}).
 */
@NullMarked
package dev.dmabufsim.common.contract;

import org.jspecify.annotations.NullMarked;
