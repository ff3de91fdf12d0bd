package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BiPredicate;

/**
 * Gathers accesses to memory whose revoke had completed.
 *
 * <p>Importers record their own, of every class, and those are counted one by one. But he who was
 * killed records no more, and a copy that was under way when the memory changed hands is late
 * without having begun so. What such an access leaves is evidence of {@code uaf} as well: bytes
 * that the next owner finds, content of another's that a read got. How many accesses that took it
 * does not say. So each author counts once for it, and not at all if he recorded a {@code uaf} of
 * his own: those bytes are that access's.
 */
final class LateAccesses {
  /** Author of a trace. */
  private record Author(int tag, int id) {}

  private record Recorded(int attachment, LateAccess late) {}

  private record Sum(HistoryEvent.Late first, HistoryLine line, long count) {
    Sum plus(Sum later) {
      boolean earlier = first.sinceNanos() - later.first.sinceNanos() <= 0;
      return new Sum(
          earlier ? first : later.first, earlier ? line : later.line, count + later.count);
    }
  }

  /** What nobody may do, or an honest importer may not, in words, and the line that tells of it. */
  record Forbidden(String told, HistoryLine line) {}

  private record Trace(Findings.Evidence evidence, int buffer, OptionalLong offset, long nanos) {}

  private final Map<Recorded, Sum> recorded = new LinkedHashMap<>();
  private final Map<Author, Trace> traces = new LinkedHashMap<>();

  void recorded(HistoryEvent.Late e, HistoryLine line) {
    recorded.merge(new Recorded(e.attachment(), e.late()), new Sum(e, line, e.count()), Sum::plus);
  }

  void leaked(HistoryEvent.Leaked e, long nanos) {
    traces.putIfAbsent(
        new Author(Canary.TAG_DEVICE, e.attachment()),
        new Trace(Findings.Evidence.LEAK, e.buffer(), OptionalLong.empty(), nanos));
  }

  void found(HistoryEvent.Scanned e, int buffer, long nanos) {
    Trace trace =
        new Trace(Findings.Evidence.BYTES, buffer, OptionalLong.of(e.firstOffset()), nanos);
    if (e.authors().isEmpty()) {
      traces.putIfAbsent(new Author(0, 0), trace);
    }
    e.authors().forEach(a -> traces.putIfAbsent(new Author(a.tag(), a.author()), trace));
  }

  /** Each class, counted. */
  Map<LateAccess, Findings.Late> counted(Names names, boolean wordsLeaked) {
    Map<LateAccess, Findings.Late> all = new EnumMap<>(LateAccess.class);
    for (LateAccess late : LateAccess.values()) {
      List<Sum> sums =
          recorded.entrySet().stream()
              .filter(r -> r.getKey().late() == late)
              .map(Map.Entry::getValue)
              .toList();
      all.put(
          late,
          new Findings.Late(
              sums.stream().mapToLong(Sum::count).sum(),
              sums.stream()
                  .map(Sum::first)
                  .min((a, b) -> Long.signum(a.sinceNanos() - b.sinceNanos()))
                  .map(first -> example(first, names))));
    }
    all.computeIfPresent(LateAccess.UAF, (late, told) -> withTraces(told, names, wordsLeaked));
    return Map.copyOf(all);
  }

  private Findings.Late withTraces(Findings.Late told, Names names, boolean wordsLeaked) {
    Set<Integer> tellers = new HashSet<>();
    recorded.keySet().stream()
        .filter(r -> r.late() == LateAccess.UAF)
        .forEach(r -> tellers.add(r.attachment()));
    long count = told.count();
    Optional<Findings.Example> first = told.first();
    for (Map.Entry<Author, Trace> trace : traces.entrySet()) {
      Author author = trace.getKey();
      if (author.tag() != Canary.TAG_DEVICE || !tellers.contains(author.id())) {
        count++;
        first = first.or(() -> Optional.of(example(author, trace.getValue(), names)));
      }
    }
    // Leaks are counted in shared memory too, which no kill can lose.
    return new Findings.Late(count == 0 && wordsLeaked ? 1 : count, first);
  }

  private static Findings.Example example(HistoryEvent.Late e, Names names) {
    return new Findings.Example(
        e.device(),
        names.kind(e.attachment()),
        e.attachment(),
        names.exporter(e.buffer()),
        Names.number(e.buffer()),
        OptionalLong.of(e.offset()),
        e.write(),
        names.micros(e.sinceNanos()),
        names.microsAfterRevoke(e),
        Findings.Evidence.ACCESS);
  }

  private static Findings.Example example(Author author, Trace trace, Names names) {
    boolean device = author.tag() == Canary.TAG_DEVICE;
    int buffer = device ? names.buffer(author.id(), trace.buffer()) : trace.buffer();
    return new Findings.Example(
        device ? names.importer(author.id()) : Names.UNKNOWN,
        device ? names.kind(author.id()) : Names.UNKNOWN,
        device ? author.id() : 0,
        names.exporter(buffer),
        Names.number(buffer),
        trace.offset(),
        trace.evidence() == Findings.Evidence.BYTES,
        names.micros(trace.nanos()),
        OptionalLong.empty(),
        trace.evidence());
  }

  /**
   * What nobody may do, and what an honest importer may not.
   *
   * @param bound whether the author of an access was bound by the contract, given the line that
   *     tells what became of it
   */
  List<Forbidden> forbidden(Names names, BiPredicate<HistoryEvent.Late, HistoryLine> bound) {
    List<Forbidden> violations = new ArrayList<>();
    recorded.forEach((who, sum) -> {
      switch (who.late()) {
        // The bytes or words that are there say the same, and how many.
        case UAF -> {
          if (!traces.containsKey(new Author(Canary.TAG_DEVICE, who.attachment()))) {
            violations.add(
                new Forbidden(
                    told(sum, names) + " reached memory that belonged to somebody else",
                    sum.line()));
          }
        }
        case IOMMU_FAULT, AER -> {
          if (bound.test(sum.first(), sum.line())) {
            violations.add(
                new Forbidden(
                    told(sum, names)
                        + " ended in "
                        + (who.late() == LateAccess.AER ? "an AER error" : "an IOMMU fault")
                        + ", although the importer keeps the contract",
                    sum.line()));
          }
        }
        case NIRVANA -> {}
      }
    });
    return violations;
  }

  private static String told(Sum sum, Names names) {
    HistoryEvent.Late first = sum.first();
    OptionalLong after = names.microsAfterRevoke(first);
    return "%d late accesses by %s, of which the first was a %s at offset %d%s,"
        .formatted(
            sum.count(),
            names.who(first.attachment(), first.device()),
            first.write() ? "write" : "read",
            first.offset(),
            after.isPresent()
                ? ", %d us after its revoke had completed".formatted(after.getAsLong())
                : "");
  }
}
