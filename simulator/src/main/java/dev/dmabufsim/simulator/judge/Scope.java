package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * A part of a run that can be judged by itself: some importers at the buffers of some exporter
 * devices. Many such parts can share a cluster.
 *
 * <p>What happened between the two is in scope. What nodes tell of all their devices together, such
 * as what was left when they stopped, is in no scope; that a node started or died is in each.
 *
 * <p>Memory that one buffer lost is another's later on, so a next owner may find in it what an
 * importer of another scope wrote. Those bytes are put down to their author: they are in his scope
 * and not in that of the memory.
 *
 * @param buffers of the exporter devices
 * @param importers the importer devices
 * @param attachments of these importers to these buffers
 * @param known every attachment of the run
 * @param tenancies next owners' memory that was these buffers' before
 */
public record Scope(
    Set<Integer> buffers,
    Set<String> importers,
    Set<Integer> attachments,
    Set<Integer> known,
    Set<Tenancy> tenancies) {

  /** Memory while it is a next owner's. */
  public record Tenancy(int segment, long generation) {}

  /** Takes copies. */
  public Scope {
    buffers = Set.copyOf(buffers);
    importers = Set.copyOf(importers);
    attachments = Set.copyOf(attachments);
    known = Set.copyOf(known);
    tenancies = Set.copyOf(tenancies);
  }

  /** The scope of these importer devices at the buffers of those exporter devices, in that run. */
  public static Scope of(List<HistoryLine> run, Set<String> exporters, Set<String> importers) {
    Set<Integer> buffers = new HashSet<>();
    Set<Integer> attachments = new HashSet<>();
    Set<Integer> known = new HashSet<>();
    Set<Tenancy> tenancies = new HashSet<>();
    for (HistoryLine line : run) {
      if (line.event() instanceof HistoryEvent.Exported e && exporters.contains(e.device())) {
        buffers.add(e.buffer());
      } else if (line.event() instanceof HistoryEvent.Attached e) {
        known.addAll(e.attachments());
        if (buffers.contains(e.buffer()) && importers.contains(e.importer())) {
          attachments.addAll(e.attachments());
        }
      } else if (line.event() instanceof HistoryEvent.HandedOver e
          && buffers.contains(e.buffer())) {
        tenancies.add(new Tenancy(e.segment(), e.tenantGeneration()));
      }
    }
    return new Scope(buffers, importers, attachments, known, tenancies);
  }

  /** The lines in scope, in order, each with no more than is in scope. */
  public List<HistoryLine> lines(List<HistoryLine> run) {
    return run.stream()
        .flatMap(line ->
            narrow(line.event())
                .map(e -> new HistoryLine(line.n(), line.nanos(), line.clock(), line.node(), e))
                .stream())
        .toList();
  }

  /** What of an event is in scope. */
  public Optional<HistoryEvent> narrow(HistoryEvent event) {
    return switch (event) {
      case HistoryEvent.NodeStarted e -> Optional.of(e);
      case HistoryEvent.ProcessDied e -> Optional.of(e);
      case HistoryEvent.FaultPointReached e -> Optional.of(e);
      case HistoryEvent.FaultStruck e -> Optional.of(e);
      case HistoryEvent.FaultOver e -> Optional.of(e);
      case HistoryEvent.Rebuilt e -> Optional.of(e);

      case HistoryEvent.Exported e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.RevokeRequested e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.RevokeCompleted e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.RevokeUnfinished e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.HandedOver e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.Moved e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.MoveRefused e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.MoveFailed e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.BufferReleased e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.Restored e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.Closed e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.Orphaned e -> when(buffers.contains(e.buffer()), e);
      case HistoryEvent.Reclaimed e -> when(buffers.contains(e.buffer()), e);

      case HistoryEvent.Attached e -> between(e.buffer(), e.importer(), e);
      case HistoryEvent.AttachRefused e -> between(e.buffer(), e.importer(), e);
      case HistoryEvent.Invalidated e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.Fenced e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.Probed e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.Refused e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.Late e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.PhaseBroken e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.CpuAccessed e -> between(e.buffer(), e.device(), e);
      case HistoryEvent.Leaked e -> between(e.buffer(), e.device(), e);

      case HistoryEvent.MapRefused e ->
          some(e.attachments(), ids -> new HistoryEvent.MapRefused(e.buffer(), e.errno(), ids));
      case HistoryEvent.Operated e ->
          some(
              e.attachments(),
              ids -> new HistoryEvent.Operated(e.operation(), e.buffer(), e.epoch(), ids));
      case HistoryEvent.IllegalCall e -> illegal(e);
      case HistoryEvent.Reaped e -> reaped(e);
      case HistoryEvent.Scanned e -> scanned(e);
      case HistoryEvent.DeviceStopped e -> when(importers.contains(e.device()), e);
      case HistoryEvent.ExporterLost e -> when(importers.contains(e.device()), e);
      case HistoryEvent.MappingsLost e -> when(importers.contains(e.device()), e);
      case HistoryEvent.Recovered e -> when(importers.contains(e.device()), e);

      case HistoryEvent.ExporterStopped e -> Optional.empty();
      case HistoryEvent.IommuStopped e -> Optional.empty();
      case HistoryEvent.Dropped e -> Optional.empty();
    };
  }

  private static Optional<HistoryEvent> when(boolean concerned, HistoryEvent event) {
    return concerned ? Optional.of(event) : Optional.empty();
  }

  private Optional<HistoryEvent> between(int buffer, String importer, HistoryEvent event) {
    return when(buffers.contains(buffer) && importers.contains(importer), event);
  }

  private Optional<HistoryEvent> some(
      List<Integer> all, Function<List<Integer>, HistoryEvent> event) {
    List<Integer> ids = all.stream().filter(attachments::contains).toList();
    return ids.isEmpty() ? Optional.empty() : Optional.of(event.apply(ids));
  }

  /** A call may be illegal because there is no such attachment: then its buffer tells. */
  private Optional<HistoryEvent> illegal(HistoryEvent.IllegalCall e) {
    List<Integer> ids =
        e.attachments().stream()
            .filter(id ->
                attachments.contains(id) || (!known.contains(id) && buffers.contains(e.buffer())))
            .toList();
    boolean ofTheBuffer = e.attachments().isEmpty() && buffers.contains(e.buffer());
    return when(
        ofTheBuffer || !ids.isEmpty(),
        new HistoryEvent.IllegalCall(e.operation(), e.buffer(), ids));
  }

  private Optional<HistoryEvent> reaped(HistoryEvent.Reaped e) {
    return some(
        e.attachments(),
        ids ->
            new HistoryEvent.Reaped(
                e.buffer(),
                e.process(),
                ids,
                Math.min(ids.size(), e.pinned()),
                Math.min(ids.size(), e.mapped())));
  }

  private boolean ofAnAttachment(HistoryEvent.Foreign author) {
    return author.tag() == Canary.TAG_DEVICE && known.contains(author.author());
  }

  private boolean mine(HistoryEvent.Foreign author) {
    return attachments.contains(author.author());
  }

  private Optional<HistoryEvent> scanned(HistoryEvent.Scanned e) {
    boolean ours = tenancies.contains(new Tenancy(e.segment(), e.tenantGeneration()));
    List<HistoryEvent.Foreign> authors =
        e.authors().stream().filter(a -> ofAnAttachment(a) ? mine(a) : ours).toList();
    if (!ours && authors.isEmpty()) {
      return Optional.empty();
    }
    long foreign =
        e.authors().isEmpty()
            ? e.foreignBytes()
            : authors.stream().mapToLong(HistoryEvent.Foreign::bytes).sum();
    return Optional.of(
        new HistoryEvent.Scanned(
            e.segment(),
            e.tenantGeneration(),
            ours ? e.bytes() : 0,
            foreign,
            foreign == 0 ? -1 : e.firstOffset(),
            authors));
  }
}
