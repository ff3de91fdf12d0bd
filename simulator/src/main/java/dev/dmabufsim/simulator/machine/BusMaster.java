package dev.dmabufsim.simulator.machine;

/** The bus-master bit of a function's command register: whether it may start DMA. */
public enum BusMaster {
  /** {@code BusMaster+}, or {@code Flags: bus master}. */
  ON,
  /** {@code BusMaster-}: no driver has enabled DMA. */
  OFF,
  /** Not printed: the function could not be read. */
  UNKNOWN
}
