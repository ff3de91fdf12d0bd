/**
 * A network of its own for a run: each node in a network namespace with an address of its own, all
 * behind one bridge, so that a partition is a network's and not a simulation of one. Needs root.
 */
@NullMarked
package dev.dmabufsim.simulator.netns;

import org.jspecify.annotations.NullMarked;
