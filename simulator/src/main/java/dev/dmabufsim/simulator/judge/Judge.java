package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.common.message.Operation;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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

  private record Mapper(int buffer, String importer, String kind) {}

  private record FailedProbe(
      String device, Epoch epoch, int attempts, int enodev, long sinceNanos) {}

  private record FailedDma(HistoryEvent.Refused event, long nanos) {}

  private final EnumMap<Invariant, List<String>> broken = new EnumMap<>(Invariant.class);
  private final Map<Integer, HistoryEvent.Exported> buffers = new HashMap<>();
  private final Map<Integer, Mapper> mappers = new HashMap<>();
  private final Map<Epoch, Long> requested = new HashMap<>();
  private final Map<Epoch, Long> completed = new HashMap<>();
  private final Map<Memory, Long> revokedMemory = new HashMap<>();
  private final List<String> leaks = new ArrayList<>();
  private final List<FailedProbe> probes = new ArrayList<>();
  private final List<FailedDma> failures = new ArrayList<>();
  private final List<HistoryEvent.RevokeUnfinished> unfinished = new ArrayList<>();
  private final List<HistoryEvent.RevokeCompleted> ends = new ArrayList<>();
  private final List<Long> latencies = new ArrayList<>();
  private long mappedWhenRevoked;
  private long attached;
  private long attachedPeak;
  private long refused;
  private long enodev;
  private long scanned;
  private long foreign;
  private long acked;
  private long blocked;
  private long severed;

  /** Takes note of the next event. */
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.Exported e -> buffers.put(e.buffer(), e);
      case HistoryEvent.Attached e -> attached(e);
      case HistoryEvent.AttachRefused e -> {
        if (e.errno() != Errno.ENODEV) {
          refused += e.count();
        }
      }
      case HistoryEvent.MapRefused e -> refused += e.attachments().size();
      case HistoryEvent.Operated e -> {
        if (e.operation() == Operation.DETACH) {
          attached -= e.attachments().size();
        }
      }
      case HistoryEvent.Reaped e -> attached -= e.attachments().size();
      case HistoryEvent.RevokeRequested e -> {
        requested.put(new Epoch(e.buffer(), e.epoch()), line.nanos());
        revokedMemory.put(new Memory(e.buffer(), e.generation()), line.nanos());
        mappedWhenRevoked += e.mapped();
      }
      case HistoryEvent.RevokeCompleted e -> completed(e, line.nanos());
      case HistoryEvent.RevokeUnfinished e -> unfinished.add(e);
      case HistoryEvent.HandedOver e -> handedOn(e.buffer(), e.epoch(), "to its next owner", line);
      case HistoryEvent.Restored e -> handedOn(e.buffer(), e.epoch(), "back to importers", line);
      case HistoryEvent.Scanned e -> scanned(e);
      case HistoryEvent.Leaked e ->
          leaks.add(
              "a read of "
                  + who(e.attachment(), e.device())
                  + " got "
                  + e.words() * Long.BYTES
                  + " bytes that were not of generation "
                  + e.generation()
                  + ", which it had mapped");
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
      case HistoryEvent.NodeStarted e -> {}
      case HistoryEvent.IllegalCall e -> {}
      case HistoryEvent.Invalidated e -> {}
      case HistoryEvent.Fenced e -> {}
      case HistoryEvent.Closed e -> {}
      case HistoryEvent.ProcessDied e -> {}
      case HistoryEvent.FaultPointReached e -> {}
      case HistoryEvent.Dropped e -> {}
      case HistoryEvent.Moved e -> {}
      case HistoryEvent.MoveRefused e -> {}
      case HistoryEvent.BufferReleased e -> {}
      case HistoryEvent.Late e -> {}
      case HistoryEvent.PhaseBroken e -> {}
      case HistoryEvent.CpuAccessed e -> {}
    }
  }

  private void attached(HistoryEvent.Attached e) {
    for (int id : e.attachments()) {
      mappers.put(id, new Mapper(e.buffer(), e.importer(), e.kind()));
    }
    attached += e.attachments().size();
    attachedPeak = Math.max(attachedPeak, attached);
    HistoryEvent.Exported buffer = buffers.get(e.buffer());
    boolean revokes = buffer == null || !buffer.kind().causes().isEmpty();
    if (revokes && !e.revocable()) {
      broke(
          Invariant.ONLY_REVOCABLE_ATTACHED,
          "%s (%s) holds attachment %d on buffer %s, whose exporter revokes"
              .formatted(e.importer(), e.kind(), e.attachments().get(0), name(e.buffer())));
    }
  }

  private void completed(HistoryEvent.RevokeCompleted e, long nanos) {
    completed.put(new Epoch(e.buffer(), e.epoch()), nanos);
    ends.add(e);
    latencies.add(e.micros());
    switch (e.outcome()) {
      case ACKED -> acked++;
      case BLOCKED -> blocked++;
      case SEVERED -> severed++;
      case ASSUMED -> {}
    }
  }

  private void handedOn(int buffer, long epoch, String to, HistoryLine line) {
    Long at = completed.get(new Epoch(buffer, epoch));
    if (at == null || line.nanos() - at < 0) {
      broke(
          Invariant.HANDED_ON_AFTER_COMPLETION,
          "buffer %s: memory went %s before the revoke of epoch %d had completed"
              .formatted(name(buffer), to, epoch));
    }
  }

  private void scanned(HistoryEvent.Scanned e) {
    scanned += e.bytes();
    foreign += e.foreignBytes();
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
      case Canary.TAG_DEVICE -> who(f.author(), "an importer");
      case Canary.TAG_EXPORTER -> "the exporter of buffer " + name(f.author());
      default -> "nobody of this program (tag " + f.tag() + ")";
    };
  }

  private String who(int attachment, String otherwise) {
    Mapper mapper = mappers.get(attachment);
    return mapper == null
        ? otherwise + ", attachment " + attachment
        : "attachment %d (%s, %s, buffer %s)"
            .formatted(attachment, mapper.importer, mapper.kind, name(mapper.buffer));
  }

  private String name(int buffer) {
    HistoryEvent.Exported e = buffers.get(buffer);
    return (buffer & 0xffff) + (e == null ? "" : " of " + e.device());
  }

  private void broke(Invariant invariant, String detail) {
    broken.computeIfAbsent(invariant, i -> new ArrayList<>()).add(detail);
  }

  /** Judges. To be called once, after the last line. */
  public Findings finish(Facts facts) {
    judgeBounds(facts);
    judgeFailures();
    // After what was found written: a late write does harm, a late read only learns.
    leaks.forEach(leak -> broke(Invariant.NO_LATE_DMA, leak));
    if (facts.dma().leakedWords() > 0 && !broken.containsKey(Invariant.NO_LATE_DMA)) {
      broke(
          Invariant.NO_LATE_DMA,
          facts.dma().leakedWords() * Long.BYTES + " bytes read that belonged to another owner");
    }
    if (facts.openSlots() > 0) {
      broke(Invariant.NOTHING_LEFT, facts.openSlots() + " slots still grant access");
    }
    facts.leftovers().forEach(left -> broke(Invariant.NOTHING_LEFT, left));
    return new Findings(violations(), unknowns(facts), figures());
  }

  private void judgeBounds(Facts facts) {
    for (HistoryEvent.RevokeCompleted e : ends) {
      if (e.micros() > facts.boundMicros()) {
        broke(
            Invariant.BOUNDED,
            "the revoke of buffer %s, epoch %d, took %d us; the bound is %d us"
                .formatted(name(e.buffer()), e.epoch(), e.micros(), facts.boundMicros()));
      }
    }
    for (HistoryEvent.RevokeUnfinished e : unfinished) {
      if (e.micros() > facts.boundMicros()) {
        broke(
            Invariant.BOUNDED,
            "the revoke of buffer %s, epoch %d, hangs: %d us and not complete, the bound is %d us;"
                    .formatted(name(e.buffer()), e.epoch(), e.micros(), facts.boundMicros())
                + " it waits for %d fences and %d unmaps"
                    .formatted(e.fences().size(), e.unmaps().size())
                + first(e));
      }
    }
  }

  private String first(HistoryEvent.RevokeUnfinished e) {
    List<Integer> owing = e.fences().isEmpty() ? e.unmaps() : e.fences();
    return owing.isEmpty() ? "" : ", the first of " + who(owing.get(0), "an importer");
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
                    name(probe.epoch.buffer),
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
                .formatted(who(e.attachment(), e.device()), e.how()));
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
    if (requested.isEmpty()) {
      unknowns.add("nothing was revoked");
    } else if (mappedWhenRevoked == 0) {
      unknowns.add("nothing was mapped when it was revoked");
    }
    if (facts.dma().operations() == 0) {
      unknowns.add("no DMA was done");
    }
    if (scanned == 0) {
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

  private Findings.Figures figures() {
    return new Findings.Figures(
        requested.size(),
        completed.size(),
        acked,
        blocked,
        severed,
        List.copyOf(latencies),
        attachedPeak,
        refused,
        enodev,
        scanned,
        foreign);
  }
}
