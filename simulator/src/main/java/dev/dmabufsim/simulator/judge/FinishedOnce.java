package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A revoke has one end: its exporter's, or after that one's death its heirs', who are the IOMMU and
 * the exporter's successor. The heirs have as long as a revoke may take, from the death on; if the
 * IOMMU was dead or frozen in between, from when the first of them is there again.
 *
 * <p>What an exporter that lives does not end is the second invariant's.
 */
final class FinishedOnce implements Watch {
  private record Twice(Revoke revoke, HistoryLine first, HistoryLine second) {}

  private final Map<Revoke, HistoryLine> begun = new LinkedHashMap<>();
  private final Map<Revoke, HistoryLine> ended = new HashMap<>();
  private final Map<Integer, Long> orphanedAfter = new HashMap<>();
  private final Set<Revoke> orphanedWithin = new HashSet<>();
  private final List<Twice> twice = new ArrayList<>();

  @Override
  public void accept(HistoryLine line) {
    switch (line.event()) {
      case HistoryEvent.RevokeRequested e ->
          begun.putIfAbsent(new Revoke(e.buffer(), e.epoch()), line);
      case HistoryEvent.Orphaned e -> {
        begun.putIfAbsent(new Revoke(e.buffer(), e.epoch()), line);
        if (e.begun()) {
          orphanedWithin.add(new Revoke(e.buffer(), e.epoch()));
        } else {
          orphanedAfter.merge(e.buffer(), e.epoch(), Math::max);
        }
      }
      case HistoryEvent.MoveFailed e -> {
        // It stays where it was: a revoke that was called off needs no end.
        if (!e.lost()) {
          begun.remove(new Revoke(e.buffer(), e.epoch()));
        }
      }
      case HistoryEvent.RevokeCompleted e -> end(new Revoke(e.buffer(), e.epoch()), line);
      case HistoryEvent.Reclaimed e -> {
        // Who had claimed it may have died before he said so.
        if (!orphanedWithin.contains(new Revoke(e.buffer(), e.epoch()))) {
          orphanedAfter.merge(e.buffer(), e.epoch(), Math::max);
        }
        end(new Revoke(e.buffer(), e.epoch()), line);
      }
      default -> {}
    }
  }

  private void end(Revoke revoke, HistoryLine line) {
    HistoryLine before = ended.putIfAbsent(revoke, line);
    if (before != null) {
      twice.add(new Twice(revoke, before, line));
    }
  }

  @Override
  public void rule(Run run, Ruling ruling) {
    for (Twice t : twice) {
      ruling.broke(
          Invariant.FINISHED_ONCE,
          "the revoke of %s was finished twice: by %s and again by %s, %d us later"
              .formatted(
                  name(t.revoke, run),
                  t.first.node(),
                  t.second.node(),
                  (t.second.nanos() - t.first.nanos()) / 1000),
          t.second);
    }
    begun.forEach((revoke, line) -> {
      Cast.Player exporter = run.cast().exporterOf(revoke.buffer());
      OptionalLong death = exporter == null ? OptionalLong.empty() : run.cast().death(exporter);
      if (exporter != null && death.isPresent()) {
        inherited(revoke, line, exporter, death.getAsLong(), run, ruling);
      }
    });
  }

  private void inherited(
      Revoke revoke, HistoryLine begin, Cast.Player exporter, long death, Run run, Ruling ruling) {
    HistoryLine end = ended.get(revoke);
    if (end != null ? end.nanos() <= death : completeInJournal(revoke)) {
      return;
    }
    long until = end == null ? run.cast().lastNanos() : end.nanos();
    Optional<Long> since = heirsSince(exporter, death, until, run.cast());
    if (since.isEmpty()) {
      ruling.doubt("nobody was there who could have finished a dead exporter's revoke", begin);
      return;
    }
    boolean late = until - since.get() > run.boundNanos();
    if (late) {
      String detail =
          "the revoke of %s, whose exporter had died, %s %d us after it was its heirs' to finish;"
                  .formatted(
                      name(revoke, run),
                      end == null ? "is not finished" : "was finished by " + end.node(),
                      (until - since.get()) / 1000)
              + " the bound is %d us".formatted(run.facts().boundMicros());
      found(end, begin, detail, ruling);
    } else if (end == null) {
      ruling.doubt("a dead exporter's revoke was cut off before its bound was over", begin);
    }
  }

  private static void found(
      @Nullable HistoryLine end, HistoryLine begin, String detail, Ruling ruling) {
    if (end == null) {
      ruling.missed(Invariant.FINISHED_ONCE, detail, begin);
    } else {
      ruling.broke(Invariant.FINISHED_ONCE, detail, end);
    }
  }

  /** An exporter may be killed between the journal's word and the history's: the heirs saw it. */
  private boolean completeInJournal(Revoke revoke) {
    return orphanedAfter.getOrDefault(revoke.buffer(), Long.MIN_VALUE) > revoke.epoch();
  }

  /** From when on somebody was there to finish it; empty if nobody ever was. */
  private static Optional<Long> heirsSince(
      Cast.Player exporter, long death, long until, Cast cast) {
    Optional<Cast.Absence> gap =
        cast.iommuAbsences().stream()
            .filter(a -> a.to() > death && a.from() <= until)
            .max(Comparator.comparingLong(Cast.Absence::from));
    if (gap.isEmpty()) {
      return Optional.of(death);
    }
    long successor =
        cast.successors(exporter).stream()
            .mapToLong(Cast.Player::since)
            .min()
            .orElse(Long.MAX_VALUE);
    long first = Math.min(gap.get().to(), successor);
    return first == Long.MAX_VALUE ? Optional.empty() : Optional.of(Math.max(death, first));
  }

  private static String name(Revoke revoke, Run run) {
    return "buffer %s, epoch %d".formatted(run.names().name(revoke.buffer()), revoke.epoch());
  }
}
