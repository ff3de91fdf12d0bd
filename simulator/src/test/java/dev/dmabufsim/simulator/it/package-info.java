/**
 * Runs of the whole program: each test starts {@code ./dmabuf-sim} as a process of its own, in a
 * directory of its own, and looks at what a user sees: exit status, output, run directory, {@code
 * /dev/shm} and processes.
 *
 * <p>None of them expects a quiet host: importers have half a minute to answer wherever an
 * acknowledgement is expected, and a test waits for what it expects and not for a time.
 */
@NullMarked
package dev.dmabufsim.simulator.it;

import org.jspecify.annotations.NullMarked;
