package dev.dmabufsim.simulator.judge;

/** One revoke: of a buffer, in an epoch. */
record Revoke(int buffer, long epoch) {}
