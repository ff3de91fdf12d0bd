/** The command line. */
@NullMarked
package dev.dmabufsim.simulator.cli;

import org.jspecify.annotations.NullMarked;
