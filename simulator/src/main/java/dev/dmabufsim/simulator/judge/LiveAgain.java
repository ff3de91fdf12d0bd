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
 * seconds: every one that ever attached, whose node lives, and whose exporter has a live buffer.
 * Not one that gave its attachments back before, and never had a mapping: whatever it asked for had
 * been refused for good. Said of runs only in which a fault ended; of one that was broken off
 * nothing is.
 */
final class LiveAgain implements Watch {
  private static final long LIMIT_NANOS = 10_000_000_000L;

  private final Map<Integer, String> exporters = new HashMap<>();
  private final Set<Integer> live = new HashSet<>();
  private final Map<String, Set<String>> attachedTo = new LinkedHashMap<>();
  private final Map<String, List<HistoryLine>> recovered = new HashMap<>();
  private final Map<Integer, String> deviceOf = new HashMap<>();
  private final Map<String, Set<Integer>> held = new HashMap<>();
  private final Map<String, Long> heldUntil = new HashMap<>();
  private final Set<String> everMapped = new HashSet<>();

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
        attachedTo
            .computeIfAbsent(e.importer(), d -> new HashSet<>())
            .add(exporters.getOrDefault(e.buffer(), Names.UNKNOWN));
        e.attachments().forEach(id -> deviceOf.put(id, e.importer()));
        held.computeIfAbsent(e.importer(), d -> new HashSet<>()).addAll(e.attachments());
      }
      case HistoryEvent.Operated e -> operated(e, line);
      case HistoryEvent.Reaped e -> gone(e.attachments(), line);
      case HistoryEvent.Recovered e ->
          recovered.computeIfAbsent(e.device(), d -> new ArrayList<>()).add(line);
      default -> {}
    }
  }

  private void operated(HistoryEvent.Operated e, HistoryLine line) {
    switch (e.operation()) {
      case MAP, IOMMUFD_MAP ->
          e.attachments().forEach(id -> everMapped.add(deviceOf.getOrDefault(id, Names.UNKNOWN)));
      case DETACH -> gone(e.attachments(), line);
      case PIN, UNPIN, UNMAP, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> {}
    }
  }

  private void gone(List<Integer> ids, HistoryLine line) {
    for (int id : ids) {
      String device = deviceOf.getOrDefault(id, Names.UNKNOWN);
      held.getOrDefault(device, new HashSet<>()).remove(id);
      heldUntil.put(device, line.nanos());
    }
  }

  /** Whether it had given up, for good, before it was calm. */
  private boolean refused(String device, long calm) {
    return !everMapped.contains(device)
        && held.getOrDefault(device, Set.of()).isEmpty()
        && heldUntil.getOrDefault(device, Long.MAX_VALUE) <= calm;
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
    live.stream()
        .filter(b -> !cast.orphan(b, Long.MAX_VALUE))
        .forEach(b -> alive.add(exporters.getOrDefault(b, Names.UNKNOWN)));
    attachedTo.forEach((device, exportersOfIt) -> {
      boolean possible = exportersOfIt.stream().anyMatch(alive::contains);
      if (possible && survives(device, run) && !refused(device, calm)) {
        judge(device, calm, over, run, ruling);
      }
    });
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
