package dev.dmabufsim.iommu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.History;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryFormat;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ExporterMessage.BufferClosed;
import dev.dmabufsim.common.message.ExporterMessage.SlotsMapped;
import dev.dmabufsim.common.message.ExporterMessage.SlotsUnmapped;
import dev.dmabufsim.common.message.IommuMessage;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Peer;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The IOMMU of a host with a real control file, between probes for exporters. */
final class IommuHubTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final long NEVER = TimeUnit.HOURS.toMicros(1);
  private static final int BUFFER = 7;
  private static final long BUFFER_IN_SLOT = 12;
  private static final int SLOTS = 8;

  private static ActorTestKit kit;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private final Queue<NodeReport> reports = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean done = new AtomicBoolean();
  private Fabric fabric;
  private ControlFile control;
  private Peer exporterPeer;
  private int importerProcess;
  private TestProbe<ExporterMessage> exporter;
  private ActorRef<IommuHub.Command> hub;
  private Guard device;
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
  void start() throws IOException {
    fabric = Fabric.create(shm, SLOTS);
    control = fabric.control();
    device = fabric.guard();
    Peer self = peer("iommu", register(ProcessIdentity.self(), "iommu"));
    exporterPeer = peer("exporter", register(ProcessIdentity.self(), "exporter"));
    importerProcess = register(ProcessIdentity.self(), "importer");
    exporter = kit.createTestProbe(ExporterMessage.class);
    hub =
        kit.spawn(
            IommuHub.create(
                new NodeContext(
                    self,
                    fabric,
                    History.toFile(shm.resolve("history"), "iommu"),
                    reports::add,
                    () -> done.set(true))));
  }

  @AfterEach
  void stop() throws IOException {
    kit.stop(hub);
    fabric.close();
  }

  private int register(ProcessIdentity identity, String name) throws IOException {
    return control.register(identity, ProcessEntry.ROLE_NODE, name);
  }

  private Peer peer(String name, int process) {
    return Peer.of(name, 1, process, control.fabricId());
  }

  private void say(IommuMessage message) {
    hub.tell(new IommuHub.Command.Remote(message));
  }

  private <T extends ExporterMessage> T exporterHears(Class<T> kind) {
    return exporter.expectMessageClass(kind, LIMIT);
  }

  private SlotsMapped map(int process, Integer... attachments) {
    return map(SlotUse.DMA, true, process, attachments);
  }

  private SlotsMapped map(SlotUse use, boolean translated, int process, Integer... attachments) {
    List<SlotRequest> requests =
        Arrays.stream(attachments)
            .map(a ->
                new SlotRequest(a, SlotMapping.deviceKey(process, 0), process, use, Span.WHOLE))
            .toList();
    say(
        new IommuMessage.MapSlots(
            exporterPeer, exporter.ref(), BUFFER, 0, 70, 5, 4096, translated, requests));
    SlotsMapped answer = exporterHears(SlotsMapped.class);
    assertThat(answer.buffer()).isEqualTo(BUFFER);
    assertThat(answer.use()).isEqualTo(use);
    return answer;
  }

  private SgTable map(int attachment) {
    return map(importerProcess, attachment).tables().getFirst();
  }

  private void close(long epoch, long drainMicros) {
    say(new IommuMessage.CloseBuffer(exporterPeer, exporter.ref(), BUFFER, epoch, drainMicros));
  }

  private static long granted(SgTable table) {
    return ControlDescriptor.grant(table.generation(), ControlDescriptor.PERMISSION_READ_WRITE);
  }

  private int permission(SgTable table) {
    return ControlDescriptor.permission(control.grant(table.slot()));
  }

  private boolean enter(SgTable table) {
    return device.enter(control.slotAt(table.slot()), granted(table));
  }

  private void leave(SgTable table) {
    device.leave(control.slotAt(table.slot()));
  }

  private <T extends HistoryEvent> List<T> recorded(Class<T> kind) throws IOException {
    List<T> events = new ArrayList<>();
    for (String line : Files.readAllLines(shm.resolve("history"))) {
      HistoryEvent event = HistoryFormat.read(line).event();
      if (kind.isInstance(event)) {
        events.add(kind.cast(event));
      }
    }
    return events;
  }

  @Test
  void aMapLetsTheDeviceInAndAnUnmapLetsItInNoMore() {
    SgTable table = map(10);
    assertThat(control.mapping(table.slot()))
        .isEqualTo(
            new SlotMapping(
                10,
                BUFFER,
                SlotMapping.deviceKey(importerProcess, 0),
                importerProcess,
                70,
                5,
                0,
                4096,
                0));
    assertThat(enter(table)).isTrue();
    leave(table);

    MappingId mapping = new MappingId(10, 5, SlotUse.DMA);
    say(new IommuMessage.UnmapSlots(exporterPeer, exporter.ref(), BUFFER, List.of(mapping)));

    assertThat(exporterHears(SlotsUnmapped.class).mappings()).containsExactly(mapping);
    assertThat(enter(table)).isFalse();
    assertThat(permission(table)).isEqualTo(ControlDescriptor.PERMISSION_FREE);
  }

  @Test
  void aSlotSaysWhoGoesThroughItAndWhetherItIsTranslated() {
    assertThat(flags(SlotUse.DMA, true)).isEqualTo(ControlDescriptor.SLOT_TRANSLATED);
    assertThat(flags(SlotUse.DMA, false)).isZero();
    assertThat(flags(SlotUse.ATS, true))
        .isEqualTo(ControlDescriptor.SLOT_TRANSLATED | ControlDescriptor.SLOT_ATS);
    assertThat(flags(SlotUse.ATS, false)).isEqualTo(ControlDescriptor.SLOT_ATS);
    for (boolean translated : new boolean[] {true, false}) {
      assertThat(flags(SlotUse.CPU, translated))
          .as("a CPU's mapping is checked under every contract")
          .isEqualTo(ControlDescriptor.SLOT_TRANSLATED | ControlDescriptor.SLOT_CPU);
    }
  }

  private int flags(SlotUse use, boolean translated) {
    SgTable table = map(use, translated, importerProcess, nextAttachment++).tables().getFirst();
    assertThat(table.translated())
        .isEqualTo((control.flags(table.slot()) & ControlDescriptor.SLOT_TRANSLATED) != 0);
    return control.flags(table.slot());
  }

  @Test
  void theCpusMappingFaultsOnceItIsUnmappedThoughTheDevicesIsNot() {
    SgTable devices = map(10);
    SgTable cpus = map(SlotUse.CPU, false, importerProcess, 10).tables().getFirst();
    assertThat(enter(cpus)).isTrue();
    MappingId mapping = new MappingId(10, 5, SlotUse.CPU);
    say(new IommuMessage.UnmapSlots(exporterPeer, exporter.ref(), BUFFER, List.of(mapping)));
    await().atMost(LIMIT).until(() -> permission(cpus) == ControlDescriptor.PERMISSION_BLOCKED);

    leave(cpus);

    assertThat(exporterHears(SlotsUnmapped.class).mappings()).containsExactly(mapping);
    assertThat(enter(cpus)).isFalse();
    assertThat(enter(devices)).isTrue();
  }

  @Test
  void aCloseReportsADeviceWithAtsAsUndrainedThoughItsSlotIsIdleAndIsAnsweredAtOnce() {
    map(SlotUse.ATS, true, importerProcess, 20);
    map(10);
    close(1, NEVER);

    BufferClosed closed = exporterHears(BufferClosed.class);
    assertThat(closed.open()).containsExactly(10, 20);
    assertThat(closed.undrained()).containsExactly(20);
  }

  @Test
  void aMapIsRefusedWhenTheTableIsFull() {
    SlotsMapped answer = map(importerProcess, 1, 2, 3, 4, 5, 6, 7, 8, 9);

    assertThat(answer.tables()).hasSize(SLOTS);
    assertThat(answer.refused()).containsExactly(9);
  }

  @Test
  void aCloseIsAnsweredWithWhatIsInFlightWhenItsTimeIsOverAndWithNothingOnceThatHasEnded()
      throws IOException {
    SgTable busy = map(10);
    SgTable idle = map(11);
    assertThat(enter(busy)).isTrue();

    close(1, 2_000);
    BufferClosed first = exporterHears(BufferClosed.class);
    assertThat(first.open()).containsExactly(10, 11);
    assertThat(first.undrained()).containsExactly(10);
    assertThat(first.micros()).isGreaterThanOrEqualTo(2_000);
    assertThat(permission(busy)).isEqualTo(ControlDescriptor.PERMISSION_BLOCKED);
    assertThat(permission(idle)).isEqualTo(ControlDescriptor.PERMISSION_FREE);
    assertThat(enter(idle)).isFalse();

    leave(busy);
    close(1, NEVER);
    BufferClosed second = exporterHears(BufferClosed.class);
    assertThat(second.open()).isEmpty();
    assertThat(second.undrained()).isEmpty();
    assertThat(permission(busy)).isEqualTo(ControlDescriptor.PERMISSION_FREE);
    assertThat(enter(busy)).isFalse();
    assertThat(recorded(HistoryEvent.Closed.class))
        .extracting(HistoryEvent.Closed::undrained)
        .containsExactly(List.of(10), List.of());
  }

  @Test
  void aCloseIsAnsweredAsSoonAsTheDmaHasEnded() {
    SgTable table = map(10);
    assertThat(enter(table)).isTrue();
    close(1, NEVER);
    await().atMost(LIMIT).until(() -> permission(table) == ControlDescriptor.PERMISSION_BLOCKED);

    leave(table);

    assertThat(exporterHears(BufferClosed.class).undrained()).isEmpty();
  }

  @Test
  void aSlotThatWasClosedMeanwhileIsDrainedWithoutAnybodyAsking() {
    SgTable table = map(10);
    assertThat(enter(table)).isTrue();
    close(1, 1_000);
    assertThat(exporterHears(BufferClosed.class).undrained()).containsExactly(10);

    leave(table);

    await().atMost(LIMIT).until(() -> permission(table) == ControlDescriptor.PERMISSION_FREE);
  }

  @Test
  void aSubscriberIsToldWhereTheIommuIsAndWhoIsDeadAlready() throws Exception {
    Process importer = new ProcessBuilder("sleep", "600").start();
    int process = register(ProcessIdentity.of((int) importer.pid()), "doomed");
    importer.destroyForcibly().waitFor();
    await().atMost(LIMIT).until(() -> !recorded(HistoryEvent.ProcessDied.class).isEmpty());

    say(new IommuMessage.Subscribe(exporterPeer, exporter.ref()));

    exporterHears(ExporterMessage.IommuReady.class);
    assertThat(exporterHears(ExporterMessage.ProcessDied.class).process()).isEqualTo(process);
  }

  @Test
  void aProcessThatIsKilledIsAnnouncedAndItsSlotsAreClosedThoughItDiedWithinADma()
      throws Exception {
    say(new IommuMessage.Subscribe(exporterPeer, exporter.ref()));
    exporterHears(ExporterMessage.IommuReady.class);
    Process importer = new ProcessBuilder("sleep", "600").start();
    int process = register(ProcessIdentity.of((int) importer.pid()), "doomed");
    SgTable its = map(process, 20).tables().getFirst();
    SgTable others = map(10);
    assertThat(enter(its)).isTrue();

    importer.destroyForcibly().waitFor();

    assertThat(exporterHears(ExporterMessage.ProcessDied.class).process()).isEqualTo(process);
    await().atMost(LIMIT).until(() -> permission(its) == ControlDescriptor.PERMISSION_FREE);
    assertThat(control.inFlight(its.slot())).isFalse();
    assertThat(permission(others)).isEqualTo(ControlDescriptor.PERMISSION_READ_WRITE);
    assertThat(recorded(HistoryEvent.ProcessDied.class))
        .containsExactly(new HistoryEvent.ProcessDied(process, "doomed", 1));
    assertThat(map(process, 21).refused()).containsExactly(21);
  }

  /** Another IOMMU of the same name, as if the first had died: the first is told nothing more. */
  private ActorRef<IommuHub.Command> successor() throws IOException {
    kit.stop(hub);
    Peer self = peer("iommu", register(ProcessIdentity.self(), "iommu"));
    hub =
        kit.spawn(
            IommuHub.create(
                new NodeContext(
                    self,
                    fabric,
                    History.toFile(shm.resolve("successor"), "iommu"),
                    reports::add,
                    () -> done.set(true))));
    return hub;
  }

  private <T extends HistoryEvent> List<T> successorRecorded(Class<T> kind) throws IOException {
    List<T> events = new ArrayList<>();
    for (String line : Files.readAllLines(shm.resolve("successor"))) {
      HistoryEvent event = HistoryFormat.read(line).event();
      if (kind.isInstance(event)) {
        events.add(kind.cast(event));
      }
    }
    return events;
  }

  @Test
  void aSuccessorKnowsWhatIsMappedAndClosesItAndRefusesADamagedSlot() throws IOException {
    control.journal().enter(BUFFER, exporterPeer.process(), 70, 4096, 5);
    SgTable whole = map(10);
    SgTable damaged = map(11);
    control
        .memory()
        .set(ValueLayout.JAVA_INT, control.slotAt(damaged.slot()) + BUFFER_IN_SLOT, -77);

    successor();

    await().atMost(LIMIT).until(() -> !successorRecorded(HistoryEvent.Rebuilt.class).isEmpty());
    assertThat(successorRecorded(HistoryEvent.Rebuilt.class))
        .containsExactly(new HistoryEvent.Rebuilt(2, List.of(10)));
    assertThat(successorRecorded(HistoryEvent.Dropped.class)).hasSize(1);
    assertThat(enter(damaged)).isFalse();
    assertThat(enter(whole)).isTrue();
    close(1, NEVER);
    await().atMost(LIMIT).until(() -> permission(whole) == ControlDescriptor.PERMISSION_BLOCKED);
    leave(whole);
    BufferClosed closed = exporterHears(BufferClosed.class);
    assertThat(closed.open()).containsExactly(10);
    assertThat(closed.undrained()).isEmpty();
  }

  @Test
  void aDeadExportersMemoryIsBlockedSeveredAndReclaimedOnce() throws Exception {
    Process dying = new ProcessBuilder("sleep", "600").start();
    int process = register(ProcessIdentity.of((int) dying.pid()), "doomed");
    fabric.createSegment(70, 4096);
    int entry = control.journal().enter(BUFFER, process, 70, 4096, 5);
    control.journal().write(entry, 3, BufferJournal.Phase.REVOKING);
    SgTable table = map(10);

    dying.destroyForcibly().waitFor();

    await().atMost(LIMIT).until(() -> !recorded(HistoryEvent.Reclaimed.class).isEmpty());
    assertThat(fabric.hasSegment(70)).isFalse();
    assertThat(enter(table)).isFalse();
    assertThat(control.journal().entries().getFirst().phase())
        .isEqualTo(BufferJournal.Phase.RECLAIMED);
    assertThat(recorded(HistoryEvent.Orphaned.class))
        .containsExactly(new HistoryEvent.Orphaned(BUFFER, 3, 70, 5, process, true));
    assertThat(recorded(HistoryEvent.Reclaimed.class))
        .extracting(HistoryEvent.Reclaimed::epoch, HistoryEvent.Reclaimed::outcome)
        .containsExactly(tuple(3L, RevokeOutcome.BLOCKED));

    // Another death has the journal looked through again.
    Process other = new ProcessBuilder("sleep", "600").start();
    register(ProcessIdentity.of((int) other.pid()), "another");
    other.destroyForcibly().waitFor();
    await().atMost(LIMIT).until(() -> recorded(HistoryEvent.ProcessDied.class).size() == 2);
    assertThat(recorded(HistoryEvent.Reclaimed.class)).hasSize(1);
  }

  @Test
  void anExporterOfAnotherHostIsNotListenedTo() throws IOException {
    Peer far = Peer.of("far", 1, exporterPeer.process(), control.fabricId() + 1);
    say(
        new IommuMessage.MapSlots(
            far,
            exporter.ref(),
            BUFFER,
            0,
            70,
            5,
            4096,
            true,
            List.of(new SlotRequest(10, 1, 1, SlotUse.DMA, Span.WHOLE))));
    await().atMost(LIMIT).until(() -> !recorded(HistoryEvent.Dropped.class).isEmpty());

    exporter.expectNoMessage(Duration.ZERO);
    assertThat(control.slotsHighWater()).isZero();
    assertThat(recorded(HistoryEvent.Dropped.class).getFirst().message())
        .isEqualTo("MapSlots from far");
  }

  @Test
  void aNodeThatIsToLeaveSaysHowManySlotsWereLeft() throws IOException {
    map(10);
    map(11);
    hub.tell(new IommuHub.Command.Control(new NodeCommand.Leave()));

    await().atMost(LIMIT).untilTrue(done);
    assertThat(recorded(HistoryEvent.IommuStopped.class))
        .containsExactly(new HistoryEvent.IommuStopped(2));
    assertThat(reports).containsExactly(new NodeReport.Ready("iommu"));
  }
}
