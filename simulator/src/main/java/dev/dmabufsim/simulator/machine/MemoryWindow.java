package dev.dmabufsim.simulator.machine;

/** A bridge's prefetchable window: bus addresses from base to limit, both inside. */
record MemoryWindow(long base, long limit) {

  boolean contains(long address) {
    return Long.compareUnsigned(base, address) <= 0 && Long.compareUnsigned(address, limit) <= 0;
  }
}
