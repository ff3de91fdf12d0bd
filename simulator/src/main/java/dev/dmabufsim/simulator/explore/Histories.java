package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Facts;
import dev.dmabufsim.simulator.judge.Judge;
import dev.dmabufsim.simulator.judge.Violation;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Histories, each kept once: millions of schedules tell few of them. One that was judged need not
 * be judged again, since a judgement comes from the history and the facts alone.
 */
final class Histories {
  /** A line and those before it. */
  static final class Told {
    private final int number;
    private final @Nullable Told before;
    private final @Nullable HistoryLine line;
    private final long[] written;

    private Told(int number, @Nullable Told before, @Nullable HistoryLine line, long[] written) {
      this.number = number;
      this.before = before;
      this.line = line;
      this.written = written;
    }

    int number() {
      return number;
    }

    /** The line before the last. */
    Told before() {
      return Objects.requireNonNull(before, "nothing was told");
    }

    HistoryEvent event() {
      return Objects.requireNonNull(line, "nothing was told").event();
    }

    /** How many lines each node has written; not to be changed. */
    long[] written() {
      return written;
    }

    /** When the last line was. */
    long last() {
      return line == null ? 0 : line.nanos();
    }

    List<HistoryLine> lines() {
      List<HistoryLine> lines = new ArrayList<>();
      for (Told t = this; t != null && t.line != null; t = t.before) {
        lines.add(t.line);
      }
      Collections.reverse(lines);
      return lines;
    }
  }

  /** What a node tells, whenever it does. */
  record Event(int node, String name, int number, HistoryEvent event) {}

  private final List<String> nodes;
  private final Numbers numbers;
  private final Rows rows = new Rows(5, 0);
  private final int[] row = new int[5];
  private final List<Told> all = new ArrayList<>();
  private final Told none;
  private final Rows judged = new Rows(3, 0);

  /**
   * @param nodes their names; whoever has none of these comes behind them
   * @param numbers of events and facts
   */
  Histories(List<String> nodes, Numbers numbers) {
    this.nodes = nodes;
    this.numbers = numbers;
    this.none = new Told(-1, null, null, new long[nodes.size() + 1]);
  }

  /** How many bytes of heap it may need at once for the next lines, at most so many. */
  long nextBytes(int more) {
    return rows.nextBytes(more) + judged.nextBytes(more);
  }

  /** Of which nothing was told yet. */
  Told none() {
    return none;
  }

  Told get(int number) {
    return number < 0 ? none : all.get(number);
  }

  /** A line more. */
  Told then(Told before, HistoryLine line) {
    return then(before, event(line), line.n(), line.nanos());
  }

  /** What a node tells, in another schedule too. */
  Event event(HistoryLine line) {
    HistoryEvent whenever = World.at(line.event(), World.THEN);
    return new Event(node(line), line.node(), numbers.of(whenever), whenever);
  }

  /** An event more, told of as soon as it can be. */
  Told then(Told before, Event event, long now) {
    int node = event.node;
    return then(before, event, before.written[node] + 1, World.nextLine(now, before.last()));
  }

  private Told then(Told before, Event event, long n, long nanos) {
    row[0] = before.number;
    row[1] = event.node;
    row[2] = event.number;
    row[3] = (int) (nanos >>> Integer.SIZE);
    row[4] = (int) nanos;
    if (rows.add(row)) {
      HistoryLine line = HistoryLine.at(n, nanos, event.name, World.at(event.event, nanos));
      long[] written = before.written.clone();
      written[event.node] = n;
      all.add(new Told(rows.at(), before, line, written));
    }
    return all.get(rows.at());
  }

  private int node(HistoryLine line) {
    int node = nodes.indexOf(line.node());
    return node < 0 ? nodes.size() : node;
  }

  /**
   * What is violated, if it was not judged before.
   *
   * @param last lines behind those that were told
   */
  List<Violation> judge(Told told, List<HistoryLine> last, Facts facts) {
    if (!judged.add(told.number, numbers.of(List.copyOf(last)), numbers.of(facts))) {
      return List.of();
    }
    Judge judge = new Judge();
    told.lines().forEach(judge::accept);
    last.forEach(judge::accept);
    return judge.soFar(facts);
  }
}
