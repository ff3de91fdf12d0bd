package dev.dmabufsim.common.control;

import java.util.List;

/** What a node reports: one JSON object on a line of its standard output, its kind under is. */
public sealed interface NodeReport {
  /** Whom it needs is there, and it can be told to begin. */
  record Ready(String node) implements NodeReport {}

  /** Importer: every attachment is either doing DMA or refused for good. */
  record Settled(String node, int live, int refused) implements NodeReport {}

  /** Exporter: a round of revoke and restore is over. */
  record RoundDone(String node, int round, int revokes) implements NodeReport {}

  /** Exporter: the rounds that the scenario asks for are over. */
  record RoundsDone(String node, int rounds) implements NodeReport {}

  /** What END asked for is done. */
  record Ended(String node) implements NodeReport {}

  /** The node stands at a point where the scenario wants a fault, which strikes now. */
  record AtPoint(String node, String point, int revoke) implements NodeReport {}

  /**
   * Importer: {@link NodeCommand.Check} was answered: each of its devices that can map at all has
   * done DMA since.
   *
   * @param number the command's
   * @param devices those that did
   */
  record Recovered(String node, int number, List<String> devices) implements NodeReport {
    /** Takes a copy. */
    public Recovered {
      devices = List.copyOf(devices);
    }
  }

  /** The node cannot go on. */
  record Failed(String node, String why) implements NodeReport {}
}
