package dev.dmabufsim.common.message;

/** What crosses from node to node; {@code cluster.conf} binds it to Jackson's CBOR. */
public interface Wire {
  /** Who sent it, and when. */
  Peer from();
}
