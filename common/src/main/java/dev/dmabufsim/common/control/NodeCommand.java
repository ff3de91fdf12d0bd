package dev.dmabufsim.common.control;

/** What a node is told to do: one word on a line of its standard input. */
public enum NodeCommand {
  /** Importer: attach, map and do DMA. Exporter: revoke and restore, over and over. */
  BEGIN,
  /** Exporter: finish the round and stop. Importer: stop DMA, unmap, unpin, detach. */
  END,
  /** Give everything back, leave the cluster, exit. */
  LEAVE
}
