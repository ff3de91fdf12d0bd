package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;

/**
 * Events after which a history need not be judged anew. It stands beside the rules: who lets an
 * event break an invariant has to look here.
 */
public final class Harmless {
  private Harmless() {}

  /**
   * Whether an event breaks nothing by being told of: the judge only counts it, or keeps it for
   * what comes later.
   *
   * @param struck whether a fault has struck: then somebody may be dead, or frozen
   */
  public static boolean is(HistoryEvent event, boolean struck) {
    return switch (event) {
      case HistoryEvent.Exported e -> true;
      case HistoryEvent.AttachRefused e -> true;
      case HistoryEvent.MapRefused e -> true;
      case HistoryEvent.IllegalCall e -> true;
      case HistoryEvent.MoveRefused e -> true;
      case HistoryEvent.BufferReleased e -> true;
      case HistoryEvent.Invalidated e -> true;
      case HistoryEvent.Fenced e -> true;
      case HistoryEvent.Closed e -> true;
      case HistoryEvent.Dropped e -> true;
      case HistoryEvent.CpuAccessed e -> true;
      case HistoryEvent.PhaseBroken e -> true;
      case HistoryEvent.FaultPointReached e -> true;
      case HistoryEvent.Scanned e -> e.foreignBytes() == 0;
      case HistoryEvent.Probed e -> e.enodev() >= e.attempts();
      case HistoryEvent.Attached e -> e.revocable() && !struck;
      case HistoryEvent.Operated e -> !struck;
      case HistoryEvent.Reaped e -> !struck;
      case HistoryEvent.NodeStarted e -> !struck;
      case HistoryEvent.ProcessDied e -> !struck;
      case HistoryEvent.MappingsLost e -> !struck;
      case HistoryEvent.Recovered e -> !struck;
      case HistoryEvent.RevokeRequested e -> false;
      case HistoryEvent.RevokeCompleted e -> false;
      case HistoryEvent.RevokeUnfinished e -> false;
      case HistoryEvent.HandedOver e -> false;
      case HistoryEvent.Moved e -> false;
      case HistoryEvent.MoveFailed e -> false;
      case HistoryEvent.Restored e -> false;
      case HistoryEvent.Refused e -> false;
      case HistoryEvent.Late e -> false;
      case HistoryEvent.Leaked e -> false;
      case HistoryEvent.FaultStruck e -> false;
      case HistoryEvent.FaultOver e -> false;
      case HistoryEvent.Orphaned e -> false;
      case HistoryEvent.Reclaimed e -> false;
      case HistoryEvent.Rebuilt e -> false;
      case HistoryEvent.ExporterLost e -> false;
      case HistoryEvent.ExporterStopped e -> false;
      case HistoryEvent.DeviceStopped e -> false;
      case HistoryEvent.IommuStopped e -> false;
    };
  }
}
