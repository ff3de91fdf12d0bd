package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import java.util.List;
import java.util.Map;

/**
 * What an exporter node has to do.
 *
 * @param contract the sequence its devices play
 * @param bound the times of a revoke's steps
 * @param devices its devices
 * @param rounds how revokes follow one another
 */
public record ExporterPlan(Contract contract, Bound bound, List<Device> devices, Rounds rounds) {
  /**
   * How long each step of a revoke may take, nanoseconds.
   *
   * @param ask until importers have answered
   * @param block until the IOMMU has blocked and drained
   * @param copy until a move has copied the content, besides what is left of the two before
   * @param retry until something unanswered is asked again
   */
  public record Bound(long ask, long block, long copy, long retry) {}

  /**
   * A device that exports.
   *
   * @param buffers how many dma-bufs
   * @param bytes the size of each
   * @param causes why it revokes, one after another in its rounds; empty if it never does
   * @param firstNanos by how much later than others it begins its rounds, where they are
   *     independent
   * @param unreachable importer devices that it cannot do peer-to-peer with, and the errno for
   *     them: EINVAL is answered by map, as {@code dma_buf_phys_vec_to_sgt()} does, any other by
   *     attach
   */
  public record Device(
      String name,
      ExporterKind kind,
      int buffers,
      long bytes,
      List<RevokeCause> causes,
      long firstNanos,
      Map<String, Errno> unreachable) {
    /** One that begins with the others. */
    public Device(
        String name,
        ExporterKind kind,
        int buffers,
        long bytes,
        List<RevokeCause> causes,
        Map<String, Errno> unreachable) {
      this(name, kind, buffers, bytes, causes, 0, unreachable);
    }
  }

  /**
   * How revokes follow one another. A round: one device revokes all its buffers, leaves the memory
   * to its next owner for a while, and restores them; the devices take turns, or each plays its own
   * rounds.
   *
   * @param count how many rounds; 0 for as long as the node lives
   * @param everyNanos pause between rounds
   * @param holdNanos how long memory stays with its next owner
   * @param settleNanos how long a round waits at most until importers have mapped again
   * @param independent whether each device plays its rounds whatever the others do; if not, they
   *     take turns
   */
  public record Rounds(
      int count, long everyNanos, long holdNanos, long settleNanos, boolean independent) {}
}
