package dev.dmabufsim.simulator.report;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code report.json}. Its schema is {@code report.schema.json} beside the scenarios; field names
 * are the components' names here, but for {@code iommu-fault}.
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
 * @param calls calls and messages that were not carried out
 * @param cpu accesses by CPU
 * @param dma figures of the DMA
 * @param canary what next owners found
 * @param faults faults that struck
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
    Calls calls,
    Cpu cpu,
    Dma dma,
    Canary canary,
    Faults faults) {

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
      Moves moves,
      Percentiles latencyMicros,
      long boundMicros) {}

  /**
   * Completed revokes by what they needed; and how often a dead exporter's memory was taken back,
   * whether a revoke was under way or not.
   */
  public record Outcomes(long acked, long blocked, long severed, long assumed, long reclaimed) {}

  /** Moves: completed ones, refused ones, and those after which the content was another. */
  public record Moves(long completed, long refused, long damaged) {}

  /** Measured times; all zero if nothing was measured. */
  public record Percentiles(long p50, long p90, long p99, long max) {}

  /**
   * Attachments: most at once, refused ones, and those that importers which misbehave never gave
   * back.
   */
  public record Attachments(long peak, long refused, long kept) {}

  /** Calls that were not legal, and messages that were dropped. */
  public record Calls(long illegal, long ignored) {}

  /** Accesses by CPU that succeeded, and that ended as SIGBUS does. */
  public record Cpu(long reads, long writes, long faults) {}

  /**
   * DMA as the devices counted it.
   *
   * @param gibPerSecond over the time in which importers were doing DMA
   * @param failedAfterRevoke accesses after a revoke that failed with ENODEV, as they must
   * @param iommuFaults accesses that the IOMMU refused
   * @param aborted accesses whose memory was severed under them
   * @param leakedBytes bytes read that belonged to another owner
   * @param phaseBroken accesses that the phase of their mapping forbade
   * @param late accesses to memory whose revoke had completed
   */
  public record Dma(
      long operations,
      long bytes,
      double gibPerSecond,
      long failedAfterRevoke,
      long iommuFaults,
      long aborted,
      long leakedBytes,
      long phaseBroken,
      Late late) {}

  /** Late accesses by what became of them, mildest first. */
  public record Late(
      LateClass nirvana,
      @JsonProperty("iommu-fault") LateClass iommuFault,
      LateClass aer,
      LateClass uaf) {}

  /** Late accesses of one class; no example if there is none, or none is known. */
  public record LateClass(long count, @Nullable LateExample first) {}

  /**
   * A late access.
   *
   * @param importer the device, or {@code unknown}
   * @param kind of importer, or {@code unknown}
   * @param attachment its id, 0 if it is not known
   * @param exporter the device whose buffer it was meant for, or {@code unknown}
   * @param buffer that buffer's number on its node
   * @param offset where in the buffer, bytes; null if that is not known
   * @param wrote whether it wrote
   * @param atMicros when, since the first event in the histories
   * @param afterMicros how long after that revoke had completed; null if that is not known
   * @param evidence access, bytes or leak
   */
  public record LateExample(
      String importer,
      String kind,
      int attachment,
      String exporter,
      int buffer,
      @Nullable Long offset,
      boolean wrote,
      long atMicros,
      @Nullable Long afterMicros,
      String evidence) {}

  /** What next owners looked through and found. */
  public record Canary(long bytesScanned, long foreignBytes) {}

  /** Faults that struck, and how many of them did while a revoke was under way. */
  public record Faults(List<Struck> struck, long midRevoke) {}

  /** How many faults of a kind struck. */
  public record Struck(String kind, long count) {}
}
