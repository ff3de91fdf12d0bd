/** Tests of how the program is built: who may know whom, and what nobody may use. */
@NullMarked
package dev.dmabufsim.simulator.arch;

import org.jspecify.annotations.NullMarked;
