package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryLine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is remembered of a step is what the cores do. */
class StepsTest {
  private static final int SCHEDULES = 30;
  private static final int MOST_STEPS = 250;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          enforced | vfio-pci       | rdma-odp gpu-dynamic          | kill crash freeze restart
          enforced | vfio-pci       | rdma-odp rdma-odp             | lose duplicate reorder delay partition
          enforced | gpu-vram       | gpu-dynamic rdma-odp          | kill restart freeze lose
          enforced | vfio-pci       | rdma-odp:skips-iotlb-flush gpu-dynamic:slow | freeze crash restart
          v2       | vfio-pci       | gpu-dynamic rdma-odp          | kill
          v7       | vfio-pci       | iommufd rdma-odp:silent       | delay duplicate kill restart
          """)
  void aRememberedStepIsThatOfTheCores(
      String contract, String exporter, String importers, String faults) {
    for (boolean small : new boolean[] {true, false}) {
      WorldPlan plan =
          Plans.of(
              contract,
              exporter,
              null,
              List.of(importers.split(" ")),
              List.of(faults.split(" ")),
              small);
      Numbers numbers = new Numbers();
      Folding folding = new Folding(plan, numbers);
      World view = new World(plan, line -> {});
      Histories histories = new Histories(view.names(), numbers);
      Steps steps = new Steps(folding, numbers, histories, view);
      Map<List<Integer>, Object> ends = new HashMap<>();
      for (int seed = 0; seed < SCHEDULES; seed++) {
        play(plan, seed, folding, histories, steps, view, ends);
        long before = steps.plays();
        int mustBePlayed = play(plan, seed, folding, histories, steps, view, ends);
        assertThat(steps.plays() - before)
            .as("steps played when schedule %d comes again", seed)
            .isLessThanOrEqualTo(mustBePlayed);
      }
    }
  }

  /** Returns how many of its steps cannot be remembered. */
  private static int play(
      WorldPlan plan,
      int seed,
      Folding folding,
      Histories histories,
      Steps steps,
      World view,
      Map<List<Integer>, Object> ends) {
    List<HistoryLine> lines = new ArrayList<>();
    World world = new World(plan, lines::add);
    Histories.Told told = histories.none();
    for (HistoryLine line : lines) {
      told = histories.then(told, line);
    }
    SplittableRandom random = new SplittableRandom(seed);
    Strategy strategy = Strategy.randomWalk(random.nextLong(), world.nodes());
    List<Action> enabled = new ArrayList<>();
    int[] parts = folding.fold(world.copy(line -> {}));
    world.enabled(enabled);
    int mustBePlayed = 0;
    for (int i = 0; i < MOST_STEPS && !enabled.isEmpty(); i++) {
      Action action = strategy.choose(enabled);
      folding.show(parts, told, view);
      List<Action> shown = new ArrayList<>();
      view.enabled(shown);
      assertThat(shown).as("what may happen in %s", world.names()).isEqualTo(enabled);
      if (!action.verb().alone() && action.verb() != Action.Verb.END) {
        mustBePlayed++;
      }

      told = steps.step(parts, told, action);
      world.apply(action);

      String step = "seed %d, step %d: %s".formatted(seed, i, action.text(world.names()));
      assertThat(parts).as(step).isEqualTo(folding.fold(world.copy(line -> {})));
      assertThat(told.lines()).as(step).isEqualTo(lines);
      // What a judge is told of a schedule that is cut off comes from no more than this.
      List<HistoryLine> last = new ArrayList<>();
      Object end = List.of(world.copy(last::add).finish(true), last);
      List<Integer> from = Arrays.stream(Exhaustive.cutOff(folding, parts, told)).boxed().toList();
      assertThat(ends.getOrDefault(from, end)).as(step).isEqualTo(end);
      ends.put(from, end);
      enabled.clear();
      world.enabled(enabled);
    }
    return mustBePlayed;
  }
}
