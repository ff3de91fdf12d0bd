package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * When the faults are over every importer device that survived them does DMA again within ten
 * seconds: every one that keeps the contract and ever attached, whose node lives, and whose
 * exporter has a live buffer. What was refused for good does not count as attached, and whose
 * driver stays away after a revoke says so. Said of runs only in which a fault ended; of one that
 * was broken off nothing is.
 */
final class LiveAgain implements Watch {
  private static final long LIMIT_NANOS = 10_000_000_000L;

  private final Map<Integer, String> exporters = new HashMap<>();
  private final Set<Integer> live = new HashSet<>();

  /** Of each device its attachments, and the buffer of each. */
  private final Map<String, Map<Integer, Integer>> attachments = new LinkedHashMap<>();

  private final Map<String, List<HistoryLine>> recovered = new HashMap<>();
  private final Set<Integer> refused = new HashSet<>();

  @Override
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.Exported e -> {
        exporters.put(e.buffer(), e.device());
        live.add(e.buffer());
      }
      case HistoryEvent.Restored e -> live.add(e.buffer());
      case HistoryEvent.RevokeCompleted e -> live.remove(e.buffer());
      case HistoryEvent.Reclaimed e -> live.remove(e.buffer());
      case HistoryEvent.Attached e -> {
        Map<Integer, Integer> its = attachments.computeIfAbsent(e.importer(), d -> new HashMap<>());
        e.attachments().forEach(id -> its.put(id, e.buffer()));
      }
      case HistoryEvent.MapRefused e -> refused.addAll(e.attachments());
      case HistoryEvent.Recovered e ->
          recovered.computeIfAbsent(e.device(), d -> new ArrayList<>()).add(line);
      default -> {}
    }
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    Cast cast = run.cast();
    if (!run.facts().orderly() || cast.lastOver().isEmpty()) {
      return;
    }
    HistoryLine over = cast.lastOver().get();
    long calm = cast.calmSince().orElse(over.nanos());
    Set<String> alive = new HashSet<>();
    live.stream().filter(b -> !cast.orphan(b, Long.MAX_VALUE)).forEach(b -> alive.add(exporter(b)));
    attachments.forEach((device, its) -> {
      if (possible(its, alive, cast)
          && survives(device, run)
          && !run.facts().misbehaving().contains(device)) {
        judge(device, calm, over, run, ruling);
      }
    });
  }

  /**
   * Whether a device could have a mapping. What it had of an exporter that died counts as long as
   * it has not attached to that exporter's successor.
   */
  private boolean possible(Map<Integer, Integer> its, Set<String> alive, Cast cast) {
    Set<String> anew = new HashSet<>();
    its.values().stream()
        .filter(b -> !cast.orphan(b, Long.MAX_VALUE))
        .forEach(b -> anew.add(exporter(b)));
    return its.entrySet().stream()
        .filter(a -> !refused.contains(a.getKey()))
        .filter(a ->
            !cast.orphan(a.getValue(), Long.MAX_VALUE) || !anew.contains(exporter(a.getValue())))
        .anyMatch(a -> alive.contains(exporter(a.getValue())));
  }

  private String exporter(int buffer) {
    return exporters.getOrDefault(buffer, Names.UNKNOWN);
  }

  private static boolean survives(String device, Run run) {
    String node = run.facts().nodes().getOrDefault(device, "");
    return run.cast()
        .processOf(node, Long.MAX_VALUE)
        .map(p -> run.cast().death(p).isEmpty())
        .orElse(false);
  }

  private void judge(String device, long calm, HistoryLine over, Run run, Ruling ruling) {
    List<HistoryLine> since =
        recovered.getOrDefault(device, List.of()).stream().filter(l -> l.nanos() >= calm).toList();
    if (since.isEmpty()) {
      if (run.cast().lastNanos() - calm > LIMIT_NANOS) {
        ruling.missed(
            Invariant.LIVE_AGAIN, device + " did no DMA any more when the faults were over", over);
      } else {
        ruling.doubt(
            "the run ended within 10 s after its faults, and not every device did DMA again", over);
      }
    } else if (since.getFirst().nanos() - calm > LIMIT_NANOS) {
      ruling.broke(
          Invariant.LIVE_AGAIN,
          "%s did DMA again %d us after the faults were over; the limit is 10 s"
              .formatted(device, (since.getFirst().nanos() - calm) / 1000),
          since.getFirst());
    }
  }
}
