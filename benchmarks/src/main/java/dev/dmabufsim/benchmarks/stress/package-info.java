/** JCStress tests of the guard's memory order. */
package dev.dmabufsim.benchmarks.stress;
