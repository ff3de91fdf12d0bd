/** How many protocol steps a second the explorer takes. */
@NullMarked
package dev.dmabufsim.benchmarks.explore;

import org.jspecify.annotations.NullMarked;
