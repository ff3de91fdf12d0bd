package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryLine;

/** Watches over one invariant: gathers while the histories are read, and rules at their end. */
interface Watch {
  /** Takes note of the next event. */
  void accept(HistoryLine line);

  /** Rules. To be called once, after the last line. */
  void rule(Run run, Ruling ruling);

  /** What is known when everything was read. */
  record Run(Facts facts, Cast cast, Names names) {
    long boundNanos() {
      return facts.boundMicros() * 1000;
    }
  }
}
