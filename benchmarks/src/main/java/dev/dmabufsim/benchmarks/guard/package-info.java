/** What the guard costs a DMA write, against the same copy alone and under locks. */
package dev.dmabufsim.benchmarks.guard;
