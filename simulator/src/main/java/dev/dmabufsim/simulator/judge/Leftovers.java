package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Nothing is left when everybody has stopped: no attachment, pin, mapping, slot, process or file.
 *
 * <p>A device that misbehaves may keep what it has until its process is gone: nobody can make it
 * give that back. Under {@code enforced} its exporters then take it off their lists.
 */
final class Leftovers implements Watch {
  private record Stopped(HistoryEvent.DeviceStopped event, HistoryLine line) {
    boolean left() {
      return event.attachments() + event.pins() + event.mappings() > 0;
    }
  }

  private record Released(HistoryEvent.BufferReleased event, HistoryLine line) {}

  private record Exporter(HistoryEvent.ExporterStopped event, HistoryLine line) {}

  private record Iommu(HistoryEvent.IommuStopped event, HistoryLine line) {}

  private final List<Stopped> devices = new ArrayList<>();
  private final List<Released> released = new ArrayList<>();
  private final List<Exporter> exporters = new ArrayList<>();
  private final List<Iommu> iommus = new ArrayList<>();

  @Override
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.DeviceStopped e -> devices.add(new Stopped(e, line));
      case HistoryEvent.BufferReleased e -> released.add(new Released(e, line));
      case HistoryEvent.ExporterStopped e -> exporters.add(new Exporter(e, line));
      case HistoryEvent.IommuStopped e -> iommus.add(new Iommu(e, line));
      default -> {}
    }
  }

  /** How many attachments were never given back by who misbehaves. */
  long kept(Facts facts) {
    return devices.stream()
        .map(Stopped::event)
        .filter(e -> facts.misbehaving().contains(e.device()))
        .mapToLong(HistoryEvent.DeviceStopped::attachments)
        .sum();
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    Set<String> misbehaving = run.facts().misbehaving();
    for (Stopped d : devices) {
      HistoryEvent.DeviceStopped e = d.event;
      if (d.left() && !misbehaving.contains(e.device())) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "%s of %s stopped with %d attachments, %d pins, %d mappings"
                .formatted(e.device(), d.line.node(), e.attachments(), e.pins(), e.mappings()),
            d.line);
      }
    }
    for (Exporter x : exporters) {
      HistoryEvent.ExporterStopped e = x.event;
      if (e.attachments() + e.pins() + e.mappings() > 0) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "%s stopped with %d attachments, %d pins, %d mappings"
                .formatted(x.line.node(), e.attachments(), e.pins(), e.mappings()),
            x.line);
      }
    }
    for (Iommu m : iommus) {
      if (m.event.slots() > 0) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "%s stopped with %d slots in use".formatted(m.line.node(), m.event.slots()),
            m.line);
      }
    }
    for (Released r : released) {
      // Of a run that was broken off it says nothing: nobody had the time to detach.
      if (run.facts().orderly() && r.event.attachments() > 0) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "buffer %s was released with %d attachments"
                .formatted(run.names().name(r.event.buffer()), r.event.attachments()),
            r.line);
      }
    }
    if (run.facts().openSlots() > 0) {
      ruling.broke(
          Invariant.NOTHING_LEFT, run.facts().openSlots() + " slots still grant access", null);
    }
    run.facts().leftovers().forEach(left -> ruling.broke(Invariant.NOTHING_LEFT, left, null));
  }
}
