package dev.dmabufsim.simulator.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code report.json}. Its schema is {@code report.schema.json} beside the scenarios; field names
 * are the components' names here.
 *
 * @param scenario the scenario's name
 * @param contract the sequence that was played
 * @param seed from which sizes and offsets came
 * @param verdict pass, fail or unknown
 * @param reasons why it is unknown, or what else is to be known of a failure; empty if it passed
 * @param startedAt ISO 8601, the launcher's wall clock
 * @param seconds from start to verdict
 * @param nodes every JVM of the run
 * @param violations what was broken
 * @param thresholds what the scenario demands
 * @param revokes figures of the revokes
 * @param attachments figures of the attachments
 * @param dma figures of the DMA
 * @param canary what next owners found
 */
public record Report(
    String scenario,
    String contract,
    long seed,
    String verdict,
    List<String> reasons,
    String startedAt,
    double seconds,
    List<Node> nodes,
    List<Broken> violations,
    List<ThresholdResult> thresholds,
    Revokes revokes,
    Attachments attachments,
    Dma dma,
    Canary canary) {

  /**
   * A node.
   *
   * @param pid its process, 0 if it never started
   * @param exit its exit status, 128 + signal if it was killed, null if unknown
   */
  public record Node(String name, String role, long pid, @Nullable Integer exit) {}

  /** A violation, with the invariant's number and title. */
  public record Broken(int number, String invariant, String detail) {}

  /** A threshold with the value that it was compared with. */
  public record ThresholdResult(String threshold, double actual, boolean held) {}

  /** Revokes: one for each buffer and epoch. */
  public record Revokes(
      long requested,
      long completed,
      Outcomes outcomes,
      Percentiles latencyMicros,
      long boundMicros) {}

  /** Completed revokes by what they needed. */
  public record Outcomes(long acked, long blocked, long severed) {}

  /** Measured times; all zero if nothing was measured. */
  public record Percentiles(long p50, long p90, long p99, long max) {}

  /** Attachments: most at once, and refused ones. */
  public record Attachments(long peak, long refused) {}

  /**
   * DMA as the devices counted it.
   *
   * @param gibPerSecond over the time in which importers were doing DMA
   * @param failedAfterRevoke accesses after a revoke that failed with ENODEV, as they must
   * @param iommuFaults accesses that the IOMMU refused
   * @param aborted accesses whose memory was severed under them
   * @param leakedBytes bytes read that belonged to another owner
   */
  public record Dma(
      long operations,
      long bytes,
      double gibPerSecond,
      long failedAfterRevoke,
      long iommuFaults,
      long aborted,
      long leakedBytes) {}

  /** What next owners looked through and found. */
  public record Canary(long bytesScanned, long foreignBytes) {}
}
