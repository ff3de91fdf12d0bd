package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * What the judge found in the histories.
 *
 * @param violations what did not hold; of many alike the first ones and a count
 * @param unknowns why too little happened to judge, each in words; empty if enough did
 * @param figures what was counted on the way
 * @param firstWrong the earliest event that broke an invariant; if none is broken, the earliest
 *     that left something unknown. Empty if no event of the histories did
 */
public record Findings(
    List<Violation> violations,
    List<String> unknowns,
    Figures figures,
    Optional<HistoryLine> firstWrong) {

  /**
   * Figures for the report.
   *
   * @param revokes how the revokes ended
   * @param attachmentsPeak most attachments held at once
   * @param attachmentsRefused attaches refused for good; a refusal with ENODEV is only for now
   * @param attachmentsKept never given back by importers that misbehave
   * @param enodev accesses after a revoke that failed with ENODEV, as the importers recorded
   * @param canaryBytesScanned bytes that next owners looked through
   * @param canaryForeignBytes bytes among them that they had not written
   * @param late late accesses; every class is there
   * @param dmaFailed mappings that their importer thought live and through which a DMA failed
   * @param phaseBroken accesses that the phase of their mapping forbade
   * @param moves how moves ended
   * @param calls calls and messages that were not carried out
   * @param cpu accesses by CPU
   * @param faults faults that struck
   */
  public record Figures(
      Revokes revokes,
      long attachmentsPeak,
      long attachmentsRefused,
      long attachmentsKept,
      long enodev,
      long canaryBytesScanned,
      long canaryForeignBytes,
      Map<LateAccess, Late> late,
      long dmaFailed,
      long phaseBroken,
      Moves moves,
      Calls calls,
      Cpu cpu,
      Faults faults) {}

  /**
   * How revokes ended.
   *
   * @param requested revokes that began
   * @param completed revokes that completed
   * @param acked completed, and no more than acknowledgements were needed
   * @param blocked completed, and the IOMMU had to block
   * @param severed completed, and the memory had to be taken away
   * @param assumed completed by the sequence's own word, and nothing proved it
   * @param reclaimed memory of dead exporters that was taken back, whether a revoke was under way
   *     or not
   * @param latenciesMicros of the completed ones
   * @param unfinishedMicros how long those had taken that were not complete at the end
   */
  public record Revokes(
      long requested,
      long completed,
      long acked,
      long blocked,
      long severed,
      long assumed,
      long reclaimed,
      List<Long> latenciesMicros,
      List<Long> unfinishedMicros) {}

  /** Late accesses of one class, and the first of them, as far as anybody saw it. */
  public record Late(long count, Optional<Example> first) {}

  /** By what a late access is known. */
  public enum Evidence {
    /** Its importer recorded it. */
    ACCESS,
    /** The next owner of the memory found its bytes. */
    BYTES,
    /** It read what was another's. */
    LEAK;

    /** The name in reports. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * One late access.
   *
   * @param importer the device, or {@code unknown}
   * @param kind of importer, or {@code unknown}
   * @param attachment its id; 0 if it is not known
   * @param exporter the device whose buffer it was meant for, or {@code unknown}
   * @param buffer that buffer's number on its node
   * @param offset where in the buffer; unknown of a leak
   * @param wrote whether it wrote
   * @param atMicros when it was tried, since the first line of the histories; of bytes and of a
   *     leak: when they were found
   * @param afterMicros how long after the revoke of that memory had completed; unknown of bytes and
   *     of a leak
   */
  public record Example(
      String importer,
      String kind,
      int attachment,
      String exporter,
      int buffer,
      OptionalLong offset,
      boolean wrote,
      long atMicros,
      OptionalLong afterMicros,
      Evidence evidence) {}

  /**
   * How moves ended.
   *
   * @param completed moves that copied the content
   * @param refused moves that were not begun, since the buffer was pinned, or not carried out,
   *     since there was no memory and the content could stay
   * @param damaged moves after which the content was another
   */
  public record Moves(long completed, long refused, long damaged) {}

  /**
   * What was asked and not done.
   *
   * @param illegal calls that were not legal in their attachment's state
   * @param ignored messages that were dropped
   */
  public record Calls(long illegal, long ignored) {}

  /**
   * Accesses by CPU.
   *
   * @param reads that succeeded
   * @param faults that ended as SIGBUS does
   */
  public record Cpu(long reads, long writes, long faults) {}

  /**
   * Faults.
   *
   * @param struck how many struck, by kind
   * @param midRevoke how many of them while a revoke was under way
   */
  public record Faults(Map<String, Long> struck, long midRevoke) {
    /** None. */
    public static final Faults NONE = new Faults(Map.of(), 0);

    /** Takes a copy, in order of the kinds' names. */
    public Faults {
      struck = Collections.unmodifiableMap(new TreeMap<>(struck));
    }
  }
}
