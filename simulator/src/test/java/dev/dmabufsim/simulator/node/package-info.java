/** Tests of a node as a process. */
@org.jspecify.annotations.NullMarked
package dev.dmabufsim.simulator.node;
