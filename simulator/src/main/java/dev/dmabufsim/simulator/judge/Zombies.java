package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What somebody says after he was given up is not acted on: an exporter that has reaped a process's
 * attachments carries nothing out for them. Two sides of a partition do not both finish a revoke.
 * And when the faults are over and a device has found its way back, it does no DMA any more on what
 * was taken away before that.
 */
final class Zombies implements Watch {
  /** Memory of a buffer. */
  private record Memory(int buffer, long generation) {}

  private record Dma(String device, int attachment, Memory memory, long nanos, HistoryLine line) {}

  private record Acted(int attachment, String what, HistoryLine line) {}

  private record Sides(Revoke revoke, HistoryLine first, HistoryLine second) {}

  private final Map<Integer, HistoryLine> reaped = new HashMap<>();
  private final List<Acted> acted = new ArrayList<>();
  private final Map<Revoke, HistoryLine> finished = new HashMap<>();
  private final List<Sides> sides = new ArrayList<>();
  private final Map<Memory, Long> takenAway = new HashMap<>();
  private final Map<String, Long> recovered = new HashMap<>();
  private final List<Dma> dma = new ArrayList<>();

  @Override
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.Reaped e -> e.attachments().forEach(id -> reaped.put(id, line));
      case HistoryEvent.Attached e -> acts(e.attachments(), "attached", line);
      case HistoryEvent.Operated e -> acts(e.attachments(), e.operation() + " carried out", line);
      case HistoryEvent.RevokeCompleted e -> {
        takenAway.put(new Memory(e.buffer(), e.generation()), line.nanos());
        ends(new Revoke(e.buffer(), e.epoch()), line);
      }
      case HistoryEvent.Reclaimed e -> {
        takenAway.putIfAbsent(new Memory(e.buffer(), e.generation()), line.nanos());
        ends(new Revoke(e.buffer(), e.epoch()), line);
      }
      case HistoryEvent.Recovered e -> recovered.put(e.device(), line.nanos());
      case HistoryEvent.Refused e ->
          dma.add(
              new Dma(
                  e.device(),
                  e.attachment(),
                  new Memory(e.buffer(), e.generation()),
                  line.nanos(),
                  line));
      case HistoryEvent.Late e ->
          dma.add(
              new Dma(
                  e.device(),
                  e.attachment(),
                  new Memory(e.buffer(), e.generation()),
                  e.sinceNanos(),
                  line));
      default -> {}
    }
  }

  private void acts(List<Integer> ids, String what, HistoryLine line) {
    ids.stream()
        .filter(reaped::containsKey)
        .findFirst()
        .ifPresent(id -> acted.add(new Acted(id, what, line)));
  }

  private void ends(Revoke revoke, HistoryLine line) {
    HistoryLine before = finished.putIfAbsent(revoke, line);
    if (before != null && !before.node().equals(line.node())) {
      sides.add(new Sides(revoke, before, line));
    }
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    for (Acted a : acted) {
      ruling.broke(
          Invariant.ZOMBIES_CHANGE_NOTHING,
          "%s: %s after it had been taken off the list of its dead or removed process"
              .formatted(run.names().who(a.attachment, "an importer"), a.what),
          a.line);
    }
    for (Sides s : sides) {
      ruling.broke(
          Invariant.ZOMBIES_CHANGE_NOTHING,
          "the revoke of buffer %s, epoch %d, was finished by two sides, %s and %s"
              .formatted(
                  run.names().name(s.revoke.buffer()),
                  s.revoke.epoch(),
                  s.first.node(),
                  s.second.node()),
          s.second);
    }
    run.cast().lastOver().ifPresent(over -> believers(over, run, ruling));
  }

  private void believers(HistoryLine over, Run run, Ruling ruling) {
    Set<Integer> told = new HashSet<>();
    for (Dma d : dma) {
      Long gone = takenAway.get(d.memory);
      Long back = recovered.get(d.device);
      boolean wentBefore = gone != null && gone < over.nanos();
      boolean backSince = back != null && back >= over.nanos() && back < d.nanos;
      if (run.facts().honestImporters().contains(d.device)
          && wentBefore
          && backSince
          && told.add(d.attachment)) {
        ruling.broke(
            Invariant.ZOMBIES_CHANGE_NOTHING,
            "%s did DMA on a mapping that had been taken away before the faults were over"
                .formatted(run.names().who(d.attachment, d.device)),
            d.line);
      }
    }
  }
}
