/** How long the IOMMU takes to block thousands of slots and to drain them. */
package dev.dmabufsim.benchmarks.drain;
