package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ImporterKind;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ExporterMessage.Attach;
import dev.dmabufsim.common.message.ExporterMessage.Call;
import dev.dmabufsim.common.message.ExporterMessage.RevokeProgress;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.ImporterMessage.BufferInfo;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Peer;
import dev.dmabufsim.common.message.SgTable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An importer node that does real DMA, before a probe for the exporter. */
final class ImporterHubTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final int PROCESS = 3;
  private static final int BUFFER = 7;
  private static final int SEGMENT = 70;
  private static final int BYTES = 64 * 1024;

  private static ActorTestKit kit;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private final Queue<NodeReport> reports = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean done = new AtomicBoolean();

  /** The exporter's numbers for attachments, and whose they are. */
  private final Map<Integer, Integer> deviceOf = new HashMap<>();

  private final Set<ExporterMessage> heard = new HashSet<>();
  private Fabric fabric;
  private ControlFile control;
  private RecordedHistory recorded;
  private TestProbe<ExporterMessage> exporter;
  private ActorRef<ImporterHub.Command> hub;
  private int nextAttachment = 100;

  @BeforeAll
  static void startKit() {
    kit = ActorTestKit.create();
  }

  @AfterAll
  static void stopKit() {
    kit.shutdownTestKit();
  }

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 16);
    control = fabric.control();
    fabric.createSegment(SEGMENT, BYTES);
    recorded = new RecordedHistory(shm);
    exporter = kit.createTestProbe(ExporterMessage.class);
  }

  @AfterEach
  void close() throws IOException {
    // Its engines' threads end with it, and no other way.
    hub.tell(new ImporterHub.Command.Control(NodeCommand.LEAVE));
    await().atMost(LIMIT).untilTrue(done);
    kit.stop(hub);
    fabric.close();
  }

  private void start(int holdAt, ImporterKind... kinds) {
    List<ImporterPlan.Device> devices = new ArrayList<>();
    for (ImporterKind kind : kinds) {
      devices.add(
          new ImporterPlan.Device(
              kind.label() + devices.size(), kind, 2, Behaviour.HONEST, 0, List.of()));
    }
    NodeContext node =
        new NodeContext(
            new Peer("importer", 1, PROCESS, control.fabricId()),
            fabric,
            recorded.history,
            reports::add,
            () -> done.set(true));
    hub =
        kit.spawn(
            ImporterHub.create(
                node,
                new ImporterPlan(
                    devices, 1, new ImporterPlan.Workload(64, 4096, 0, 0.2, 1), holdAt)));
    say(
        new ImporterMessage.Buffers(
            exporterPeer(), exporter.ref(), List.of(new BufferInfo(BUFFER, "gpu", BYTES))));
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ready("importer")));
    control(NodeCommand.BEGIN);
  }

  private Peer exporterPeer() {
    return new Peer("exporter", 1, 1, control.fabricId());
  }

  private void say(ImporterMessage message) {
    hub.tell(new ImporterHub.Command.Remote(message));
  }

  private void control(NodeCommand command) {
    hub.tell(new ImporterHub.Command.Control(command));
  }

  /** The next message, but for repetitions: on a busy machine an answer may be slow in coming. */
  private ExporterMessage hear() {
    ExporterMessage message = exporter.receiveMessage(LIMIT);
    while (!heard.add(message)) {
      message = exporter.receiveMessage(LIMIT);
    }
    return message;
  }

  private <T extends ExporterMessage> T hear(Class<T> kind) {
    ExporterMessage message = hear();
    assertThat(message).isInstanceOf(kind);
    return kind.cast(message);
  }

  /** Answers a device's attach; the attachments. */
  private List<Integer> attach() {
    Attach asked = hear(Attach.class);
    List<Integer> ids = new ArrayList<>();
    for (int i = 0; i < asked.cookies().size(); i++) {
      ids.add(++nextAttachment);
      deviceOf.put(nextAttachment, asked.deviceKey());
    }
    say(
        new ImporterMessage.AttachReply(
            exporterPeer(), BUFFER, asked.deviceKey(), Errno.OK, asked.cookies(), ids));
    return ids;
  }

  private Call expect(Operation operation) {
    Call call = hear(Call.class);
    assertThat(call.operation()).isEqualTo(operation);
    assertThat(call.buffer()).isEqualTo(BUFFER);
    return call;
  }

  private void answer(Call call, List<SgTable> tables) {
    say(
        new ImporterMessage.CallReply(
            exporterPeer(),
            call.call(),
            call.operation(),
            BUFFER,
            call.attachments(),
            List.of(),
            tables));
  }

  /** Opens slots for a map, as the IOMMU would, and answers it. */
  private List<SgTable> map() {
    Call call = expect(Operation.MAP);
    List<SgTable> tables = new ArrayList<>();
    for (int id : call.attachments()) {
      int slot = id - 100;
      control.openSlot(
          slot, new SlotMapping(id, BUFFER, deviceOf.get(id), PROCESS, SEGMENT, 5, BYTES, 0), true);
      tables.add(new SgTable(id, SgTable.iovaOf(slot), BYTES, slot, SEGMENT, 5, true));
    }
    answer(call, tables);
    return tables;
  }

  private void awaitDma(SgTable table) {
    long before = control.counters(table.slot()).operations();
    await().atMost(LIMIT).until(() -> control.counters(table.slot()).operations() > before + 10);
  }

  private void invalidate(long epoch, List<Integer> ids) {
    say(new ImporterMessage.InvalidateMappings(exporterPeer(), exporter.ref(), BUFFER, epoch, ids));
  }

  @Test
  void aDeviceAttachesMapsDoesDmaAnswersARevokeAndMapsAgain() {
    start(0, ImporterKind.GPU_DYNAMIC);
    List<Integer> ids = attach();
    List<SgTable> tables = map();
    awaitDma(tables.get(0));
    awaitDma(tables.get(1));
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Settled("importer", 2, 0)));

    invalidate(1, ids);
    Set<Integer> unmapped = new HashSet<>();
    Set<Integer> returned = new HashSet<>();
    while (unmapped.size() < ids.size()) {
      RevokeProgress progress = hear(RevokeProgress.class);
      assertThat(progress.epoch()).isEqualTo(1);
      returned.addAll(progress.returned());
      assertThat(returned).containsAll(progress.fenced());
      assertThat(progress.fenced()).containsAll(progress.unmapped());
      unmapped.addAll(progress.unmapped());
    }

    assertThat(expect(Operation.MAP).attachments()).isEqualTo(ids);
    assertThat(recorded.events(HistoryEvent.Invalidated.class))
        .containsExactly(new HistoryEvent.Invalidated("gpu-dynamic0", BUFFER, 1, ids, 2));
    assertThat(recorded.events(HistoryEvent.Fenced.class))
        .containsExactly(new HistoryEvent.Fenced("gpu-dynamic0", BUFFER, 1, ids));
    assertThat(recorded.events(HistoryEvent.Refused.class)).isEmpty();
  }

  @Test
  void theAnswersOfAllDevicesToOneInvalidationGoBackTogether() {
    start(0, ImporterKind.GPU_DYNAMIC, ImporterKind.GPU_DYNAMIC, ImporterKind.GPU_DYNAMIC);
    List<Integer> ids = new ArrayList<>();
    for (int device = 0; device < 3; device++) {
      // Their messages come in any order: an attach may follow another device's map.
      ExporterMessage next = hear();
      while (!(next instanceof Attach asked)) {
        next = hear();
      }
      List<Integer> its = new ArrayList<>();
      for (int i = 0; i < asked.cookies().size(); i++) {
        its.add(++nextAttachment);
      }
      ids.addAll(its);
      say(
          new ImporterMessage.AttachReply(
              exporterPeer(), BUFFER, asked.deviceKey(), Errno.OK, asked.cookies(), its));
    }
    assertThat(ids).hasSize(6);

    // Nothing is mapped yet, so each device answers everything at once.
    invalidate(1, ids);

    Set<Integer> answered = new HashSet<>();
    int messages = 0;
    while (answered.size() < ids.size()) {
      if (hear() instanceof RevokeProgress progress) {
        messages++;
        answered.addAll(progress.unmapped());
      }
    }
    assertThat(answered).containsExactlyInAnyOrderElementsOf(ids);
    assertThat(messages).as("never one for each attachment").isLessThanOrEqualTo(3);
  }

  @Test
  void aPermanentInvalidationIsFollowedByUnpinDetachAndANewAttach() {
    start(0, ImporterKind.RDMA_PINNED_REVOCABLE);
    List<Integer> ids = attach();
    answer(expect(Operation.PIN), List.of());
    awaitDma(map().getFirst());

    invalidate(1, ids);
    Set<Integer> unmapped = new HashSet<>();
    while (unmapped.size() < ids.size()) {
      unmapped.addAll(hear(RevokeProgress.class).unmapped());
    }
    Call unpin = expect(Operation.UNPIN);
    assertThat(unpin.attachments()).containsExactlyInAnyOrderElementsOf(ids);
    answer(unpin, List.of());
    answer(expect(Operation.DETACH), List.of());

    assertThat(hear(Attach.class).cookies()).hasSize(2);
  }

  @Test
  void whoIsToldOfARevokeBeforeItKnowsOfItsAttachmentAnswersThatNothingIsMapped() {
    start(0, ImporterKind.GPU_DYNAMIC);
    hear(Attach.class);

    invalidate(1, List.of(101, 102));

    RevokeProgress progress = hear(RevokeProgress.class);
    assertThat(progress.returned()).containsExactly(101, 102);
    assertThat(progress.fenced()).containsExactly(101, 102);
    assertThat(progress.unmapped()).containsExactly(101, 102);
  }

  @Test
  void atAFaultsPointTheDriverSaysNothingMoreAndTheEngineRunsOn() {
    start(2, ImporterKind.GPU_DYNAMIC);
    List<Integer> ids = attach();
    map();
    invalidate(1, ids);
    Set<Integer> unmapped = new HashSet<>();
    while (unmapped.size() < ids.size()) {
      unmapped.addAll(hear(RevokeProgress.class).unmapped());
    }
    List<SgTable> tables = map();
    awaitDma(tables.getFirst());

    invalidate(2, ids);

    NodeReport atPoint = new NodeReport.AtPoint("importer", ImporterHub.POINT_INVALIDATED, 2);
    await().atMost(LIMIT).until(() -> reports.contains(atPoint));
    awaitDma(tables.getFirst());
    ExporterMessage last = new ExporterMessage.ProcessDied(exporterPeer(), -1);
    exporter.ref().tell(last);
    assertThat(hear()).as("nothing but what was said before").isEqualTo(last);
    assertThat(recorded.events(HistoryEvent.FaultPointReached.class))
        .containsExactly(new HistoryEvent.FaultPointReached(ImporterHub.POINT_INVALIDATED, 2));
  }

  @Test
  void aNodeThatIsToEndGivesEverythingBack() {
    start(0, ImporterKind.IOMMUFD);
    attach();
    answer(expect(Operation.PIN), List.of());
    awaitDma(map().getFirst());

    control(NodeCommand.END);
    answer(expect(Operation.UNMAP), List.of());
    answer(expect(Operation.UNPIN), List.of());
    answer(expect(Operation.DETACH), List.of());

    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ended("importer")));
    control(NodeCommand.LEAVE);
    await().atMost(LIMIT).untilTrue(done);
    assertThat(recorded.events(HistoryEvent.DeviceStopped.class))
        .containsExactly(new HistoryEvent.DeviceStopped("iommufd0", 0, 0, 0));
  }

  @Test
  void anExporterThatIsGoneStopsTheDmaAndIsNotWaitedForAtTheEnd() {
    start(0, ImporterKind.GPU_DYNAMIC);
    attach();
    SgTable table = map().getFirst();
    awaitDma(table);

    exporter.stop();

    control(NodeCommand.END);
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ended("importer")));
  }
}
