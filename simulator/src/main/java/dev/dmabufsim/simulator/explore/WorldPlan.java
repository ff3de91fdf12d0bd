package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDriver;
import java.util.List;
import java.util.Set;

/**
 * A world: one exporter with one buffer, one IOMMU, some importers with one attachment each.
 *
 * @param contract the sequence that the exporter plays
 * @param exporter what kind of exporter it is
 * @param cause why it revokes
 * @param importers in the order of their names
 * @param faults which kinds of faults may strike
 * @param mostFaults how many may, in one schedule
 * @param rounds how often it revokes
 * @param reads whether engines read as well; one that cannot write reads in any case
 * @param times how long everything may take
 * @param seed from which the importers' reactions are drawn
 */
public record WorldPlan(
    Contract contract,
    ExporterKind exporter,
    RevokeCause cause,
    List<Device> importers,
    Set<FaultKind> faults,
    int mostFaults,
    int rounds,
    boolean reads,
    Times times,
    long seed) {
  public WorldPlan {
    importers = List.copyOf(importers);
    faults = Set.copyOf(faults);
  }

  /**
   * An importer device.
   *
   * @param name as in a story: {@code i1}
   * @param overrunNanos by how much it is late, or goes on
   */
  public record Device(String name, ImporterDriver driver, Behaviour behaviour, long overrunNanos) {
    boolean honest() {
      return behaviour == Behaviour.HONEST;
    }

    /** Whether it translates by itself, past the IOMMU's table. */
    boolean ats() {
      return behaviour == Behaviour.SKIPS_IOTLB_FLUSH;
    }
  }

  /**
   * Times, nanoseconds.
   *
   * @param ask the exporter's bound for answers
   * @param block its bound for the IOMMU
   * @param sever and for what comes then, of which a move may take half to copy, besides what is
   *     left of the two before
   * @param retry after how long it asks again
   * @param limit longer than which a revoke hangs that has no bound
   * @param message how long a message is under way at most, unless a fault delays it
   * @param step how long an engine that is not frozen takes for a step at most
   * @param look how long an IOMMU takes at most to notice a death; an importer ten times as long
   * @param begin until when the first revoke is asked for
   * @param hold how long memory is its next owner's at most
   * @param most how long all of it may take
   */
  public record Times(
      long ask,
      long block,
      long sever,
      long retry,
      long limit,
      long message,
      long step,
      long look,
      long begin,
      long hold,
      long most) {
    private static final long MS = 1_000_000;

    /** As in a cluster with a fast network. */
    static Times ordinary() {
      return new Times(
          100 * MS, 10 * MS, 20 * MS, 20 * MS, 2500 * MS, MS, MS / 5, 10 * MS, 5 * MS, 10 * MS,
          4000 * MS);
    }

    /**
     * For a visit of every state: messages and engines take no time, and whoever is late is so by a
     * fault. So timers are over only when all is quiet, and nothing is asked twice before a
     * deadline.
     */
    static Times small(boolean enforced) {
      return new Times(
          100 * MS,
          10 * MS,
          20 * MS,
          500 * MS,
          1300 * MS,
          0,
          0,
          0,
          0,
          0,
          (enforced ? 150 : 1400) * MS);
    }
  }

  /** The bound that a revoke is judged by. */
  long boundNanos() {
    return contract.enforced() ? times.ask + times.block + times.sever : times.limit;
  }

  /** The same with other importers and faults. */
  WorldPlan with(List<Device> nextImporters, Set<FaultKind> nextFaults) {
    return new WorldPlan(
        contract,
        exporter,
        cause,
        nextImporters,
        nextFaults,
        mostFaults,
        rounds,
        reads,
        times,
        seed);
  }

  /** The same, its importers' reactions drawn from another seed. */
  public WorldPlan seed(long next) {
    return new WorldPlan(
        contract, exporter, cause, importers, faults, mostFaults, rounds, reads, times, next);
  }
}
