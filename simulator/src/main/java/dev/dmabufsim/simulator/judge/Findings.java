package dev.dmabufsim.simulator.judge;

import java.util.List;

/**
 * What the judge found in the histories.
 *
 * @param violations what did not hold; of many alike the first ones and a count
 * @param unknowns why too little happened to judge, each in words; empty if enough did
 * @param figures what was counted on the way
 */
public record Findings(List<Violation> violations, List<String> unknowns, Figures figures) {

  /**
   * Figures for the report.
   *
   * @param revokesRequested revokes that began
   * @param revokesCompleted revokes that completed
   * @param acked completed, and no more than acknowledgements were needed
   * @param blocked completed, and the IOMMU had to block
   * @param severed completed, and the memory had to be taken away
   * @param latenciesMicros of the completed ones
   * @param attachmentsPeak most attachments held at once
   * @param attachmentsRefused attaches refused for good; a refusal with ENODEV is only for now
   * @param enodev accesses after a revoke that failed with ENODEV, as the importers recorded
   * @param canaryBytesScanned bytes that next owners looked through
   * @param canaryForeignBytes bytes among them that they had not written
   */
  public record Figures(
      long revokesRequested,
      long revokesCompleted,
      long acked,
      long blocked,
      long severed,
      List<Long> latenciesMicros,
      long attachmentsPeak,
      long attachmentsRefused,
      long enodev,
      long canaryBytesScanned,
      long canaryForeignBytes) {}
}
