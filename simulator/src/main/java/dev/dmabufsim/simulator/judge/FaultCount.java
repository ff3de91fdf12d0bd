package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Counts the faults that struck, and those of them that struck while a revoke was under way. Of one
 * that strikes at a point it matters how things stood when the process was at that point, which is
 * before the launcher heard of it.
 */
final class FaultCount {
  private final Set<Revoke> open = new HashSet<>();
  private final Map<String, Boolean> midRevokeAtPoint = new HashMap<>();
  private final Map<String, Long> struck = new HashMap<>();
  private long midRevoke;
  private boolean mapped;
  private @Nullable HistoryLine tooEarly;

  void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.RevokeRequested e -> open.add(new Revoke(e.buffer(), e.epoch()));
      case HistoryEvent.RevokeCompleted e -> open.remove(new Revoke(e.buffer(), e.epoch()));
      case HistoryEvent.MoveFailed e -> open.remove(new Revoke(e.buffer(), e.epoch()));
      case HistoryEvent.Reclaimed e -> open.remove(new Revoke(e.buffer(), e.epoch()));
      case HistoryEvent.Operated e ->
          mapped |= e.operation() == Operation.MAP || e.operation() == Operation.IOMMUFD_MAP;
      case HistoryEvent.FaultPointReached e -> midRevokeAtPoint.put(line.node(), !open.isEmpty());
      case HistoryEvent.FaultStruck e -> struck(e, line);
      default -> {}
    }
  }

  private void struck(HistoryEvent.FaultStruck e, HistoryLine line) {
    boolean mid = !open.isEmpty();
    for (String node : e.nodes()) {
      Boolean atPoint = midRevokeAtPoint.remove(node);
      mid |= atPoint != null && atPoint;
    }
    struck.merge(e.kind(), 1L, Long::sum);
    midRevoke += mid ? 1 : 0;
    if (!mapped && tooEarly == null) {
      tooEarly = line;
    }
  }

  /**
   * The first fault that struck when no importer had mapped anything, so that nobody can have done
   * DMA before it: such a run says little about it.
   */
  Optional<HistoryLine> beforeAnythingWasMapped() {
    return Optional.ofNullable(tooEarly);
  }

  Findings.Faults counted() {
    return new Findings.Faults(struck, midRevoke);
  }
}
