package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Cast.Blow;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
  private record Memory(int buffer, long generation) {}

  private final Ruling ruling = new Ruling();
  private final Cast cast = new Cast();
  private final FaultCount faults = new FaultCount();
  private final Leftovers leftovers = new Leftovers();
  private final List<Watch> watches =
      List.of(
          leftovers,
          new OrphansTakenBack(),
          new FinishedOnce(),
          new DeathNoticed(),
          new IommuDeath(),
          new Frozen(),
          new LiveAgain(),
          new Zombies());
  private final EnumMap<RevokeOutcome, Long> outcomes = new EnumMap<>(RevokeOutcome.class);
  private final Names names = new Names();
  private final LateAccesses late = new LateAccesses();
  private final Map<Revoke, RevokeCause> requested = new LinkedHashMap<>();
  private final Map<Revoke, HistoryLine> begun = new LinkedHashMap<>();
  private final Map<Revoke, HistoryLine> completed = new HashMap<>();
  private final Set<Revoke> reclaimed = new HashSet<>();
  private final Map<Memory, Long> revokedMemory = new HashMap<>();
  private final Map<Integer, Set<Integer>> heldUnmapped = new HashMap<>();
  private final Set<Integer> untold = new HashSet<>();
  private final Map<Integer, Map<Integer, Told<HistoryEvent.Attached>>> unrevocable =
      new HashMap<>();
  private final Set<Revoke> moved = new HashSet<>();
  private final Set<Revoke> lost = new HashSet<>();
  private final List<LateAccesses.Forbidden> leaks = new ArrayList<>();
  private final List<Told<HistoryEvent.Probed>> probes = new ArrayList<>();
  private final List<Told<HistoryEvent.Refused>> failures = new ArrayList<>();
  private final List<Told<HistoryEvent.RevokeUnfinished>> unfinished = new ArrayList<>();
  private final List<Told<HistoryEvent.RevokeCompleted>> ends = new ArrayList<>();
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
  private long cpuWrites;
  private long cpuFaults;

  /** Takes note of the next event. */
  public void accept(HistoryLine line) {
    names.accept(line);
    cast.accept(line);
    faults.accept(line);
    watches.forEach(w -> w.accept(line));
    switch (line.event()) {
      case HistoryEvent.Attached e -> attached(e, line);
      case HistoryEvent.AttachRefused e -> {
        if (e.errno() != Errno.ENODEV) {
          refused += e.count();
        }
      }
      case HistoryEvent.MapRefused e -> refused += e.attachments().size();
      case HistoryEvent.Operated e -> operated(e);
      case HistoryEvent.Reaped e -> detached(e.buffer(), e.attachments());
      case HistoryEvent.RevokeRequested e -> requested(e, line);
      case HistoryEvent.RevokeCompleted e -> completed(e, line);
      case HistoryEvent.RevokeUnfinished e -> unfinished.add(new Told<>(e, line));
      case HistoryEvent.HandedOver e -> handedOn(e.buffer(), e.epoch(), "to its next owner", line);
      case HistoryEvent.Restored e -> handedOn(e.buffer(), e.epoch(), "back to importers", line);
      case HistoryEvent.Scanned e -> scanned(e, line);
      case HistoryEvent.Leaked e -> {
        late.leaked(e, line.nanos());
        leaks.add(
            new LateAccesses.Forbidden(
                "a read of "
                    + names.who(e.attachment(), e.device())
                    + " got "
                    + e.words() * Long.BYTES
                    + " bytes that were not of generation "
                    + e.generation()
                    + ", which it had mapped",
                line));
      }
      case HistoryEvent.Late e -> late.recorded(e, line);
      case HistoryEvent.PhaseBroken e -> phaseBroken += e.count();
      case HistoryEvent.Moved e -> moved(e, line);
      case HistoryEvent.MoveRefused e -> movesRefused++;
      case HistoryEvent.MoveFailed e -> moveFailed(e, line);
      case HistoryEvent.BufferReleased e -> {}
      case HistoryEvent.CpuAccessed e -> {
        cpuReads += e.reads();
        cpuWrites += e.writes();
        cpuFaults += e.faults();
      }
      case HistoryEvent.IllegalCall e -> illegalCalls += Math.max(1, e.attachments().size());
      case HistoryEvent.Dropped e -> ignored++;
      case HistoryEvent.Invalidated e -> {}
      case HistoryEvent.Probed e -> {
        enodev += e.enodev();
        if (e.enodev() < e.attempts()) {
          probes.add(new Told<>(e, line));
        }
      }
      case HistoryEvent.Refused e -> failures.add(new Told<>(e, line));
      case HistoryEvent.ExporterStopped e -> {}
      case HistoryEvent.DeviceStopped e -> {}
      case HistoryEvent.IommuStopped e -> {}
      case HistoryEvent.Exported e -> {}
      case HistoryEvent.NodeStarted e -> {}
      case HistoryEvent.Fenced e -> {}
      case HistoryEvent.Closed e -> {}
      case HistoryEvent.ProcessDied e -> {}
      case HistoryEvent.FaultPointReached e -> {}
      case HistoryEvent.FaultStruck e -> {}
      case HistoryEvent.FaultOver e -> {}
      case HistoryEvent.Orphaned e -> {}
      case HistoryEvent.Reclaimed e -> reclaimed.add(new Revoke(e.buffer(), e.epoch()));
      case HistoryEvent.Rebuilt e -> {}
      case HistoryEvent.ExporterLost e -> {}
      case HistoryEvent.MappingsLost e -> {}
      case HistoryEvent.Recovered e -> {}
    }
  }

  private void attached(HistoryEvent.Attached e, HistoryLine line) {
    attached += e.attachments().size();
    attachedPeak = Math.max(attachedPeak, attached);
    if (e.revocable()) {
      return;
    }
    untold.addAll(e.attachments());
    HistoryEvent.Exported buffer = names.exported(e.buffer());
    List<RevokeCause> causes = buffer == null ? List.of(RevokeCause.RESET) : buffer.kind().causes();
    if (causes.isEmpty() || !causes.stream().allMatch(RevokeCause::asksRevocable)) {
      // It may never be revoked, or only moved, and who cannot be told pins what must not move; or
      // only if its memory fails, and then whoever could not be told was let in knowingly.
      unrevocable
          .computeIfAbsent(e.buffer(), b -> new LinkedHashMap<>())
          .putAll(
              e.attachments().stream()
                  .collect(Collectors.toMap(id -> id, id -> new Told<>(e, line))));
    } else {
      holdsUnrevocable(e, e.attachments().get(0), "whose exporter revokes", line);
    }
  }

  private void holdsUnrevocable(
      HistoryEvent.Attached e, int attachment, String why, HistoryLine line) {
    ruling.broke(
        Invariant.ONLY_REVOCABLE_ATTACHED,
        "%s (%s) holds attachment %d on buffer %s, %s"
            .formatted(e.importer(), e.kind(), attachment, names.name(e.buffer()), why),
        line);
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

  private void requested(HistoryEvent.RevokeRequested e, HistoryLine line) {
    requested.put(new Revoke(e.buffer(), e.epoch()), e.cause());
    begun.put(new Revoke(e.buffer(), e.epoch()), line);
    revokedMemory.put(new Memory(e.buffer(), e.generation()), line.nanos());
    mappedWhenRevoked += e.mapped() + held(e.buffer()).size();
    if (e.cause().asksRevocable()) {
      unrevocable
          .getOrDefault(e.buffer(), new HashMap<>())
          .forEach((id, by) ->
              holdsUnrevocable(by.event(), id, "which is revoked: " + e.cause().label(), line));
    }
  }

  private void moved(HistoryEvent.Moved e, HistoryLine line) {
    moved.add(new Revoke(e.buffer(), e.epoch()));
    if (e.before() != e.after()) {
      movesDamaged++;
      ruling.broke(
          Invariant.HANDED_ON_AFTER_COMPLETION,
          "buffer %s: its content was another after the move of epoch %d, from segment %d to %d:"
                  .formatted(names.name(e.buffer()), e.epoch(), e.fromSegment(), e.toSegment())
              + " checksum %x, before %x".formatted(e.after(), e.before()),
          line);
    }
  }

  private void moveFailed(HistoryEvent.MoveFailed e, HistoryLine line) {
    Revoke move = new Revoke(e.buffer(), e.epoch());
    if (!e.lost()) {
      // It stays where it was, and nothing was revoked in the end.
      requested.remove(move);
      begun.remove(move);
      movesRefused++;
      return;
    }
    lost.add(move);
    if (truncated(e.buffer(), line.nanos())) {
      // What somebody else has truncated cannot be copied.
      return;
    }
    ruling.broke(
        Invariant.HANDED_ON_AFTER_COMPLETION,
        "buffer %s: the move of epoch %d lost its content: %s"
            .formatted(names.name(e.buffer()), e.epoch(), e.why()),
        line);
  }

  /** Whether a fault had truncated memory of a buffer's exporter by then. */
  private boolean truncated(int buffer, long nanos) {
    Cast.Player exporter = cast.exporterOf(buffer);
    return exporter != null && cast.struck(exporter.node(), nanos, EnumSet.of(Blow.MEMORY));
  }

  private void completed(HistoryEvent.RevokeCompleted e, HistoryLine line) {
    completed.put(new Revoke(e.buffer(), e.epoch()), line);
    ends.add(new Told<>(e, line));
    latencies.add(e.micros());
    outcomes.merge(e.outcome(), 1L, Long::sum);
  }

  private void handedOn(int buffer, long epoch, String to, HistoryLine line) {
    Revoke revoked = new Revoke(buffer, epoch);
    HistoryLine at = completed.get(revoked);
    String detail =
        "buffer %s: memory went %s before the revoke of epoch %d had completed"
            .formatted(names.name(buffer), to, epoch);
    if (at == null && !reclaimed.contains(revoked)) {
      ruling.missedBefore(Invariant.HANDED_ON_AFTER_COMPLETION, detail, line);
    } else if (at != null && line.nanos() - at.nanos() < 0) {
      ruling.broke(Invariant.HANDED_ON_AFTER_COMPLETION, detail, line);
    }
  }

  private void scanned(HistoryEvent.Scanned e, HistoryLine line) {
    scanned += e.bytes();
    foreign += e.foreignBytes();
    if (e.foreignBytes() > 0) {
      late.found(e, names.before(e), line.nanos());
    }
    if (e.foreignBytes() > 0 && e.authors().isEmpty()) {
      ruling.broke(
          Invariant.NO_LATE_DMA,
          "%d bytes of no author found in segment %d, generation %d"
              .formatted(e.foreignBytes(), e.segment(), e.tenantGeneration()),
          line);
    }
    for (HistoryEvent.Foreign author : e.authors()) {
      ruling.broke(
          Invariant.NO_LATE_DMA,
          "%d bytes written by %s, for generation %d, found in segment %d after it had become its"
                  .formatted(author.bytes(), author(author), author.generation(), e.segment())
              + " next owner's as generation "
              + e.tenantGeneration()
              + "; the first at offset "
              + e.firstOffset(),
          line);
    }
  }

  private String author(HistoryEvent.Foreign f) {
    return switch (f.tag()) {
      case Canary.TAG_DEVICE -> names.who(f.author(), "an importer");
      case Canary.TAG_EXPORTER -> "the exporter of buffer " + names.name(f.author());
      default -> "nobody of this program (tag " + f.tag() + ")";
    };
  }

  /** Judges. To be called once, after the last line. */
  public Findings finish(Facts facts) {
    long leakedWords = rule(facts);
    judgeWhetherEnough(facts);
    List<String> unknowns = new ArrayList<>(facts.troubles());
    unknowns.addAll(facts.unplayed());
    unknowns.addAll(ruling.doubts());
    return new Findings(
        ruling.violations(facts.whole()),
        unknowns,
        figures(facts, leakedWords > 0),
        ruling.firstWrong(facts.whole()));
  }

  /**
   * Only what is violated, of a history of which no line so far is missing. To be called once, and
   * instead of the other.
   */
  public List<Violation> soFar(Facts facts) {
    rule(facts);
    return ruling.soFar(facts.whole());
  }

  /** How many words were leaked. */
  private long rule(Facts facts) {
    judgeBounds(facts);
    judgeFailures(facts);
    judgeMoves();
    late.forbidden(names, (e, line) -> bound(facts, e, line.nanos()))
        .forEach(f -> ruling.broke(Invariant.NO_LATE_DMA, f.told(), f.line()));
    // After what was found written: a late write does harm, a late read only learns.
    leaks.forEach(leak -> ruling.broke(Invariant.NO_LATE_DMA, leak.told(), leak.line()));
    long leakedWords = facts.dma().map(DmaCounters::leakedWords).orElse(0L);
    if (leakedWords > 0 && !ruling.isBroken(Invariant.NO_LATE_DMA)) {
      ruling.broke(
          Invariant.NO_LATE_DMA,
          leakedWords * Long.BYTES + " bytes read that belonged to another owner",
          null);
    }
    Watch.Run run = new Watch.Run(facts, cast, names);
    watches.forEach(w -> w.rule(run, ruling));
    return leakedWords;
  }

  /**
   * Whether an importer that is late was bound by the contract: it keeps it, it has a callback by
   * which to be told, no fault had kept it from hearing of the revoke, and there was an exporter to
   * tell it. What came while an access was under way counts, too, if no revoke had completed: one
   * that had begun when its exporter died is aborted when the memory is taken back.
   *
   * @param overNanos when it was over
   */
  private boolean bound(Facts facts, HistoryEvent.Late e, long overNanos) {
    long until = names.microsAfterRevoke(e).isPresent() ? e.sinceNanos() : overNanos;
    return facts.honestImporters().contains(e.device())
        && !untold.contains(e.attachment())
        && !hindered(facts, e.device(), e.buffer(), until)
        && !(e.late() == LateAccess.AER && truncated(e.buffer(), until));
  }

  /** Whether a fault had struck an importer or come between it and a buffer's exporter. */
  private boolean hindered(Facts facts, String device, int buffer, long nanos) {
    String node = facts.nodes().getOrDefault(device, "");
    Cast.Player exporter = cast.exporterOf(buffer);
    return cast.struck(node, nanos, EnumSet.of(Blow.DEATH, Blow.FREEZE, Blow.NETWORK))
        || cast.orphan(buffer, nanos)
        || (exporter != null
            && cast.struck(exporter.node(), nanos, EnumSet.of(Blow.FREEZE, Blow.NETWORK)));
  }

  private void judgeMoves() {
    requested.forEach((epoch, cause) -> {
      if (cause.after() == RevokeCause.After.MOVED
          && completed.containsKey(epoch)
          && !moved.contains(epoch)
          && !lost.contains(epoch)) {
        ruling.missedBefore(
            Invariant.HANDED_ON_AFTER_COMPLETION,
            "buffer %s: the move of epoch %d completed and had not copied the content"
                .formatted(names.name(epoch.buffer()), epoch.epoch()),
            Objects.requireNonNull(completed.get(epoch)));
      }
    });
  }

  private void judgeBounds(Facts facts) {
    for (Told<HistoryEvent.RevokeCompleted> told : ends) {
      HistoryEvent.RevokeCompleted e = told.event();
      if (awakeMicros(told.line(), e.micros()) > facts.boundMicros()) {
        ruling.broke(
            Invariant.BOUNDED,
            "the revoke of buffer %s, epoch %d, took %d us; the bound is %d us"
                .formatted(names.name(e.buffer()), e.epoch(), e.micros(), facts.boundMicros()),
            told.line());
      }
    }
    for (Told<HistoryEvent.RevokeUnfinished> told : unfinished) {
      HistoryEvent.RevokeUnfinished e = told.event();
      if (hangs(facts, told)) {
        ruling.broke(
            Invariant.BOUNDED,
            "the revoke of buffer %s, epoch %d, hangs: %d us and not complete, the bound is %d us;"
                    .formatted(names.name(e.buffer()), e.epoch(), e.micros(), facts.boundMicros())
                + " it waits for %d fences and %d unmaps"
                    .formatted(e.fences().size(), e.unmaps().size())
                + first(e),
            told.line());
      }
    }
  }

  private boolean hangs(Facts facts, Told<HistoryEvent.RevokeUnfinished> told) {
    return awakeMicros(told.line(), told.event().micros()) > facts.boundMicros();
  }

  /** How long something took that ended there, without the time in which its node was frozen. */
  private long awakeMicros(HistoryLine end, long micros) {
    return micros - cast.frozenNanos(end.node(), end.nanos() - micros * 1000, end.nanos()) / 1000;
  }

  private String first(HistoryEvent.RevokeUnfinished e) {
    List<Integer> owing = e.fences().isEmpty() ? e.unmaps() : e.fences();
    return owing.isEmpty() ? "" : ", the first of " + names.who(owing.get(0), "an importer");
  }

  private void judgeFailures(Facts facts) {
    for (Told<HistoryEvent.Probed> told : probes) {
      HistoryEvent.Probed e = told.event();
      HistoryLine at = completed.get(new Revoke(e.buffer(), e.epoch()));
      if (at != null && e.sinceNanos() - at.nanos() >= 0) {
        ruling.broke(
            Invariant.FAILS_ONLY_AFTER_REVOKE,
            "%s: of %d accesses to buffer %s after its revoke of epoch %d, only %d failed"
                .formatted(e.device(), e.attempts(), names.name(e.buffer()), e.epoch(), e.enodev()),
            told.line());
      }
    }
    for (Told<HistoryEvent.Refused> told : failures) {
      HistoryEvent.Refused e = told.event();
      long nanos = told.line().nanos();
      Long at = revokedMemory.get(new Memory(e.buffer(), e.generation()));
      boolean excused =
          hindered(facts, e.device(), e.buffer(), nanos)
              || cast.struck(nanos, Blow.MEMORY)
              || cast.struck(nanos, Blow.SLOT);
      if ((at == null || nanos - at < 0) && !excused) {
        ruling.missedBefore(
            Invariant.FAILS_ONLY_AFTER_REVOKE,
            "DMA of %s failed (%s) although no revoke of its memory had been asked for"
                .formatted(names.who(e.attachment(), e.device()), e.how()),
            told.line());
      }
    }
  }

  private void judgeWhetherEnough(Facts facts) {
    if (requested.isEmpty()) {
      ruling.doubt("nothing was revoked", null);
    } else if (mappedWhenRevoked == 0) {
      ruling.doubt("nothing was mapped when it was revoked", null);
    }
    // Of a part nobody counted its DMA; what is mapped when it is revoked is in use.
    if (facts.dma().map(dma -> dma.operations() == 0).orElse(false)) {
      ruling.doubt("no DMA was done", null);
    }
    if (scanned == 0 && (requested.isEmpty() || someNextOwner())) {
      ruling.doubt("no next owner looked through his memory", null);
    }
    faults
        .beforeAnythingWasMapped()
        .ifPresent(line -> ruling.doubt("a fault struck before anything was mapped", line));
    List<HistoryLine> open = open();
    if (!open.isEmpty()) {
      ruling.doubt(open.size() + " revokes have no end in the histories", open.getFirst());
    }
    unfinished.stream()
        .filter(told -> !hangs(facts, told))
        .findFirst()
        .ifPresent(
            told -> ruling.doubt("a revoke was cut off before its bound was over", told.line()));
  }

  /** Where revokes began that have no end; those of dead exporters others have to finish. */
  private List<HistoryLine> open() {
    Set<Revoke> over = new HashSet<>(completed.keySet());
    over.addAll(reclaimed);
    unfinished.forEach(told -> over.add(new Revoke(told.event().buffer(), told.event().epoch())));
    return begun.entrySet().stream()
        .filter(e -> !over.contains(e.getKey()))
        .filter(e -> !cast.orphan(e.getKey().buffer(), Long.MAX_VALUE))
        .map(Map.Entry::getValue)
        .toList();
  }

  /** Memory that decodes nothing any more has none, and what is revoked for good needs none. */
  private boolean someNextOwner() {
    return requested.entrySet().stream()
        .filter(e -> !reclaimed.contains(e.getKey()))
        .map(Map.Entry::getValue)
        .anyMatch(c -> !c.decodesNothing() && c.after() != RevokeCause.After.DEAD);
  }

  private Findings.Figures figures(Facts facts, boolean wordsLeaked) {
    return new Findings.Figures(
        new Findings.Revokes(
            requested.size(),
            completed.size(),
            outcomes.getOrDefault(RevokeOutcome.ACKED, 0L),
            outcomes.getOrDefault(RevokeOutcome.BLOCKED, 0L),
            outcomes.getOrDefault(RevokeOutcome.SEVERED, 0L),
            outcomes.getOrDefault(RevokeOutcome.ASSUMED, 0L),
            reclaimed.size(),
            List.copyOf(latencies),
            unfinished.stream().map(told -> told.event().micros()).toList()),
        attachedPeak,
        refused,
        leftovers.kept(facts),
        enodev,
        scanned,
        foreign,
        late.counted(names, wordsLeaked),
        failures.size(),
        phaseBroken,
        new Findings.Moves(moved.size(), movesRefused, movesDamaged),
        new Findings.Calls(illegalCalls, ignored),
        new Findings.Cpu(cpuReads, cpuWrites, cpuFaults),
        faults.counted());
  }
}
