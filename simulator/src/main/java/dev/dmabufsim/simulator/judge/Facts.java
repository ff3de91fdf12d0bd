package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.fabric.DmaCounters;
import java.util.List;

/**
 * What is known about a run besides its histories.
 *
 * @param boundMicros the bound of a revoke
 * @param dma what the devices counted in shared memory
 * @param openSlots slots that still granted something when every node was gone
 * @param leftovers processes, segments and files that were left, each in words
 * @param troubles why the run as a whole may prove nothing, each in words: the cluster did not
 *     form, a node ended by itself, a fault did not fire, the run was interrupted
 */
public record Facts(
    long boundMicros,
    DmaCounters dma,
    int openSlots,
    List<String> leftovers,
    List<String> troubles) {
  /** Takes copies. */
  public Facts {
    leftovers = List.copyOf(leftovers);
    troubles = List.copyOf(troubles);
  }
}
