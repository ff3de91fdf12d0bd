package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/**
 * A dead exporter leaves no memory that importers can still reach: what was live is reclaimed, if
 * somebody was there to do so and had the time of a revoke for it.
 */
final class OrphansTakenBack implements Watch {
  private final Map<Integer, HistoryLine> live = new LinkedHashMap<>();

  @Override
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.Exported e -> live.put(e.buffer(), line);
      case HistoryEvent.Restored e -> live.put(e.buffer(), line);
      case HistoryEvent.RevokeRequested e -> live.remove(e.buffer());
      case HistoryEvent.MoveFailed e -> {
        if (!e.lost()) {
          live.put(e.buffer(), line);
        }
      }
      case HistoryEvent.BufferReleased e -> live.remove(e.buffer());
      case HistoryEvent.Orphaned e -> live.remove(e.buffer());
      case HistoryEvent.Reclaimed e -> live.remove(e.buffer());
      default -> {}
    }
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    if (!run.facts().orderly()) {
      return;
    }
    live.forEach((buffer, line) -> {
      Cast.Player exporter = run.cast().exporterOf(buffer);
      OptionalLong death = exporter == null ? OptionalLong.empty() : run.cast().death(exporter);
      if (exporter == null || death.isEmpty()) {
        return;
      }
      boolean iommuThere =
          run.cast().iommuAbsences().stream().noneMatch(a -> a.to() > death.getAsLong());
      boolean time = run.cast().lastNanos() - death.getAsLong() > run.boundNanos();
      if (iommuThere && time) {
        ruling.missed(
            Invariant.NOTHING_LEFT,
            "buffer %s was live when its exporter died, and its memory was never taken back"
                .formatted(run.names().name(buffer)),
            run.cast().deathLine(exporter));
      }
    });
  }
}
