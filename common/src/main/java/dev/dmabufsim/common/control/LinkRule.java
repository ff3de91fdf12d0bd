package dev.dmabufsim.common.control;

/**
 * What happens to messages from one node to another.
 *
 * @param from the name of the node that sends
 * @param to the name of the node that receives
 * @param kind what happens
 * @param share of the messages it happens to, 0 to 1
 * @param minNanos {@code DELAY} and {@code REORDER}: held so long at least
 * @param maxNanos {@code DELAY} and {@code REORDER}: held so long at most
 * @param bytesPerSecond {@code SLOW}: what the link carries
 */
public record LinkRule(
    String from,
    String to,
    Kind kind,
    double share,
    long minNanos,
    long maxNanos,
    long bytesPerSecond) {
  /** What can happen to a message. */
  public enum Kind {
    /** Nothing gets through. */
    CUT,
    /** It comes later; the order is kept. */
    DELAY,
    /** It is lost. */
    DROP,
    /** It comes twice. */
    DUPLICATE,
    /** It comes later, and others overtake it. */
    REORDER,
    /** It waits until those before it are through. */
    SLOW
  }
}
