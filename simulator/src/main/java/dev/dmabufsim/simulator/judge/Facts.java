package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.fabric.DmaCounters;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is known about a run besides its histories.
 *
 * @param boundMicros the bound of a revoke
 * @param dma what the devices counted in shared memory; empty if that is not known of what is
 *     judged, as of a part of a run: there what is mapped when it is revoked counts as used
 * @param openSlots slots that still granted something when every node was gone
 * @param leftovers processes, segments and files that were left, each in words
 * @param troubles why the run as a whole may prove nothing, each in words: the cluster did not
 *     form, a node ended by itself, a fault did not fire, the run was interrupted
 * @param honestImporters importer devices that keep the contract and that no fault befalls
 * @param misbehaving importer devices that do not keep the contract, and may keep what they have
 * @param orderly whether the run ended in order, so that everybody could give back what he had
 * @param unplayed which rounds did not run, since nobody waited for them any longer, each in words;
 *     of a part of the run that says nothing
 * @param nodes of each importer device the node that it is on
 * @param whole whether every history is there from its first line to its last: otherwise what is
 *     not in them may have happened all the same
 */
public record Facts(
    long boundMicros,
    Optional<DmaCounters> dma,
    int openSlots,
    List<String> leftovers,
    List<String> troubles,
    Set<String> honestImporters,
    Set<String> misbehaving,
    boolean orderly,
    List<String> unplayed,
    Map<String, String> nodes,
    boolean whole) {
  /** Takes copies. */
  public Facts {
    leftovers = List.copyOf(leftovers);
    troubles = List.copyOf(troubles);
    honestImporters = Set.copyOf(honestImporters);
    misbehaving = Set.copyOf(misbehaving);
    unplayed = List.copyOf(unplayed);
    nodes = Map.copyOf(nodes);
  }

  /** Of a run without faults that played what it was to play, and whose histories are whole. */
  public Facts(
      long boundMicros,
      Optional<DmaCounters> dma,
      int openSlots,
      List<String> leftovers,
      List<String> troubles,
      Set<String> honestImporters,
      boolean orderly) {
    this(
        boundMicros,
        dma,
        openSlots,
        leftovers,
        troubles,
        honestImporters,
        Set.of(),
        orderly,
        List.of(),
        Map.of(),
        true);
  }

  /** What of it holds for each part of the run: nothing that was counted for all parts together. */
  public Facts ofPart() {
    return new Facts(
        boundMicros,
        Optional.empty(),
        0,
        List.of(),
        troubles,
        honestImporters,
        misbehaving,
        orderly,
        List.of(),
        nodes,
        whole);
  }
}
