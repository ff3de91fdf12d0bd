@NullMarked
package dev.dmabufsim.simulator.chaos;

import org.jspecify.annotations.NullMarked;
