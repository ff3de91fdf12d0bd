package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What the threads of January 2026 and failures in the field said that must go wrong, as claims
 * about cells. The cells do not come from here: they are compared with it, for the run's verdict.
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
    /** Takes a copy. */
    public Claim {
      importers = Set.copyOf(importers);
    }

    /** Whether it is about that cell. */
    public boolean concerns(CellKey key) {
      return key.contract() == contract
          && key.treatment().equals(treatment)
          && importers.contains(key.importer());
    }
  }

  /** Whose engine goes on behind fences when the callback has returned. */
  private static final Set<String> PIPELINED = Set.of("gpu-dynamic", "virtio-gpu", "scanout");

  /** Who reads speculatively, and throws away what it read, until it unmaps. */
  private static final Set<String> SPECULATING = Set.of("gpu-dynamic");

  /** Who holds addresses without a map, so that nobody counts its unmap. */
  private static final Set<String> UNCOUNTED = Set.of("iommufd");

  /** Whose unmap is counted. */
  private static final Set<String> MAPPING =
      Set.of("gpu-dynamic", "rdma-odp", "rdma-pinned-revocable", "virtio-gpu", "scanout");

  /** Who has the callback, and so is let in by exporters that revoke. */
  private static final Set<String> REVOCABLE =
      Set.of(
          "gpu-dynamic", "iommufd", "rdma-odp", "rdma-pinned-revocable", "virtio-gpu", "scanout");

  /** Those that wait for no importer's fence: no importer's is a KERNEL one. */
  private static final List<Contract> NOT_FOR_FENCES = List.of(Contract.V2, Contract.V3);

  /** Those that wait for every fence, and without bound. */
  private static final List<Contract> FOR_FENCES = List.of(Contract.V4, Contract.V5, Contract.V7);

  /** Those that believe importers. */
  private static final List<Contract> BELIEVING =
      List.of(Contract.V2, Contract.V3, Contract.V4, Contract.V5, Contract.V7);

  private final List<Claim> claims = new ArrayList<>();

  private Claims() {}

  /** All of them. */
  public static List<Claim> all() {
    Claims all = new Claims();
    all.whoDoesNotWaitForFences();
    all.whoWaitsForFences();
    all.whoWaitsForUnmaps();
    all.whoBelieves();
    return List.copyOf(all.claims);
  }

  private void whoDoesNotWaitForFences() {
    String v2 = "v2 returns while the importer's hardware may still be writing";
    String v3 = "waiting for KERNEL fences misses the BOOKKEEP ones of page tables and TLB flushes";
    for (Contract contract : NOT_FOR_FENCES) {
      String because = contract == Contract.V2 ? v2 : v3;
      unsafe(contract, PIPELINED, behaves(Behaviour.HONEST), because);
      unsafe(contract, REVOCABLE, behaves(Behaviour.SLOW), because);
      unsafe(contract, REVOCABLE, behaves(Behaviour.SILENT), because);
      unsafe(contract, REVOCABLE, behaves(Behaviour.NEVER_UNMAPS), because);
    }
  }

  private void whoWaitsForFences() {
    for (Contract contract : FOR_FENCES) {
      hangs(contract, REVOCABLE, behaves(Behaviour.SILENT), "the wait for fences has no bound");
      hangs(
          contract,
          REVOCABLE,
          Treatment.KILLED,
          "a dead importer hangs the exporter for ever: its fences never signal");
    }
    String speculative =
        "speculative reads go on after the fences: addresses must not be reused yet";
    unsafe(Contract.V4, SPECULATING, behaves(Behaviour.HONEST), speculative);
    unsafe(Contract.V4, REVOCABLE, behaves(Behaviour.SLOW), speculative);
    unsafe(Contract.V4, REVOCABLE, behaves(Behaviour.NEVER_UNMAPS), speculative);
  }

  private void whoWaitsForUnmaps() {
    unsafe(
        Contract.V5,
        REVOCABLE,
        behaves(Behaviour.SLOW),
        "after one second memory is reused under a slow importer");
    unsafe(
        Contract.V5,
        REVOCABLE,
        behaves(Behaviour.NEVER_UNMAPS),
        "after one second memory is reused under who has not unmapped");
    hangs(
        Contract.V7,
        MAPPING,
        behaves(Behaviour.NEVER_UNMAPS),
        "the wait for every unmap has no bound");
    String uncounted = "it holds addresses without calling map, so a count of unmaps misses it";
    unsafe(Contract.V7, UNCOUNTED, behaves(Behaviour.NEVER_UNMAPS), uncounted);
    unsafe(Contract.V7, UNCOUNTED, behaves(Behaviour.SLOW), uncounted);
  }

  private void whoBelieves() {
    for (Contract contract : BELIEVING) {
      unsafe(
          contract,
          REVOCABLE,
          behaves(Behaviour.LYING),
          "a fence that signals before the hardware has stopped");
      unsafe(
          contract,
          REVOCABLE,
          behaves(Behaviour.SKIPS_IOTLB_FLUSH),
          "an IOTLB flush that is skipped after the unmap");
      unsafe(
          contract,
          Set.of("rdma-pinned-revocable"),
          behaves(Behaviour.KEEPS_ADDRESS),
          "a revoked key that is used again before it is deregistered");
    }
  }

  private static Treatment behaves(Behaviour behaviour) {
    return new Treatment(behaviour, false);
  }

  private void unsafe(
      Contract contract, Set<String> importers, Treatment treatment, String because) {
    claims.add(new Claim(contract, importers, treatment, CellVerdict.UNSAFE, because));
  }

  private void hangs(
      Contract contract, Set<String> importers, Treatment treatment, String because) {
    claims.add(new Claim(contract, importers, treatment, CellVerdict.HANGS, because));
  }
}
