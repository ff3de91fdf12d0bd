/**
 * A real machine as {@code lspci -vv} prints it, read into the fabric of a run: who can export
 * memory, who can import it, and whether the PCI tree lets the two reach each other.
 *
 * <p>The reading ({@link dev.dmabufsim.simulator.machine.LspciParser}) knows pciutils' output
 * ({@code lspci.c}, {@code ls-caps.c}, {@code ls-ecaps.c}); the routing ({@link
 * dev.dmabufsim.simulator.machine.PeerToPeer}) follows {@code drivers/pci/p2pdma.c}; what a driver
 * makes of its device is one table ({@link dev.dmabufsim.simulator.machine.DriverTable}).
 * Everything here is pure: text in, values out. Kinds are plain strings, so that this package needs
 * no other.
 */
@NullMarked
package dev.dmabufsim.simulator.machine;

import org.jspecify.annotations.NullMarked;
