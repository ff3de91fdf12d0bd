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
  private final List<Told<HistoryEvent.DeviceStopped>> devices = new ArrayList<>();
  private final List<Told<HistoryEvent.BufferReleased>> released = new ArrayList<>();
  private final List<Told<HistoryEvent.ExporterStopped>> exporters = new ArrayList<>();
  private final List<Told<HistoryEvent.IommuStopped>> iommus = new ArrayList<>();

  @Override
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.DeviceStopped e -> devices.add(new Told<>(e, line));
      case HistoryEvent.BufferReleased e -> released.add(new Told<>(e, line));
      case HistoryEvent.ExporterStopped e -> exporters.add(new Told<>(e, line));
      case HistoryEvent.IommuStopped e -> iommus.add(new Told<>(e, line));
      default -> {}
    }
  }

  /** How many attachments were never given back by who misbehaves. */
  long kept(Facts facts) {
    return devices.stream()
        .map(Told::event)
        .filter(e -> facts.misbehaving().contains(e.device()))
        .mapToLong(HistoryEvent.DeviceStopped::attachments)
        .sum();
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    Set<String> misbehaving = run.facts().misbehaving();
    for (Told<HistoryEvent.DeviceStopped> d : devices) {
      HistoryEvent.DeviceStopped e = d.event();
      if (e.attachments() + e.pins() + e.mappings() > 0 && !misbehaving.contains(e.device())) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "%s of %s stopped with %d attachments, %d pins, %d mappings"
                .formatted(e.device(), d.line().node(), e.attachments(), e.pins(), e.mappings()),
            d.line());
      }
    }
    for (Told<HistoryEvent.ExporterStopped> x : exporters) {
      HistoryEvent.ExporterStopped e = x.event();
      if (e.attachments() + e.pins() + e.mappings() > 0) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "%s stopped with %d attachments, %d pins, %d mappings"
                .formatted(x.line().node(), e.attachments(), e.pins(), e.mappings()),
            x.line());
      }
    }
    for (Told<HistoryEvent.IommuStopped> m : iommus) {
      if (m.event().slots() > 0) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "%s stopped with %d slots in use".formatted(m.line().node(), m.event().slots()),
            m.line());
      }
    }
    for (Told<HistoryEvent.BufferReleased> r : released) {
      // Of a run that was broken off it says nothing: nobody had the time to detach.
      if (run.facts().orderly() && r.event().attachments() > 0) {
        ruling.broke(
            Invariant.NOTHING_LEFT,
            "buffer %s was released with %d attachments"
                .formatted(run.names().name(r.event().buffer()), r.event().attachments()),
            r.line());
      }
    }
    if (run.facts().openSlots() > 0) {
      ruling.broke(
          Invariant.NOTHING_LEFT, run.facts().openSlots() + " slots still grant access", null);
    }
    run.facts().leftovers().forEach(left -> ruling.broke(Invariant.NOTHING_LEFT, left, null));
  }
}
