package dev.dmabufsim.simulator.scenario;

/**
 * The values a number in a scenario may take, both ends included.
 *
 * @param min the least
 * @param max the most
 */
record Range(long min, long max) {
  boolean contains(long value) {
    return min <= value && value <= max;
  }
}
