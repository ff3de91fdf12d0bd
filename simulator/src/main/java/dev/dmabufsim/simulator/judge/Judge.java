package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Judges a run from its histories, merged by time, and from what was counted in shared memory.
 *
 * <p>Give it every line in order ({@link #accept}), then ask once ({@link #finish}). Lines of one
 * host are merged by CLOCK_MONOTONIC, which all its processes share, so an event that caused
 * another comes before it.
 */
public final class Judge {
  private static final int MOST_OF_A_KIND = 10;

  private record Epoch(int buffer, long epoch) {}

  private record Memory(int buffer, long generation) {}

  private record FailedProbe(
      String device, Epoch epoch, int attempts, int enodev, long sinceNanos) {}

  private record FailedDma(HistoryEvent.Refused event, long nanos) {}

  private final EnumMap<Invariant, List<String>> broken = new EnumMap<>(Invariant.class);
  private final EnumMap<RevokeOutcome, Long> outcomes = new EnumMap<>(RevokeOutcome.class);
  private final Names names = new Names();
  private final LateAccesses late = new LateAccesses();
  private final Map<Epoch, RevokeCause> requested = new LinkedHashMap<>();
  private final Map<Epoch, Long> completed = new HashMap<>();
  private final Map<Memory, Long> revokedMemory = new HashMap<>();
  private final Map<Integer, Set<Integer>> heldUnmapped = new HashMap<>();
  private final Map<Integer, Map<Integer, HistoryEvent.Attached>> unrevocable = new HashMap<>();
  private final Set<Epoch> moved = new HashSet<>();
  private final Set<Epoch> lost = new HashSet<>();
  private final List<String> leaks = new ArrayList<>();
  private final List<FailedProbe> probes = new ArrayList<>();
  private final List<FailedDma> failures = new ArrayList<>();
  private final List<HistoryEvent.RevokeUnfinished> unfinished = new ArrayList<>();
  private final List<HistoryEvent.RevokeCompleted> ends = new ArrayList<>();
  private final List<HistoryEvent.BufferReleased> released = new ArrayList<>();
  private final List<Long> latencies = new ArrayList<>();
  private long mappedWhenRevoked;
  private long attached;
  private long attachedPeak;
  private long refused;
  private long enodev;
  private long scanned;
  private long foreign;
  private long phaseBroken;
  private long movesRefused;
  private long movesDamaged;
  private long illegalCalls;
  private long ignored;
  private long cpuReads;
  private long cpuFaults;

  /** Takes note of the next event. */
  public void accept(HistoryLine line) {
    names.accept(line);
    switch (line.event()) {
      case HistoryEvent.Attached e -> attached(e);
      case HistoryEvent.AttachRefused e -> {
        if (e.errno() != Errno.ENODEV) {
          refused += e.count();
        }
      }
      case HistoryEvent.MapRefused e -> refused += e.attachments().size();
      case HistoryEvent.Operated e -> operated(e);
      case HistoryEvent.Reaped e -> detached(e.buffer(), e.attachments());
      case HistoryEvent.RevokeRequested e -> requested(e, line.nanos());
      case HistoryEvent.RevokeCompleted e -> completed(e, line.nanos());
      case HistoryEvent.RevokeUnfinished e -> unfinished.add(e);
      case HistoryEvent.HandedOver e -> handedOn(e.buffer(), e.epoch(), "to its next owner", line);
      case HistoryEvent.Restored e -> handedOn(e.buffer(), e.epoch(), "back to importers", line);
      case HistoryEvent.Scanned e -> scanned(e, line.nanos());
      case HistoryEvent.Leaked e -> {
        late.leaked(e, line.nanos());
        leaks.add(
            "a read of "
                + names.who(e.attachment(), e.device())
                + " got "
                + e.words() * Long.BYTES
                + " bytes that were not of generation "
                + e.generation()
                + ", which it had mapped");
      }
      case HistoryEvent.Late e -> late.recorded(e);
      case HistoryEvent.PhaseBroken e -> phaseBroken += e.count();
      case HistoryEvent.Moved e -> moved(e);
      case HistoryEvent.MoveRefused e -> movesRefused++;
      case HistoryEvent.MoveFailed e -> moveFailed(e);
      case HistoryEvent.BufferReleased e -> released.add(e);
      case HistoryEvent.CpuAccessed e -> {
        cpuReads += e.reads();
        cpuFaults += e.faults();
      }
      case HistoryEvent.IllegalCall e -> illegalCalls += Math.max(1, e.attachments().size());
      case HistoryEvent.Dropped e -> ignored++;
      case HistoryEvent.Invalidated e -> {}
      case HistoryEvent.Probed e -> {
        enodev += e.enodev();
        if (e.enodev() < e.attempts()) {
          probes.add(
              new FailedProbe(
                  e.device(),
                  new Epoch(e.buffer(), e.epoch()),
                  e.attempts(),
                  e.enodev(),
                  e.sinceNanos()));
        }
      }
      case HistoryEvent.Refused e -> failures.add(new FailedDma(e, line.nanos()));
      case HistoryEvent.ExporterStopped e -> {
        if (e.attachments() + e.pins() + e.mappings() > 0) {
          broke(
              Invariant.NOTHING_LEFT,
              "%s stopped with %d attachments, %d pins, %d mappings"
                  .formatted(line.node(), e.attachments(), e.pins(), e.mappings()));
        }
      }
      case HistoryEvent.DeviceStopped e -> {
        if (e.attachments() + e.pins() + e.mappings() > 0) {
          broke(
              Invariant.NOTHING_LEFT,
              "%s of %s stopped with %d attachments, %d pins, %d mappings"
                  .formatted(e.device(), line.node(), e.attachments(), e.pins(), e.mappings()));
        }
      }
      case HistoryEvent.IommuStopped e -> {
        if (e.slots() > 0) {
          broke(
              Invariant.NOTHING_LEFT,
              "%s stopped with %d slots in use".formatted(line.node(), e.slots()));
        }
      }
      case HistoryEvent.Exported e -> {}
      case HistoryEvent.NodeStarted e -> {}
      case HistoryEvent.Fenced e -> {}
      case HistoryEvent.Closed e -> {}
      case HistoryEvent.ProcessDied e -> {}
      case HistoryEvent.FaultPointReached e -> {}
      case HistoryEvent.FaultStruck e -> {}
      case HistoryEvent.FaultOver e -> {}
      case HistoryEvent.Orphaned e -> {}
      case HistoryEvent.Reclaimed e -> {}
      case HistoryEvent.Rebuilt e -> {}
      case HistoryEvent.ExporterLost e -> {}
      case HistoryEvent.MappingsLost e -> {}
      case HistoryEvent.Recovered e -> {}
    }
  }

  private void attached(HistoryEvent.Attached e) {
    attached += e.attachments().size();
    attachedPeak = Math.max(attachedPeak, attached);
    if (e.revocable()) {
      return;
    }
    HistoryEvent.Exported buffer = names.exported(e.buffer());
    List<RevokeCause> causes = buffer == null ? List.of(RevokeCause.RESET) : buffer.kind().causes();
    if (causes.isEmpty() || causes.stream().anyMatch(c -> !forced(c))) {
      // It may never be revoked, or only moved, and who cannot be told pins what must not move.
      unrevocable
          .computeIfAbsent(e.buffer(), b -> new LinkedHashMap<>())
          .putAll(e.attachments().stream().collect(Collectors.toMap(id -> id, id -> e)));
    } else {
      holdsUnrevocable(e, e.attachments().get(0), "whose exporter revokes");
    }
  }

  private static boolean forced(RevokeCause cause) {
    return cause.after() != RevokeCause.After.MOVED;
  }

  private void holdsUnrevocable(HistoryEvent.Attached e, int attachment, String why) {
    broke(
        Invariant.ONLY_REVOCABLE_ATTACHED,
        "%s (%s) holds attachment %d on buffer %s, %s"
            .formatted(e.importer(), e.kind(), attachment, names.name(e.buffer()), why));
  }

  private void operated(HistoryEvent.Operated e) {
    switch (e.operation()) {
      case DETACH -> detached(e.buffer(), e.attachments());
      case IOMMUFD_MAP -> held(e.buffer()).addAll(e.attachments());
      case UNMAP -> held(e.buffer()).removeAll(e.attachments());
      case PIN, UNPIN, MAP, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, MUNMAP, VMAP, VUNMAP -> {}
    }
  }

  private void detached(int buffer, List<Integer> attachments) {
    attached -= attachments.size();
    held(buffer).removeAll(attachments);
    attachments.forEach(id -> unrevocable.getOrDefault(buffer, new HashMap<>()).remove(id));
  }

  /** Attachments that have a buffer's addresses and are not mapped. */
  private Set<Integer> held(int buffer) {
    return heldUnmapped.computeIfAbsent(buffer, b -> new HashSet<>());
  }

  private void requested(HistoryEvent.RevokeRequested e, long nanos) {
    requested.put(new Epoch(e.buffer(), e.epoch()), e.cause());
    revokedMemory.put(new Memory(e.buffer(), e.generation()), nanos);
    mappedWhenRevoked += e.mapped() + held(e.buffer()).size();
    if (forced(e.cause())) {
      unrevocable
          .getOrDefault(e.buffer(), new HashMap<>())
          .forEach((id, by) -> holdsUnrevocable(by, id, "which is revoked: " + e.cause().label()));
    }
  }

  private void moved(HistoryEvent.Moved e) {
    moved.add(new Epoch(e.buffer(), e.epoch()));
    if (e.before() != e.after()) {
      movesDamaged++;
      broke(
          Invariant.HANDED_ON_AFTER_COMPLETION,
          "buffer %s: its content was another after the move of epoch %d, from segment %d to %d:"
                  .formatted(names.name(e.buffer()), e.epoch(), e.fromSegment(), e.toSegment())
              + " checksum %x, before %x".formatted(e.after(), e.before()));
    }
  }

  private void moveFailed(HistoryEvent.MoveFailed e) {
    Epoch epoch = new Epoch(e.buffer(), e.epoch());
    if (!e.lost()) {
      // It stays where it was, and nothing was revoked in the end.
      requested.remove(epoch);
      movesRefused++;
      return;
    }
    lost.add(epoch);
    broke(
        Invariant.HANDED_ON_AFTER_COMPLETION,
        "buffer %s: the move of epoch %d lost its content: %s"
            .formatted(names.name(e.buffer()), e.epoch(), e.why()));
  }

  private void completed(HistoryEvent.RevokeCompleted e, long nanos) {
    completed.put(new Epoch(e.buffer(), e.epoch()), nanos);
    ends.add(e);
    latencies.add(e.micros());
    outcomes.merge(e.outcome(), 1L, Long::sum);
  }

  private void handedOn(int buffer, long epoch, String to, HistoryLine line) {
    Long at = completed.get(new Epoch(buffer, epoch));
    if (at == null || line.nanos() - at < 0) {
      broke(
          Invariant.HANDED_ON_AFTER_COMPLETION,
          "buffer %s: memory went %s before the revoke of epoch %d had completed"
              .formatted(names.name(buffer), to, epoch));
    }
  }

  private void scanned(HistoryEvent.Scanned e, long nanos) {
    scanned += e.bytes();
    foreign += e.foreignBytes();
    if (e.foreignBytes() > 0) {
      late.found(e, names.before(e), nanos);
    }
    if (e.foreignBytes() > 0 && e.authors().isEmpty()) {
      broke(
          Invariant.NO_LATE_DMA,
          "%d bytes of no author found in segment %d, generation %d"
              .formatted(e.foreignBytes(), e.segment(), e.tenantGeneration()));
    }
    for (HistoryEvent.Foreign author : e.authors()) {
      broke(
          Invariant.NO_LATE_DMA,
          "%d bytes written by %s, for generation %d, found in segment %d after it had become its"
                  .formatted(author.bytes(), author(author), author.generation(), e.segment())
              + " next owner's as generation "
              + e.tenantGeneration()
              + "; the first at offset "
              + e.firstOffset());
    }
  }

  private String author(HistoryEvent.Foreign f) {
    return switch (f.tag()) {
      case Canary.TAG_DEVICE -> names.who(f.author(), "an importer");
      case Canary.TAG_EXPORTER -> "the exporter of buffer " + names.name(f.author());
      default -> "nobody of this program (tag " + f.tag() + ")";
    };
  }

  private void broke(Invariant invariant, String detail) {
    broken.computeIfAbsent(invariant, i -> new ArrayList<>()).add(detail);
  }

  /** Judges. To be called once, after the last line. */
  public Findings finish(Facts facts) {
    judgeBounds(facts);
    judgeFailures();
    judgeMoves();
    late.violations(names, facts.honestImporters())
        .forEach(told -> broke(Invariant.NO_LATE_DMA, told));
    // After what was found written: a late write does harm, a late read only learns.
    leaks.forEach(leak -> broke(Invariant.NO_LATE_DMA, leak));
    long leakedWords = facts.dma().map(DmaCounters::leakedWords).orElse(0L);
    if (leakedWords > 0 && !broken.containsKey(Invariant.NO_LATE_DMA)) {
      broke(
          Invariant.NO_LATE_DMA,
          leakedWords * Long.BYTES + " bytes read that belonged to another owner");
    }
    judgeLeftovers(facts);
    return new Findings(violations(), unknowns(facts), figures(leakedWords > 0));
  }

  private void judgeMoves() {
    requested.forEach((epoch, cause) -> {
      if (cause.after() == RevokeCause.After.MOVED
          && completed.containsKey(epoch)
          && !moved.contains(epoch)
          && !lost.contains(epoch)) {
        broke(
            Invariant.HANDED_ON_AFTER_COMPLETION,
            "buffer %s: the move of epoch %d completed and had not copied the content"
                .formatted(names.name(epoch.buffer), epoch.epoch));
      }
    });
  }

  private void judgeLeftovers(Facts facts) {
    for (HistoryEvent.BufferReleased e : released) {
      // Of a run that was broken off it says nothing: nobody had the time to detach.
      if (facts.orderly() && e.attachments() > 0) {
        broke(
            Invariant.NOTHING_LEFT,
            "buffer %s was released with %d attachments"
                .formatted(names.name(e.buffer()), e.attachments()));
      }
    }
    if (facts.openSlots() > 0) {
      broke(Invariant.NOTHING_LEFT, facts.openSlots() + " slots still grant access");
    }
    facts.leftovers().forEach(left -> broke(Invariant.NOTHING_LEFT, left));
  }

  private void judgeBounds(Facts facts) {
    for (HistoryEvent.RevokeCompleted e : ends) {
      if (e.micros() > facts.boundMicros()) {
        broke(
            Invariant.BOUNDED,
            "the revoke of buffer %s, epoch %d, took %d us; the bound is %d us"
                .formatted(names.name(e.buffer()), e.epoch(), e.micros(), facts.boundMicros()));
      }
    }
    for (HistoryEvent.RevokeUnfinished e : unfinished) {
      if (e.micros() > facts.boundMicros()) {
        broke(
            Invariant.BOUNDED,
            "the revoke of buffer %s, epoch %d, hangs: %d us and not complete, the bound is %d us;"
                    .formatted(names.name(e.buffer()), e.epoch(), e.micros(), facts.boundMicros())
                + " it waits for %d fences and %d unmaps"
                    .formatted(e.fences().size(), e.unmaps().size())
                + first(e));
      }
    }
  }

  private String first(HistoryEvent.RevokeUnfinished e) {
    List<Integer> owing = e.fences().isEmpty() ? e.unmaps() : e.fences();
    return owing.isEmpty() ? "" : ", the first of " + names.who(owing.get(0), "an importer");
  }

  private void judgeFailures() {
    for (FailedProbe probe : probes) {
      Long at = completed.get(probe.epoch);
      if (at != null && probe.sinceNanos - at >= 0) {
        broke(
            Invariant.FAILS_ONLY_AFTER_REVOKE,
            "%s: of %d accesses to buffer %s after its revoke of epoch %d, only %d failed"
                .formatted(
                    probe.device,
                    probe.attempts,
                    names.name(probe.epoch.buffer),
                    probe.epoch.epoch,
                    probe.enodev));
      }
    }
    for (FailedDma failure : failures) {
      HistoryEvent.Refused e = failure.event;
      Long at = revokedMemory.get(new Memory(e.buffer(), e.generation()));
      if (at == null || failure.nanos - at < 0) {
        broke(
            Invariant.FAILS_ONLY_AFTER_REVOKE,
            "DMA of %s failed (%s) although no revoke of its memory had been asked for"
                .formatted(names.who(e.attachment(), e.device()), e.how()));
      }
    }
  }

  private List<Violation> violations() {
    List<Violation> violations = new ArrayList<>();
    broken.forEach((invariant, details) -> {
      details.stream()
          .limit(MOST_OF_A_KIND)
          .forEach(d -> violations.add(new Violation(invariant, d)));
      if (details.size() > MOST_OF_A_KIND) {
        violations.add(
            new Violation(
                invariant, "and " + (details.size() - MOST_OF_A_KIND) + " more like these"));
      }
    });
    return violations;
  }

  private List<String> unknowns(Facts facts) {
    List<String> unknowns = new ArrayList<>(facts.troubles());
    unknowns.addAll(facts.unplayed());
    if (requested.isEmpty()) {
      unknowns.add("nothing was revoked");
    } else if (mappedWhenRevoked == 0) {
      unknowns.add("nothing was mapped when it was revoked");
    }
    // Of a part nobody counted its DMA; what is mapped when it is revoked is in use.
    if (facts.dma().map(dma -> dma.operations() == 0).orElse(false)) {
      unknowns.add("no DMA was done");
    }
    if (scanned == 0 && (requested.isEmpty() || someNextOwner())) {
      unknowns.add("no next owner looked through his memory");
    }
    long open = (long) requested.size() - completed.size() - unfinished.size();
    if (open > 0) {
      unknowns.add(open + " revokes have no end in the histories");
    }
    for (HistoryEvent.RevokeUnfinished e : unfinished) {
      if (e.micros() <= facts.boundMicros()) {
        unknowns.add("a revoke was cut off before its bound was over");
        break;
      }
    }
    return unknowns;
  }

  /** Memory that decodes nothing any more has none, and what is revoked for good needs none. */
  private boolean someNextOwner() {
    return requested.values().stream()
        .anyMatch(c -> !c.decodesNothing() && c.after() != RevokeCause.After.DEAD);
  }

  private Findings.Figures figures(boolean wordsLeaked) {
    return new Findings.Figures(
        new Findings.Revokes(
            requested.size(),
            completed.size(),
            outcomes.getOrDefault(RevokeOutcome.ACKED, 0L),
            outcomes.getOrDefault(RevokeOutcome.BLOCKED, 0L),
            outcomes.getOrDefault(RevokeOutcome.SEVERED, 0L),
            outcomes.getOrDefault(RevokeOutcome.ASSUMED, 0L),
            List.copyOf(latencies),
            unfinished.stream().map(HistoryEvent.RevokeUnfinished::micros).toList()),
        attachedPeak,
        refused,
        enodev,
        scanned,
        foreign,
        late.counted(names, wordsLeaked),
        failures.size(),
        phaseBroken,
        new Findings.Moves(moved.size(), movesRefused, movesDamaged),
        new Findings.Calls(illegalCalls, ignored),
        new Findings.Cpu(cpuReads, cpuFaults));
  }
}
