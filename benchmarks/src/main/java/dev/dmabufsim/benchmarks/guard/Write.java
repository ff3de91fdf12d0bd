package dev.dmabufsim.benchmarks.guard;

/**
 * One DMA write with one kind of protection around it. Never inlined, since an engine's next write
 * is another call, through another mapping: in a loop of its own the unguarded copy would be spared
 * the checks of its memory segments, which no engine is.
 */
interface Write {
  /** Writes at {@code offset} of the segment. */
  void at(long offset);
}
