package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * An importer that has attachments at an exporter which dies writes down that it knows, within a
 * second in which it could run. Attachments of which it was never told are not its.
 */
final class DeathNoticed implements Watch {
  private static final long LIMIT_NANOS = 1_000_000_000L;

  private record Notice(HistoryEvent.ExporterLost event, HistoryLine line) {}

  private final Attachments attachments = new Attachments();
  private final List<Notice> notices = new ArrayList<>();
  private final Map<String, Long> stopped = new HashMap<>();

  @Override
  public void accept(HistoryLine line) {
    attachments.accept(line);
    switch (line.event()) {
      case HistoryEvent.ExporterLost e -> notices.add(new Notice(e, line));
      case HistoryEvent.DeviceStopped e -> stopped.put(e.device(), line.nanos());
      default -> {}
    }
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    for (Cast.Player exporter : run.cast().processes()) {
      OptionalLong death = run.cast().death(exporter);
      if (exporter.is("exporter") && death.isPresent()) {
        Map<String, Attachments.Held> importers = new LinkedHashMap<>();
        attachments.held().values().stream()
            .filter(a -> run.cast().exporterOf(a.buffer()) == exporter)
            .filter(a -> attachments.known(a.id()))
            .forEach(a -> importers.putIfAbsent(a.importer(), a));
        importers.values().forEach(a -> judge(a, exporter, death.getAsLong(), run, ruling));
      }
    }
  }

  private void judge(
      Attachments.Held one, Cast.Player exporter, long death, Run run, Ruling ruling) {
    String device = one.importer();
    Optional<Cast.Player> process =
        Optional.ofNullable(run.facts().nodes().get(device))
            .flatMap(node -> run.cast().processOf(node, one.sinceNanos()));
    if (process.isEmpty()) {
      return;
    }
    long limit = run.cast().awakeFor(process.get().node(), death, LIMIT_NANOS);
    boolean diedItself = run.cast().death(process.get()).orElse(Long.MAX_VALUE) <= limit;
    boolean left = stopped.getOrDefault(device, Long.MAX_VALUE) <= limit;
    if (diedItself || left || limit > run.cast().lastNanos()) {
      return;
    }
    Optional<HistoryLine> noticed =
        notices.stream()
            .filter(n -> n.event.device().equals(device) && n.event.process() == exporter.index())
            .map(Notice::line)
            .findFirst();
    String who =
        "%s had attachments at %s (process %d), which died, and "
            .formatted(device, exporter.node(), exporter.index());
    if (noticed.isEmpty()) {
      ruling.missed(Invariant.DEATH_NOTICED, who + "never noticed", run.cast().deathLine(exporter));
    } else if (noticed.get().nanos() > limit) {
      ruling.broke(
          Invariant.DEATH_NOTICED,
          who + "noticed after %d us".formatted((noticed.get().nanos() - death) / 1000),
          noticed.get());
    }
  }
}
