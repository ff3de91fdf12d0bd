/**
 * What breaks on purpose: the named points at which a process can be made to die or to freeze, and
 * the faults that tests plant in the program to see whether anybody notices.
 */
@NullMarked
package dev.dmabufsim.common.fault;

import org.jspecify.annotations.NullMarked;
