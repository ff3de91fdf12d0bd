package dev.dmabufsim.common.control;

import java.util.List;

/**
 * What a node is told to do: a line of its standard input. The commands without anything more are
 * one word, {@code BEGIN}; {@code NETWORK} is followed by a JSON list of rules.
 */
public sealed interface NodeCommand {
  /** Importer: attach, map and do DMA. Exporter: revoke and restore, over and over. */
  record Begin() implements NodeCommand {}

  /** Exporter: finish the round and stop. Importer: stop DMA, unmap, unpin, detach. */
  record End() implements NodeCommand {}

  /** Give everything back, leave the cluster, exit. */
  record Leave() implements NodeCommand {}

  /**
   * Importer: no fault lasts any more; report {@link NodeReport.Recovered} as soon as every device
   * has mapped and done DMA since. A later one takes the place of this.
   *
   * @param number which the report repeats
   */
  record Check(int number) implements NodeCommand {}

  /**
   * From now on messages to this node are treated so; in place of all rules that it was given
   * before.
   */
  record Network(List<LinkRule> rules) implements NodeCommand {
    /** Takes a copy. */
    public Network {
      rules = List.copyOf(rules);
    }
  }
}
