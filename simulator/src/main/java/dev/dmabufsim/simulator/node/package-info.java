/** One node of the cluster as a process: from its command line to its actor system. */
@NullMarked
package dev.dmabufsim.simulator.node;

import org.jspecify.annotations.NullMarked;
