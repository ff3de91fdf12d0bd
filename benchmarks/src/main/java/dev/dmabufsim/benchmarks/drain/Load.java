package dev.dmabufsim.benchmarks.drain;

/**
 * What the engines do meanwhile.
 *
 * @param engines threads, each with its share of the slots
 * @param bytes of one DMA write
 */
record Load(int engines, int bytes) {
  String title() {
    if (engines == 0) {
      return "none";
    }
    String size = bytes >= 1 << 20 ? (bytes >> 20) + " MiB" : (bytes >> 10) + " KiB";
    return engines + (engines == 1 ? " engine, " : " engines, ") + size + " writes";
  }
}
