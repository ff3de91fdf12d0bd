/**
 * What the dma-buf contract requires, row by row, each requirement with a case that would fail if
 * the program did not keep it. {@code docs/conformance.md} is made of them.
 *
 * <p>The cases are gathered by subject, one class for each; {@link
 * dev.dmabufsim.simulator.conformance.ContractConformanceTest} runs them. They drive the program's
 * own cores, which are pure functions: {@link dev.dmabufsim.simulator.conformance.DmaBuf} a single
 * buffer, {@link dev.dmabufsim.simulator.conformance.Host} exporter, importers and IOMMU together,
 * in a time of its own in which races are events put in an order.
 */
@NullMarked
package dev.dmabufsim.simulator.conformance;

import org.jspecify.annotations.NullMarked;
