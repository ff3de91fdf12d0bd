package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Which attachments there are, as their exporters tell, and which are mapped for DMA. */
final class Attachments {
  /**
   * An attachment.
   *
   * @param sinceNanos when it was made
   */
  record Held(int id, int buffer, String importer, long sinceNanos) {}

  private final Map<Integer, Held> ever = new HashMap<>();
  private final Map<Integer, Held> held = new LinkedHashMap<>();
  private final Set<Integer> answered = new HashSet<>();
  private final Map<Integer, HistoryLine> mapped = new LinkedHashMap<>();

  void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.Attached e ->
          e.attachments()
              .forEach(id -> {
                Held one = new Held(id, e.buffer(), e.importer(), line.nanos());
                ever.put(id, one);
                held.put(id, one);
              });
      case HistoryEvent.Operated e -> operated(e, line);
      case HistoryEvent.Reaped e -> gone(e.attachments());
      case HistoryEvent.RevokeRequested e -> unmapAll(e.buffer());
      case HistoryEvent.Orphaned e -> unmapAll(e.buffer());
      default -> {}
    }
  }

  private void operated(HistoryEvent.Operated e, HistoryLine line) {
    answered.addAll(e.attachments());
    switch (e.operation()) {
      case MAP -> e.attachments().forEach(id -> mapped.put(id, line));
      case UNMAP -> e.attachments().forEach(mapped::remove);
      case DETACH -> gone(e.attachments());
      case PIN,
          UNPIN,
          IOMMUFD_MAP,
          BEGIN_CPU_ACCESS,
          END_CPU_ACCESS,
          MMAP,
          MUNMAP,
          VMAP,
          VUNMAP -> {}
    }
  }

  private void gone(List<Integer> ids) {
    ids.forEach(held::remove);
    ids.forEach(mapped::remove);
  }

  private void unmapAll(int buffer) {
    mapped
        .keySet()
        .removeIf(id -> {
          Held one = ever.get(id);
          return one == null || one.buffer == buffer;
        });
  }

  /** Whether an operation gives its attachment a slot. */
  static boolean opensSlot(Operation operation) {
    return switch (operation) {
      case MAP, IOMMUFD_MAP, MMAP, VMAP -> true;
      case PIN, UNPIN, UNMAP, DETACH, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MUNMAP, VUNMAP -> false;
    };
  }

  /** Every attachment that there ever was. */
  Map<Integer, Held> ever() {
    return ever;
  }

  /** Those that are on their buffer's list. */
  Map<Integer, Held> held() {
    return held;
  }

  /** Whether an importer was ever told of it: an operation on it was carried out. */
  boolean known(int id) {
    return answered.contains(id);
  }

  /** Those that are mapped for DMA and whose buffer is not being revoked, and when they were. */
  Map<Integer, HistoryLine> mapped() {
    return mapped;
  }
}
