/** A run: nodes are started, driven through the experiment, stopped, and judged. */
@NullMarked
package dev.dmabufsim.simulator.run;

import org.jspecify.annotations.NullMarked;
