/**
 * The explorer: the cores of a cluster in one thread, with virtual time and a scheduler that
 * chooses what happens next.
 *
 * <p>{@link dev.dmabufsim.simulator.explore.World} is a shell like the actors are: it decides
 * nothing of the contract. What happens in it is told in the same history as a real run's, and
 * judged by the same judge.
 */
@NullMarked
package dev.dmabufsim.simulator.explore;

import org.jspecify.annotations.NullMarked;
