package dev.dmabufsim.common.history;

/**
 * One line of a history.
 *
 * @param n the line's number in its file, from 1, so that a gap or a cut can be seen
 * @param nanos {@code System.nanoTime()} when it happened: on Linux CLOCK_MONOTONIC, one clock for
 *     all processes of a host, by which times on different nodes are compared
 * @param clock the node's hybrid logical clock: {@code nanos}, or more if that is not after
 *     everything which the node had done or heard of before. Histories are merged by it, so that
 *     whatever follows from a message comes after its sending
 * @param node whose history it is
 * @param event what happened
 */
public record HistoryLine(long n, long nanos, long clock, String node, HistoryEvent event) {
  /** One whose clock shows the time. */
  public static HistoryLine at(long n, long nanos, String node, HistoryEvent event) {
    return new HistoryLine(n, nanos, nanos, node, event);
  }
}
