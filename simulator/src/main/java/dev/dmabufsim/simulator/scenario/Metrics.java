package dev.dmabufsim.simulator.scenario;

import java.util.List;

/** The numbers of {@code report.json} that a {@link Threshold} may speak of. */
public final class Metrics {
  /** Every legal metric: a dotted path into the report. */
  public static final List<String> ALL =
      List.of(
          "revokes.requested",
          "revokes.completed",
          "revokes.outcomes.acked",
          "revokes.outcomes.blocked",
          "revokes.outcomes.severed",
          "revokes.outcomes.assumed",
          "revokes.moves.completed",
          "revokes.moves.refused",
          "revokes.latencyMicros.p50",
          "revokes.latencyMicros.p90",
          "revokes.latencyMicros.p99",
          "revokes.latencyMicros.max",
          "attachments.peak",
          "attachments.refused",
          "attachments.kept",
          "calls.illegal",
          "calls.ignored",
          "cpu.reads",
          "cpu.writes",
          "cpu.faults",
          "dma.operations",
          "dma.bytes",
          "dma.gibPerSecond",
          "dma.failedAfterRevoke",
          "dma.phaseBroken",
          "dma.late.nirvana",
          "dma.late.iommu-fault",
          "dma.late.aer",
          "dma.late.uaf",
          "canary.bytesScanned",
          "canary.foreignBytes");

  private Metrics() {}
}
