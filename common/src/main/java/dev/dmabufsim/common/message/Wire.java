package dev.dmabufsim.common.message;

/** Marks what crosses from node to node; {@code cluster.conf} binds it to Jackson's CBOR. */
public interface Wire {}
