/** Tests of reading machines: each listing in {@code src/test/resources/machine} is invented. */
@NullMarked
package dev.dmabufsim.simulator.machine;

import org.jspecify.annotations.NullMarked;
