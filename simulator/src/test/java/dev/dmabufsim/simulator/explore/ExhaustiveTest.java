package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.simulator.judge.Invariant;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

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
}
