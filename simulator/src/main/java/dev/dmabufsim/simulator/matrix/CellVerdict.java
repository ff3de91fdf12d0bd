package dev.dmabufsim.simulator.matrix;

import java.util.Locale;

/** What a cell says. */
public enum CellVerdict {
  /** Nothing happened after a revoke, or nothing that anybody would notice. */
  SAFE,
  /** Accesses of a misbehaving importer were stopped, and none reached the next owner's memory. */
  CONTAINED,
  /** An access reached memory that was somebody else's, or an honest importer caused a fault. */
  UNSAFE,
  /** A revoke did not end within the limit. */
  HANGS,
  /** The exporter did not let it attach. */
  REFUSED,
  /** Too little happened to say. */
  UNKNOWN;

  /** The word in tables. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
