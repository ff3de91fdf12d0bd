/** The simulator, which starts the nodes and watches them. */
package dev.dmabufsim.simulator;
