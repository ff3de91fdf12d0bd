/**
 * The data plane: one host's shared memory, in which simulated devices really do DMA.
 *
 * <p>A {@link dev.dmabufsim.common.fabric.Fabric} is a directory under {@code /dev/shm}. It holds
 * the control file, laid out by {@link dev.dmabufsim.common.fabric.ControlDescriptor}, and one file
 * for each memory segment. {@link dev.dmabufsim.common.fabric.Guard} is what every DMA passes
 * through; {@link dev.dmabufsim.common.fabric.Canary} is how the bytes say whose they are.
 *
 * <p>Memory that can be severed may be touched with {@code MemorySegment.copy}, {@code get}, {@code
 * set} and {@code fill}, and with nothing else: those raise {@link InternalError} when the memory
 * is gone, where checksums and {@code mismatch} take the JVM down with SIGBUS. Compare and sum
 * private copies.
 */
@NullMarked
package dev.dmabufsim.common.fabric;

import org.jspecify.annotations.NullMarked;
