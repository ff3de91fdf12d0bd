/** Tests of reading and writing scenarios. */
@NullMarked
package dev.dmabufsim.simulator.scenario;

import org.jspecify.annotations.NullMarked;
