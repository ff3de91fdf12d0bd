package dev.dmabufsim.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import dev.dmabufsim.common.control.LinkRule;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage;
import dev.dmabufsim.common.message.Peer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeDoorTest {
  @TempDir Path shm;
  private final ActorTestKit kit = ActorTestKit.create();
  private final TestProbe<IommuMessage> hub = kit.createTestProbe(IommuMessage.class);
  private final ConcurrentLinkedQueue<HistoryEvent> recorded = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<Long> observed = new ConcurrentLinkedQueue<>();
  private Fabric fabric;
  private NodeDoor<IommuMessage> door;

  private record Opened(NodeDoor<IommuMessage> door) {}

  @BeforeEach
  void open() throws IOException {
    fabric = Fabric.create(shm, 8);
    History history =
        new History() {
          @Override
          public void record(HistoryEvent event) {
            recorded.add(event);
          }

          @Override
          public void observe(long stamp) {
            observed.add(stamp);
          }
        };
    NodeContext node =
        new NodeContext(Peer.of("iommu-1", 1, 0, 1), fabric, history, r -> {}, () -> {});
    TestProbe<Opened> opened = kit.createTestProbe(Opened.class);
    kit.spawn(
        Behaviors.<IommuMessage>setup(context -> {
          opened.ref().tell(new Opened(NodeDoor.open(context, node, IommuMessage.class, m -> m)));
          return Behaviors.receiveMessage(m -> {
            hub.ref().tell(m);
            return Behaviors.same();
          });
        }));
    door = opened.receiveMessage().door();
  }

  @AfterEach
  void close() throws IOException {
    kit.shutdownTestKit();
    fabric.remove();
  }

  private static IommuMessage message(int buffer) {
    ActorRef<dev.dmabufsim.common.message.ExporterMessage> nobody = null;
    return new IommuMessage.UnmapSlots(
        Peer.of("exporter-1", 1, 1, 1).at(100 + buffer), nobody, buffer, List.of());
  }

  private static LinkRule rule(LinkRule.Kind kind, long min, long max) {
    return new LinkRule("exporter-1", "iommu-1", kind, 1, min, max, 1000);
  }

  @Test
  void aMessageGoesToTheHubAndSetsTheClock() {
    door.address().tell(message(7));
    assertThat(hub.receiveMessage()).isEqualTo(message(7));
    assertThat(observed).containsExactly(107L);
  }

  @Test
  void whatIsLostIsWrittenDownAndDoesNotSetTheClock() {
    door.rules(List.of(rule(LinkRule.Kind.DROP, 0, 0)));
    door.address().tell(message(1));
    door.rules(List.of());
    door.address().tell(message(2));
    assertThat(hub.receiveMessage()).isEqualTo(message(2));
    assertThat(observed).containsExactly(102L);
    assertThat(recorded)
        .containsExactly(new HistoryEvent.Dropped("UnmapSlots from exporter-1", "lost by a fault"));
  }

  @Test
  void whatIsRepeatedComesTwice() {
    door.rules(List.of(rule(LinkRule.Kind.DUPLICATE, 0, 0)));
    door.address().tell(message(1));
    assertThat(hub.receiveMessage()).isEqualTo(message(1));
    assertThat(hub.receiveMessage()).isEqualTo(message(1));
  }

  @Test
  void whatIsDelayedComesInOrderAlsoIfTheLinkIsWholeAgainBefore() {
    door.rules(List.of(rule(LinkRule.Kind.DELAY, 50_000_000, 50_000_000)));
    door.address().tell(message(1));
    door.address().tell(message(2));
    door.rules(List.of());
    door.address().tell(message(3));
    assertThat(hub.receiveMessage()).isEqualTo(message(1));
    assertThat(hub.receiveMessage()).isEqualTo(message(2));
    assertThat(hub.receiveMessage()).isEqualTo(message(3));
  }

  @Test
  void aSlowLinkWeighsTheMessageAsItGoesOverTheWire() {
    door.rules(
        List.of(new LinkRule("exporter-1", "iommu-1", LinkRule.Kind.SLOW, 1, 0, 0, 1_000_000_000)));
    door.address().tell(message(1));
    assertThat(hub.receiveMessage()).isEqualTo(message(1));
  }
}
