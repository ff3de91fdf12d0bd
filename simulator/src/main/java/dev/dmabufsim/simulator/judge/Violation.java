package dev.dmabufsim.simulator.judge;

/**
 * An invariant that did not hold.
 *
 * @param invariant which
 * @param detail who, when and where, in one line
 */
public record Violation(Invariant invariant, String detail) {}
