package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/**
 * While the IOMMU is dead or frozen revokes end within their bound as ever, and its successor finds
 * open whatever was mapped, and nothing else.
 *
 * <p>The histories do not say when a slot is closed for an unmap, only when the exporter has heard
 * of it. So what is unmapped or detached shortly after the successor came may have been closed
 * already; what a revoke takes that was requested after it came was not, for only a revoke has
 * slots closed that nobody unmaps. What was opened and not yet answered is answered by the
 * successor.
 */
final class IommuDeath implements Watch {
  /** Above the longest time after which an unanswered question is asked again, 1.6 s. */
  private static final long SETTLED_NANOS = 2_000_000_000L;

  private record Took(Revoke revoke, long micros, HistoryLine line) {}

  /**
   * An IOMMU that took another's place.
   *
   * @param missing what was mapped and is not open, and may have been unmapped just then
   * @param certain what was mapped and is not open, and that is all there is to it
   * @param open what is
   */
  private record Successor(
      HistoryLine line,
      Map<Integer, HistoryLine> missing,
      Set<Integer> certain,
      Set<Integer> open) {}

  private final Attachments attachments = new Attachments();
  private final Set<Integer> everOpened = new HashSet<>();
  private final Set<Integer> everRevoked = new HashSet<>();
  private final List<Took> took = new ArrayList<>();
  private final List<Successor> successors = new ArrayList<>();

  @Override
  public void accept(HistoryLine line) {
    if (line.event() instanceof HistoryEvent.RevokeRequested e) {
      revoked(e.buffer());
    }
    attachments.accept(line);
    switch (line.event()) {
      case HistoryEvent.RevokeCompleted e ->
          took.add(new Took(new Revoke(e.buffer(), e.epoch()), e.micros(), line));
      case HistoryEvent.RevokeUnfinished e ->
          took.add(new Took(new Revoke(e.buffer(), e.epoch()), e.micros(), line));
      case HistoryEvent.RevokeRequested e -> everRevoked.add(e.buffer());
      case HistoryEvent.Operated e -> {
        if (Attachments.opensSlot(e.operation())) {
          everOpened.addAll(e.attachments());
        }
      }
      case HistoryEvent.Rebuilt e -> {
        Map<Integer, HistoryLine> missing = new LinkedHashMap<>(attachments.mapped());
        e.open().forEach(missing::remove);
        successors.add(new Successor(line, missing, new HashSet<>(), Set.copyOf(e.open())));
      }
      default -> {}
    }
    // What is not mapped any more shortly afterwards may have been closed already.
    for (Successor s : successors) {
      if (line.nanos() - s.line.nanos() <= SETTLED_NANOS) {
        s.missing.keySet().retainAll(attachments.mapped().keySet());
      }
    }
  }

  private void revoked(int buffer) {
    for (Successor s : successors) {
      for (int id : s.missing.keySet()) {
        Attachments.Held one = attachments.ever().get(id);
        if (one != null && one.buffer() == buffer) {
          s.certain.add(id);
        }
      }
    }
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    List<Cast.Absence> absences = run.cast().iommuAbsences();
    for (Took t : took) {
      long end = t.line.nanos();
      long begin = end - t.micros * 1000;
      long awake = t.micros - run.cast().frozenNanos(t.line.node(), begin, end) / 1000;
      if (awake > run.facts().boundMicros()
          && absences.stream().anyMatch(a -> a.from() <= end && a.to() > begin)) {
        ruling.broke(
            Invariant.IOMMU_DEATH_BLOCKS_NOTHING,
            "the revoke of buffer %s, epoch %d, during which the IOMMU was not there, took %d us;"
                    .formatted(run.names().name(t.revoke.buffer()), t.revoke.epoch(), t.micros)
                + " the bound is %d us".formatted(run.facts().boundMicros()),
            t.line);
      }
    }
    for (Successor s : successors) {
      // What somebody has spoilt is closed, and nobody can tell any more whose it was.
      boolean spoilt = run.cast().struck(s.line.nanos(), Cast.Blow.SLOT);
      Stream.concat(s.missing.keySet().stream(), s.certain.stream())
          .distinct()
          .filter(id -> !spoilt)
          .filter(id -> bothLive(id, s.line.nanos(), run))
          .forEach(id ->
              ruling.broke(
                  Invariant.IOMMU_DEATH_BLOCKS_NOTHING,
                  "the IOMMU's successor does not know of %s, which was mapped"
                      .formatted(run.names().who(id, "an importer")),
                  s.line));
      s.open.stream()
          .sorted()
          .filter(id -> !explained(id, run))
          .forEach(id ->
              ruling.missed(
                  Invariant.IOMMU_DEATH_BLOCKS_NOTHING,
                  "the IOMMU's successor found a slot open for %s, which was never mapped"
                      .formatted(run.names().who(id, "an importer")),
                  s.line));
    }
  }

  private boolean bothLive(int id, long nanos, Run run) {
    Attachments.Held one = attachments.ever().get(id);
    if (one == null || run.cast().orphan(one.buffer(), nanos)) {
      return false;
    }
    String node = run.facts().nodes().getOrDefault(one.importer(), "");
    OptionalLong death =
        run.cast()
            .processOf(node, one.sinceNanos())
            .map(run.cast()::death)
            .orElse(OptionalLong.empty());
    return death.isEmpty() || death.getAsLong() > nanos;
  }

  /** A slot that was opened when the map could not be answered any more is explained, too. */
  private boolean explained(int id, Run run) {
    Attachments.Held one = attachments.ever().get(id);
    if (one == null) {
      return false;
    }
    boolean goneSince = !attachments.held().containsKey(id);
    return everOpened.contains(id)
        || goneSince
        || everRevoked.contains(one.buffer())
        || run.cast().orphan(one.buffer(), Long.MAX_VALUE);
  }
}
