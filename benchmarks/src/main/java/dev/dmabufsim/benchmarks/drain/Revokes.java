package dev.dmabufsim.benchmarks.drain;

import org.HdrHistogram.Histogram;

/** What a row of revokes took, nanoseconds. */
final class Revokes {
  private static final int DIGITS = 3;

  final Load load;

  /** To write every permission, and one barrier. */
  final Histogram block = new Histogram(DIGITS);

  /** From then on until nothing is in flight. */
  final Histogram drain = new Histogram(DIGITS);

  /** Both. */
  final Histogram total = new Histogram(DIGITS);

  /** From an engine's first refusal to its last. */
  final Histogram refused = new Histogram(DIGITS);

  /** Revokes that found something in flight when the barrier had returned. */
  int waited;

  /** DMA writes done by all engines, warm-up included. */
  long operations;

  Revokes(Load load) {
    this.load = load;
  }

  void reset() {
    block.reset();
    drain.reset();
    total.reset();
    refused.reset();
    waited = 0;
  }
}
