package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.message.ImporterMessage.BufferInfo;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.importer.ImporterHubCore.Assignment;
import dev.dmabufsim.importer.ImporterHubCore.Effect;
import dev.dmabufsim.importer.ImporterHubCore.Event;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class ImporterHubCoreTest {
  private static final int GPU = 10;
  private static final int NIC = 20;

  private static ImporterPlan.Device device(String name, int attachments, List<String> exporters) {
    return new ImporterPlan.Device(
        name,
        AttachmentDriver.driver("gpu-dynamic"),
        attachments,
        Behaviour.HONEST,
        0,
        false,
        CpuUse.NONE,
        Span.WHOLE,
        exporters);
  }

  private final ImporterHubCore core =
      new ImporterHubCore(
          new ImporterPlan(
              List.of(device("a", 3, List.of()), device("b", 1, List.of("gpu"))),
              2,
              new ImporterPlan.Workload(64, 4096, 0, 0.2, 1)));

  private ImporterHubCore.State state = ImporterHubCore.State.NEW;

  private List<Effect> happens(Event event) {
    ImporterHubCore.Step step = core.step(state, event);
    state = step.state();
    return step.effects();
  }

  private static List<BufferInfo> buffers(String device, int process, int count) {
    List<BufferInfo> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(new BufferInfo(process << 16 | i, device, 4096));
    }
    return buffers;
  }

  private Event.Listed gpu(int process) {
    return new Event.Listed(process, buffers("gpu", process, 2));
  }

  private void begin() {
    assertThat(happens(gpu(GPU))).isEmpty();
    assertThat(happens(new Event.Listed(NIC, buffers("nic", NIC, 1))))
        .containsExactly(new Effect.Ready());
    assertThat(happens(new Event.Began()))
        .containsExactly(
            new Effect.Assign(
                0,
                List.of(
                    new Assignment(0, 0, GPU << 16, GPU),
                    new Assignment(1, 0, GPU << 16 | 1, GPU),
                    new Assignment(2, 0, NIC << 16, NIC))),
            new Effect.Assign(1, List.of(new Assignment(3, 1, GPU << 16, GPU))));
  }

  @Test
  void attachmentsAreSpreadAndGoToTheSameBuffersOfANewExporterOfTheirDevice() {
    begin();
    assertThat(happens(new Event.Lost(GPU)))
        .containsExactly(new Effect.Lose(GPU, List.of(GPU << 16, GPU << 16 | 1)));
    assertThat(state.hears(GPU)).isFalse();
    assertThat(happens(new Event.Lost(GPU))).isEmpty();
    assertThat(happens(gpu(GPU))).as("late").isEmpty();

    assertThat(happens(gpu(30)))
        .containsExactly(
            new Effect.Assign(
                0,
                List.of(
                    new Assignment(0, 0, 30 << 16, 30), new Assignment(1, 0, 30 << 16 | 1, 30))),
            new Effect.Assign(1, List.of(new Assignment(3, 1, 30 << 16, 30))));
    assertThat(happens(gpu(30))).as("said again").isEmpty();
  }

  @Test
  void whoIsSeenToRunIsNotLostWhateverTheClusterBelieves() {
    begin();
    assertThat(happens(new Event.Terminated(GPU, true))).isEmpty();
    assertThat(state.hears(GPU)).isTrue();
    assertThat(happens(new Event.Terminated(GPU, false)))
        .containsExactly(new Effect.Lose(GPU, List.of(GPU << 16, GPU << 16 | 1)));
    assertThat(state.hears(GPU)).isFalse();
  }

  @Test
  void atTheEndNothingIsAttachedAnew() {
    begin();
    happens(new Event.Lost(GPU));
    happens(new Event.Ending());
    assertThat(happens(gpu(30))).isEmpty();
  }

  @Test
  void whatAllDevicesHaveSaidIsReportedOnce() {
    assertThat(happens(new Event.Settled(0, 3, 0))).isEmpty();
    assertThat(happens(new Event.Settled(1, 0, 1))).containsExactly(new Effect.Settled(3, 1));
    happens(new Event.Checking(1));
    assertThat(happens(new Event.Recovered(0, 1, true))).isEmpty();
    assertThat(happens(new Event.Recovered(1, 1, false)))
        .containsExactly(new Effect.Recovered(1, List.of(0)));
    happens(new Event.Checking(2));
    assertThat(happens(new Event.Recovered(1, 2, true))).isEmpty();
    assertThat(happens(new Event.Recovered(0, 1, true))).as("said before it was asked").isEmpty();
    assertThat(happens(new Event.Recovered(0, 2, true)))
        .containsExactly(new Effect.Recovered(2, List.of(0, 1)));
    assertThat(happens(new Event.Ended(0))).isEmpty();
    assertThat(happens(new Event.Ended(1))).containsExactly(new Effect.Ended());
    assertThat(happens(new Event.Left(1))).isEmpty();
    assertThat(happens(new Event.Left(0))).containsExactly(new Effect.Done());
  }

  /** Exporters die and come back in any order: an attachment is always where it can be. */
  @Test
  void everyAttachmentIsMadeOnceToEachExporterThatLives() {
    int again = 0;
    for (int seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      state = ImporterHubCore.State.NEW;
      begin();
      Map<String, Integer> alive = new HashMap<>(Map.of("gpu", GPU, "nic", NIC));
      Map<Integer, Integer> at = new HashMap<>(Map.of(0, GPU, 1, GPU, 2, NIC, 3, GPU));
      int next = 30;
      for (int i = 0; i < 40; i++) {
        String device = random.nextBoolean() ? "gpu" : "nic";
        Integer process = alive.get(device);
        List<Effect> effects;
        if (process == null) {
          alive.put(device, next);
          effects =
              happens(new Event.Listed(next, buffers(device, next, device.equals("gpu") ? 2 : 1)));
          next++;
        } else {
          alive.remove(device);
          effects = happens(new Event.Lost(process));
          at.values().removeIf(process::equals);
        }
        Set<Integer> made = new HashSet<>();
        for (Effect effect : effects) {
          if (effect instanceof Effect.Assign assign) {
            for (Assignment a : assign.assignments()) {
              assertThat(made.add(a.index())).isTrue();
              assertThat(at.put(a.index(), a.process())).as("seed %d", seed).isNull();
              assertThat(a.buffer() >>> 16).isEqualTo(a.process());
              again++;
            }
          }
        }
        int expected = (alive.containsKey("gpu") ? 3 : 0) + (alive.containsKey("nic") ? 1 : 0);
        assertThat(at).as("seed %d", seed).hasSize(expected);
      }
    }
    assertThat(again).isGreaterThan(1_000);
  }
}
