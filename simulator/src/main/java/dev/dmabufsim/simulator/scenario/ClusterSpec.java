package dev.dmabufsim.simulator.scenario;

/**
 * How the nodes find each other.
 *
 * @param port the TCP port of the first node; 0: pick a free one
 */
public record ClusterSpec(int port) {}
