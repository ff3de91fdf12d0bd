/**
 * What a run is judged by: one definition of each invariant, over histories and over what was
 * counted in shared memory. No clock, no file, no actor.
 */
@NullMarked
package dev.dmabufsim.simulator.judge;

import org.jspecify.annotations.NullMarked;
