package dev.dmabufsim.simulator.judge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * A run, as its histories tell it: one buffer, two attachments to it, one revoke. {@link #sound} is
 * one in which all is well; tests change one event of it. Events are a millisecond apart.
 */
final class Story {
  /** The first buffer of the fabric's process 1. */
  static final int BUFFER = 1 << 16;

  static final String GPU = "0000:17:00.0";

  /** Of the importer {@link #NIC}, on {@link #BUFFER}. */
  static final int FIRST = (1 << 24) + 1;

  static final int SECOND = (1 << 24) + 2;
  static final String NIC = "0000:ca:00.0";
  static final int SEGMENT = 1 << 20;
  static final long GENERATION = 5;
  static final long TENANT_GENERATION = 6;
  static final long EPOCH = 1;
  static final long SCANNED = 1 << 20;
  static final long BOUND_MICROS = 3_500_000;

  private static final long STEP_NANOS = 1_000_000;

  /** When the revoke of a sound run completes: its line is the eighth. */
  static final long COMPLETED_NANOS = 7 * STEP_NANOS;

  private static final DmaCounters SOME_DMA = new DmaCounters(100, 6400, 0, 2, 0, 0);

  private final List<HistoryEvent> events;
  private final Facts facts;

  private Story(List<HistoryEvent> events, Facts facts) {
    this.events = List.copyOf(events);
    this.facts = facts;
  }

  /** A run in which every invariant holds and enough happens. */
  static Story sound() {
    return new Story(
        List.of(
            new HistoryEvent.NodeStarted("exporter-1", "exporter", 4711, 1, 1),
            new HistoryEvent.Exported(
                BUFFER, GPU, ExporterKind.VFIO_PCI, 1 << 20, SEGMENT, GENERATION),
            new HistoryEvent.Attached(BUFFER, NIC, "gpu-dynamic", true, List.of(FIRST, SECOND)),
            requested(),
            new HistoryEvent.Invalidated(NIC, BUFFER, EPOCH, List.of(FIRST, SECOND), 2),
            new HistoryEvent.Fenced(NIC, BUFFER, EPOCH, List.of(FIRST, SECOND)),
            new HistoryEvent.Closed(BUFFER, EPOCH, 2, List.of(), List.of(), 12),
            completed(RevokeOutcome.ACKED, 4000),
            handedOver(),
            probed(COMPLETED_NANOS + 1, 2),
            scanned(0),
            restored(),
            new HistoryEvent.Operated(Operation.DETACH, BUFFER, EPOCH, List.of(FIRST, SECOND)),
            new HistoryEvent.DeviceStopped(NIC, 0, 0, 0),
            new HistoryEvent.ExporterStopped(0, 0, 0),
            new HistoryEvent.IommuStopped(0)),
        new Facts(BOUND_MICROS, Optional.of(SOME_DMA), 0, List.of(), List.of(), Set.of(NIC), true));
  }

  static HistoryEvent requested() {
    return requested(RevokeCause.RESET, 2);
  }

  static HistoryEvent requested(RevokeCause cause, int mapped) {
    return new HistoryEvent.RevokeRequested(BUFFER, EPOCH, cause, SEGMENT, GENERATION, 2, mapped);
  }

  /** So many accesses of {@link #FIRST}, the first of them at that time. */
  static HistoryEvent late(LateAccess what, boolean write, long sinceNanos, long count) {
    return new HistoryEvent.Late(
        NIC, FIRST, BUFFER, GENERATION, what, write, 8192, sinceNanos, count);
  }

  static HistoryEvent moved(long before, long after) {
    return new HistoryEvent.Moved(
        BUFFER, EPOCH, true, SEGMENT, SEGMENT + 1, 1 << 20, before, after);
  }

  static HistoryEvent completed(RevokeOutcome outcome, long micros) {
    return new HistoryEvent.RevokeCompleted(
        BUFFER, EPOCH, SEGMENT, GENERATION, outcome, micros, List.of());
  }

  /** Two accesses, the first of them tried at that time. */
  static HistoryEvent probed(long sinceNanos, int enodev) {
    return new HistoryEvent.Probed(NIC, BUFFER, EPOCH, sinceNanos, 2, enodev);
  }

  static HistoryEvent handedOver() {
    return new HistoryEvent.HandedOver(SEGMENT, BUFFER, EPOCH, GENERATION, TENANT_GENERATION);
  }

  static HistoryEvent restored() {
    return new HistoryEvent.Restored(BUFFER, EPOCH, SEGMENT, TENANT_GENERATION + 1);
  }

  /** The next owner looked, and found so many bytes, of these authors. */
  static HistoryEvent scanned(long foreignBytes, HistoryEvent.Foreign... authors) {
    return new HistoryEvent.Scanned(
        SEGMENT,
        TENANT_GENERATION,
        SCANNED,
        foreignBytes,
        foreignBytes == 0 ? -1 : 4096,
        List.of(authors));
  }

  static HistoryEvent unfinished(long micros) {
    return new HistoryEvent.RevokeUnfinished(
        BUFFER, EPOCH, micros, List.of(SECOND), List.of(FIRST, SECOND));
  }

  static HistoryEvent refused(Errno errno, int count) {
    return new HistoryEvent.AttachRefused(BUFFER, "0000:e3:00.0", "rdma-pinned", errno, count);
  }

  /** The same, but nothing of that kind happened. */
  Story without(Class<? extends HistoryEvent> kind) {
    List<HistoryEvent> rest = new ArrayList<>(events);
    rest.remove(at(kind));
    return new Story(rest, facts);
  }

  /** The same, with that event in place of the one of its kind. */
  Story instead(HistoryEvent event) {
    List<HistoryEvent> changed = new ArrayList<>(events);
    changed.set(at(event.getClass()), event);
    return new Story(changed, facts);
  }

  /** The same, and that event right after the one of that kind. */
  Story after(Class<? extends HistoryEvent> kind, HistoryEvent event) {
    List<HistoryEvent> more = new ArrayList<>(events);
    more.add(at(kind) + 1, event);
    return new Story(more, facts);
  }

  /** The same, and that event right before the one of that kind. */
  Story before(Class<? extends HistoryEvent> kind, HistoryEvent event) {
    List<HistoryEvent> more = new ArrayList<>(events);
    more.add(at(kind), event);
    return new Story(more, facts);
  }

  /** The same, with other facts beside it. */
  Story with(UnaryOperator<Facts> change) {
    return new Story(events, change.apply(facts));
  }

  Story withDma(DmaCounters dma) {
    return with(f ->
        new Facts(
            f.boundMicros(),
            Optional.of(dma),
            f.openSlots(),
            f.leftovers(),
            f.troubles(),
            f.honestImporters(),
            f.orderly()));
  }

  /** The same, but {@link #NIC} does not keep the contract. */
  Story ofACheat() {
    return with(f ->
        new Facts(
            f.boundMicros(),
            f.dma(),
            f.openSlots(),
            f.leftovers(),
            f.troubles(),
            Set.of(),
            f.orderly()));
  }

  /** The same, but it was broken off. */
  Story brokenOff() {
    return with(f ->
        new Facts(
            f.boundMicros(),
            f.dma(),
            f.openSlots(),
            f.leftovers(),
            f.troubles(),
            f.honestImporters(),
            false));
  }

  /** The same, with that left at the end. */
  Story leaving(int openSlots, List<String> leftovers, List<String> troubles) {
    return with(f ->
        new Facts(
            f.boundMicros(),
            f.dma(),
            openSlots,
            leftovers,
            troubles,
            f.honestImporters(),
            f.orderly()));
  }

  private int at(Class<? extends HistoryEvent> kind) {
    for (int i = 0; i < events.size(); i++) {
      if (kind.isInstance(events.get(i))) {
        return i;
      }
    }
    throw new IllegalArgumentException("nothing of that kind happens: " + kind);
  }

  Findings judged() {
    Judge judge = new Judge();
    Judge brief = new Judge();
    lines().forEach(judge::accept);
    lines().forEach(brief::accept);
    Findings findings = judge.finish(facts);
    assertThat(brief.soFar(facts)).containsAll(findings.violations());
    return findings;
  }

  Facts facts() {
    return facts;
  }

  List<HistoryLine> lines() {
    List<HistoryLine> lines = new ArrayList<>();
    for (int i = 0; i < events.size(); i++) {
      HistoryEvent event = events.get(i);
      lines.add(HistoryLine.at(i + 1, i * STEP_NANOS, node(event), event));
    }
    return lines;
  }

  private static String node(HistoryEvent event) {
    return event instanceof HistoryEvent.IommuStopped
        ? "iommu-1"
        : event instanceof HistoryEvent.DeviceStopped ? "importer-1" : "exporter-1";
  }
}
