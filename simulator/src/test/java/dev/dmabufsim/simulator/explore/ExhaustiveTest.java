package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryLine;
import dev.dmabufsim.simulator.judge.Facts;
import dev.dmabufsim.simulator.judge.Invariant;
import dev.dmabufsim.simulator.judge.Judge;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExhaustiveTest {
  private static final Set<Invariant> ALL = EnumSet.allOf(Invariant.class);

  private static Exhaustive.Result visit(
      WorldPlan plan, int depth, long states, boolean mapped, Set<Invariant> invariants) {
    return Exhaustive.visit(
        plan, new Exhaustive.Limits(depth, states, Long.MAX_VALUE, mapped, invariants));
  }

  private static Exhaustive.Result visit(WorldPlan plan) {
    return visit(plan, Integer.MAX_VALUE, Long.MAX_VALUE, false, ALL);
  }

  @Test
  void visitsAllOfASmallWorldAndSaysSo() {
    Exhaustive.Result result = visit(Plans.small("enforced", List.of("rdma-odp"), List.of("none")));
    assertThat(result.found()).isEmpty();
    assertThat(result.finished()).isTrue();
    assertThat(result.states()).isGreaterThan(500);
    assertThat(result.transitions()).isGreaterThan(result.states());
    assertThat(result.ends()).isPositive();
  }

  @Test
  void aWorldWithAFaultHasMoreStatesAndEnforcedHoldsInAllOfThem() {
    Exhaustive.Result without =
        visit(Plans.small("enforced", List.of("rdma-odp"), List.of("none")));
    Exhaustive.Result with =
        visit(Plans.small("enforced", List.of("rdma-odp"), List.of("kill", "freeze")));
    assertThat(with.found().map(f -> f.violation().detail())).isEmpty();
    assertThat(with.finished()).isTrue();
    assertThat(with.states()).isGreaterThan(without.states());
  }

  @Test
  void twoImportersThatHaveMapped() {
    WorldPlan plan = Plans.small("enforced", List.of("rdma-odp", "rdma-odp"), List.of("none"));
    Exhaustive.Result result = visit(plan, Integer.MAX_VALUE, Long.MAX_VALUE, true, ALL);
    assertThat(result.found()).isEmpty();
    assertThat(result.finished()).isTrue();
  }

  @Test
  void findsTheHangOfV7AndTheStoryIsPossible() {
    WorldPlan plan = Plans.small("v7", List.of("rdma-odp"), List.of("kill"));
    Exhaustive.Result result =
        visit(plan, Integer.MAX_VALUE, Long.MAX_VALUE, false, EnumSet.of(Invariant.BOUNDED));
    assertThat(result.found()).isPresent();
    Explorer.Found found = result.found().get();
    assertThat(Story.tell(found.plan(), found.actions(), EnumSet.of(Invariant.BOUNDED)))
        .isPresent();
  }

  @Test
  void saysWhereItStopped() {
    WorldPlan plan = Plans.small("enforced", List.of("rdma-odp"), List.of("none"));
    Exhaustive.Result shallow = visit(plan, 5, Long.MAX_VALUE, false, ALL);
    assertThat(shallow.finished()).isFalse();
    assertThat(shallow.depth()).isEqualTo(5);
    assertThat(shallow.stopped()).contains(Exhaustive.Stop.DEPTH);
    assertThat(shallow.open()).as("states to go on from").isPositive();
    Exhaustive.Result few = visit(plan, Integer.MAX_VALUE, 100, false, ALL);
    assertThat(few.finished()).isFalse();
    assertThat(few.states()).isBetween(100L, 200L);
    assertThat(few.stopped()).contains(Exhaustive.Stop.STATES);
    Exhaustive.Result late =
        Exhaustive.visit(
            plan, new Exhaustive.Limits(Integer.MAX_VALUE, Long.MAX_VALUE, 0, false, ALL));
    assertThat(late.stopped()).contains(Exhaustive.Stop.TIME);
  }

  /** The same, without anything remembered: every step played, every schedule judged anew. */
  private static String plainly(WorldPlan plan, Set<Invariant> wanted) {
    record Open(World world, List<HistoryLine> lines, int depth) {}

    Folding folding = new Folding(plan, new Numbers());
    Set<List<Integer>> seen = new HashSet<>();
    ArrayDeque<Open> frontier = new ArrayDeque<>();
    List<HistoryLine> first = new ArrayList<>();
    World world = new World(plan, first::add);
    seen.add(row(folding, world));
    frontier.add(new Open(world, first, 0));
    int transitions = 0;
    int ends = 0;
    int depth = 0;
    while (!frontier.isEmpty()) {
      Open open = frontier.remove();
      depth = open.depth();
      List<Action> enabled = new ArrayList<>();
      open.world().enabled(enabled);
      if (enabled.isEmpty()) {
        ends++;
        if (broken(open.world(), open.lines(), false, wanted)) {
          return "broken at depth " + depth;
        }
      }
      for (Action action : enabled) {
        List<HistoryLine> lines = new ArrayList<>(open.lines());
        World next = open.world().copy(lines::add);
        next.apply(action);
        transitions++;
        if (broken(next, lines, true, wanted)) {
          return "broken at depth " + depth;
        }
        if (seen.add(row(folding, next))) {
          frontier.add(new Open(next, lines, depth + 1));
        }
      }
    }
    return told(seen.size(), transitions, ends, depth);
  }

  private static List<Integer> row(Folding folding, World world) {
    return Arrays.stream(folding.fold(world.copy(line -> {}))).boxed().toList();
  }

  private static boolean broken(
      World world, List<HistoryLine> lines, boolean cut, Set<Invariant> wanted) {
    List<HistoryLine> all = new ArrayList<>(lines);
    Facts facts = world.copy(all::add).finish(cut);
    Judge judge = new Judge();
    all.forEach(judge::accept);
    return judge.soFar(facts).stream().anyMatch(v -> wanted.contains(v.invariant()));
  }

  private static String told(long states, long transitions, long ends, int depth) {
    return "%d states, %d transitions, %d ends, depth %d"
        .formatted(states, transitions, ends, depth);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          enforced | rdma-odp      | none   | 0
          enforced | gpu-dynamic   | lose   | 0
          v7       | rdma-odp      | kill   | 0
          v3       | gpu-dynamic   | none   | 0
          v5       | rdma-odp:slow | none   | 0
          v2       | gpu-dynamic   | freeze | 10
          v2       | rdma-odp      | kill   | 12
          """)
  void visitsWhatAPlainVisitDoes(String contract, String importer, String fault, int number) {
    WorldPlan plan = Plans.small(contract, List.of(importer), List.of(fault));
    Set<Invariant> wanted = EnumSet.allOf(Invariant.class);
    wanted.removeIf(i -> number != 0 && i.number() != number);
    Exhaustive.Result result = visit(plan, Integer.MAX_VALUE, Long.MAX_VALUE, false, wanted);
    assertThat(
            result.found().isPresent()
                ? "broken at depth " + result.depth()
                : told(result.states(), result.transitions(), result.ends(), result.depth()))
        .isEqualTo(plainly(plan, wanted));
  }

  /** By a step, after a prelude. */
  @Test
  void theStoryOfALateWriteIsPossible() {
    WorldPlan plan = Plans.small("v2", List.of("rdma-odp", "gpu-dynamic"), List.of("none"));
    Set<Invariant> wanted = EnumSet.of(Invariant.NO_LATE_DMA);
    Exhaustive.Result result = visit(plan, Integer.MAX_VALUE, Long.MAX_VALUE, true, wanted);
    Explorer.Found found = result.found().orElseThrow();
    assertThat(found.actions()).hasSizeGreaterThan(result.depth() + 1);
    assertThat(Story.tell(found.plan(), found.actions(), wanted).map(t -> t.violation().detail()))
        .contains(found.violation().detail());
  }

  @Test
  void stopsWhenTheHeapIsFull() {
    WorldPlan plan = Plans.small("enforced", List.of("rdma-odp"), List.of("kill"));
    AtomicInteger asked = new AtomicInteger();
    Exhaustive.Result result =
        Exhaustive.visit(
            plan,
            new Exhaustive.Limits(Integer.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE, false, ALL),
            p -> {},
            bytes -> bytes <= 0 || asked.incrementAndGet() > 3);
    assertThat(result.stopped()).contains(Exhaustive.Stop.MEMORY);
    assertThat(result.finished()).isFalse();
    assertThat(result.states()).isGreaterThan(256 * 3);
    assertThat(result.open()).isPositive();
  }
}
