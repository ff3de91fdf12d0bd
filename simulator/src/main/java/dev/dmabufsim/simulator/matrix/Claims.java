package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What the threads of January 2026 said that must go wrong, as claims about cells. The cells do not
 * come from here: they are compared with it, for the run's verdict.
 *
 * <p>Only what was said is claimed. A cell that is worse or better than nobody said is in the table
 * like any other.
 */
public final class Claims {
  /**
   * A claim.
   *
   * @param contract the sequence
   * @param importers kinds that it is about; of them, those that the matrix has
   * @param treatment what the importer does
   * @param expected what the cells must say
   * @param because what was said, in our words
   */
  public record Claim(
      Contract contract,
      Set<String> importers,
      Treatment treatment,
      CellVerdict expected,
      String because) {
    /** Whether it is about that cell. */
    public boolean concerns(CellKey key) {
      return key.contract() == contract
          && key.treatment().equals(treatment)
          && importers.contains(key.importer());
    }
  }

  /** Whose engine goes on behind fences when the callback has returned. */
  private static final Set<String> PIPELINED = Set.of("gpu-dynamic");

  /** Whom a BAR is exported to, and who map it: an unmap can be counted. */
  private static final Set<String> MAPPING =
      Set.of("gpu-dynamic", "rdma-odp", "rdma-pinned-revocable");

  private static final Set<String> ON_A_BAR =
      Set.of("gpu-dynamic", "rdma-odp", "rdma-pinned-revocable", "iommufd");

  private Claims() {}

  /** All of them. */
  public static List<Claim> all() {
    List<Claim> claims = new ArrayList<>();
    Treatment honest = new Treatment(Behaviour.HONEST, false);
    Treatment lying = new Treatment(Behaviour.LYING, false);
    Treatment neverUnmaps = new Treatment(Behaviour.NEVER_UNMAPS, false);
    Treatment silent = new Treatment(Behaviour.SILENT, false);
    Treatment slow = new Treatment(Behaviour.SLOW, false);
    claims.add(
        unsafe(
            Contract.V2,
            PIPELINED,
            honest,
            "v2 returns while the importer's hardware may still be writing"));
    claims.add(
        unsafe(
            Contract.V3,
            PIPELINED,
            honest,
            "waiting for KERNEL fences misses the BOOKKEEP ones of page tables and TLB flushes"));
    claims.add(
        unsafe(
            Contract.V4,
            PIPELINED,
            honest,
            "speculative reads go on after the fences: addresses must not be reused yet"));
    claims.add(
        unsafe(
            Contract.V5,
            ON_A_BAR,
            slow,
            "after one second memory is reused under a slow importer"));
    claims.add(
        unsafe(Contract.V5, ON_A_BAR, lying, "memory is reused under an importer that lies"));
    claims.add(
        unsafe(
            Contract.V5,
            ON_A_BAR,
            neverUnmaps,
            "after one second memory is reused under who has not unmapped"));
    for (Contract contract : List.of(Contract.V2, Contract.V3, Contract.V4, Contract.V7)) {
      claims.add(
          unsafe(contract, ON_A_BAR, lying, "a fence that signals before the hardware stopped"));
    }
    for (Contract contract : List.of(Contract.V4, Contract.V5, Contract.V7)) {
      claims.add(hangs(contract, ON_A_BAR, silent, "the wait for fences has no bound"));
    }
    claims.add(
        hangs(
            Contract.V7, MAPPING, Treatment.KILLED, "a dead importer hangs the exporter for ever"));
    claims.add(hangs(Contract.V7, MAPPING, neverUnmaps, "the wait for every unmap has no bound"));
    claims.add(
        unsafe(
            Contract.V7,
            Set.of("iommufd"),
            neverUnmaps,
            "it holds addresses without calling map, so a count of unmaps misses it"));
    claims.add(
        unsafe(
            Contract.V7,
            ON_A_BAR,
            new Treatment(Behaviour.SKIPS_IOTLB_FLUSH, false),
            "an IOTLB flush that is skipped after the unmap"));
    return List.copyOf(claims);
  }

  private static Claim unsafe(
      Contract contract, Set<String> importers, Treatment treatment, String because) {
    return new Claim(contract, importers, treatment, CellVerdict.UNSAFE, because);
  }

  private static Claim hangs(
      Contract contract, Set<String> importers, Treatment treatment, String because) {
    return new Claim(contract, importers, treatment, CellVerdict.HANGS, because);
  }
}
