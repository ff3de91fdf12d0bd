package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.common.fault.FaultPoint;

/**
 * Something that breaks during a run.
 *
 * @param kind what happens
 * @param node the node it happens to
 * @param at the point in a revoke: the label of a {@link FaultPoint}
 * @param revoke the round in which it happens, counted from 1
 */
public record FaultSpec(Kind kind, String node, String at, int revoke) {
  /** What happens to a node. */
  public enum Kind {
    /**
     * Its process is killed ({@code SIGKILL}): nothing is cleaned up, and it does not come back.
     */
    KILL("kill");

    private final String label;

    Kind(String label) {
      this.label = label;
    }

    /** The name in scenarios and reports. */
    public String label() {
      return label;
    }
  }
}
