package dev.dmabufsim.simulator.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.history.HistoryEvent;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What happens in a world, one action after another. */
class WorldTest {
  private final List<HistoryEvent> told = new ArrayList<>();
  private final World world =
      new World(
          Plans.of(
              "enforced",
              "vfio-pci",
              "reset",
              List.of("gpu-dynamic"),
              List.of("kill", "restart"),
              false),
          line -> told.add(line.event()));

  /** What an untroubled cluster does, until such a thing is told of. */
  private <T extends HistoryEvent> T until(Class<T> kind) {
    Strategy calm = Strategy.calm();
    int from = told.size();
    List<Action> enabled = new ArrayList<>();
    while (true) {
      for (HistoryEvent event : told.subList(from, told.size())) {
        if (kind.isInstance(event)) {
          return kind.cast(event);
        }
      }
      enabled.clear();
      world.enabled(enabled);
      enabled.removeIf(a -> a.verb().fault());
      assertThat(enabled).as("nothing more can happen: %s", told).isNotEmpty();
      world.apply(calm.choose(enabled));
    }
  }

  @Test
  void theSameActionIsAllowedAndEnabled() {
    List<Action> enabled = new ArrayList<>();
    world.enabled(enabled);
    assertThat(enabled).isNotEmpty().allMatch(world::allows);
    assertThat(world.allows(Action.of(Action.Verb.RESTORE))).isFalse();
  }

  /** The buffer of the next process is another one, and importers find it. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void importersAttachToTheSuccessorOfAnExporter(boolean attachedBefore) {
    int first = attachedBefore ? until(HistoryEvent.Attached.class).buffer() : 0;
    world.apply(Action.of(Action.Verb.KILL, World.EXPORTER));
    world.apply(Action.of(Action.Verb.RESTART, World.EXPORTER));

    int next = until(HistoryEvent.Attached.class).buffer();

    assertThat(World.processOf(next)).isEqualTo(world.exporter().process());
    assertThat(next).isNotEqualTo(first);
    until(HistoryEvent.RevokeCompleted.class);
    assertThat(told).noneMatch(HistoryEvent.AttachRefused.class::isInstance);
  }
}
