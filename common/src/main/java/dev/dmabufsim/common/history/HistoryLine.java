package dev.dmabufsim.common.history;

/**
 * One line of a history.
 *
 * @param n the line's number in its file, from 1, so that a gap or a cut can be seen
 * @param nanos {@code System.nanoTime()} when it happened: on Linux CLOCK_MONOTONIC, one clock for
 *     all processes of a host, so that the histories of a host can be merged by it
 * @param node whose history it is
 * @param event what happened
 */
public record HistoryLine(long n, long nanos, String node, HistoryEvent event) {}
