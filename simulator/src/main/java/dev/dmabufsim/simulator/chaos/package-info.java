/** Random faults from a seed, over and over: which they are, and what came of them. */
@NullMarked
package dev.dmabufsim.simulator.chaos;

import org.jspecify.annotations.NullMarked;
