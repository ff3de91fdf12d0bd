package dev.dmabufsim.common.message;

/**
 * Who sent a message.
 *
 * @param node the node's name
 * @param incarnation differs each time a node of that name is started
 * @param process the node's index in its fabric's process table
 * @param fabric the id of its fabric: nodes of different fabrics share no memory
 */
public record Peer(String node, long incarnation, int process, long fabric) {}
