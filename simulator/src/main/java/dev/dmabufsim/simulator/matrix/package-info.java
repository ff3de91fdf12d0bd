/**
 * The matrix: every sequence against every importer in every behaviour, each cell a real run in the
 * cluster's shared memory, and what the threads said of them.
 *
 * <p>{@link dev.dmabufsim.simulator.matrix.MatrixScenario} lays the cells of one sequence out as
 * one scenario, so that one cluster plays them all at once; {@link
 * dev.dmabufsim.simulator.matrix.CellJudge} says of each what its own part of the histories shows;
 * {@link dev.dmabufsim.simulator.matrix.Claims} is what must come out.
 */
@NullMarked
package dev.dmabufsim.simulator.matrix;

import org.jspecify.annotations.NullMarked;
