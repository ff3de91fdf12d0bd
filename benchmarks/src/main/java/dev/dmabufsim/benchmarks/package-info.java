/**
 * What the data plane costs, and the proof that its memory order holds. Started by {@code
 * ./dmabuf-sim bench}; the results stand in {@code docs/performance.md}.
 */
package dev.dmabufsim.benchmarks;
