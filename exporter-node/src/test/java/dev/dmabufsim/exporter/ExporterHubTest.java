package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.fabric.BufferJournal;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.ImporterMessage.AttachReply;
import dev.dmabufsim.common.message.ImporterMessage.BufferInfo;
import dev.dmabufsim.common.message.ImporterMessage.CallReply;
import dev.dmabufsim.common.message.ImporterMessage.InvalidateMappings;
import dev.dmabufsim.common.message.IommuMessage;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Peer;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An exporter node with a real fabric, between a probe for its IOMMU and one for an importer. */
final class ExporterHubTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  /** So long that no deadline and no repetition comes into a test that is not about them. */
  private static final long NEVER = TimeUnit.HOURS.toNanos(1);

  private static final long BYTES = 64 * 1024;
  private static final int PROCESS = 1;
  private static final int IOMMU_PROCESS = 2;
  private static final int IMPORTER_PROCESS = 3;
  private static final int DEVICE_KEY = IMPORTER_PROCESS << 16;

  private static ActorTestKit kit;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;
  private RecordedHistory recorded;
  private final Queue<NodeReport> reports = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean done = new AtomicBoolean();
  private TestProbe<ImporterMessage> importer;
  private TestProbe<IommuMessage> iommu;
  private ActorRef<ExporterHub.Command> hub;
  private long calls = 10;
  private int process = PROCESS;
  private int iommuProcess = IOMMU_PROCESS;

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
    recorded = new RecordedHistory(shm);
    importer = kit.createTestProbe(ImporterMessage.class);
    iommu = kit.createTestProbe(IommuMessage.class);
  }

  @AfterEach
  void close() throws IOException {
    if (hub != null) {
      kit.stop(hub);
    }
    fabric.close();
  }

  private static final ExporterPlan.Bound UNHURRIED =
      new ExporterPlan.Bound(NEVER, NEVER, NEVER, NEVER);

  private void start(Contract contract, ExporterPlan.Bound bound) {
    start(contract, bound, Map.of());
  }

  private void start(Contract contract, ExporterPlan.Bound bound, Map<String, Errno> unreachable) {
    start(
        contract,
        bound,
        new ExporterPlan.Rounds(1, 1, 1, NEVER, false),
        device("gpu", ExporterKind.VFIO_PCI, unreachable, RevokeCause.RESET));
  }

  private static ExporterPlan.Device device(
      String name, ExporterKind kind, Map<String, Errno> unreachable, RevokeCause... causes) {
    return new ExporterPlan.Device(name, kind, 1, BYTES, List.of(causes), unreachable);
  }

  /** Starts a node whose one device is of that kind and plays one round for each cause. */
  private void start(Contract contract, ExporterKind kind, RevokeCause... causes) {
    start(
        contract,
        UNHURRIED,
        new ExporterPlan.Rounds(causes.length, 1, 1, NEVER, false),
        device("gpu", kind, Map.of(), causes));
  }

  private void start(
      Contract contract,
      ExporterPlan.Bound bound,
      ExporterPlan.Rounds rounds,
      ExporterPlan.Device... devices) {
    ExporterPlan plan = new ExporterPlan(contract, bound, List.of(devices), rounds);
    NodeContext node =
        new NodeContext(
            peer("exporter", process),
            fabric,
            recorded.history,
            reports::add,
            () -> done.set(true));
    hub = kit.spawn(ExporterHub.create(node, plan));
    say(new ExporterMessage.IommuReady(peer("iommu", IOMMU_PROCESS), iommu.ref()));
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ready("exporter")));
  }

  private Peer peer(String node, int process) {
    return Peer.of(node, 1, process, fabric.control().fabricId());
  }

  private Peer theImporter() {
    return peer("importer", IMPORTER_PROCESS);
  }

  private void say(ExporterMessage message) {
    hub.tell(new ExporterHub.Command.Remote(message));
  }

  private <T extends ImporterMessage> T importerHears(Class<T> kind) {
    return importer.expectMessageClass(kind, LIMIT);
  }

  private <T extends IommuMessage> T iommuHears(Class<T> kind) {
    return iommu.expectMessageClass(kind, LIMIT);
  }

  private BufferInfo offer() {
    say(new ExporterMessage.ListBuffers(theImporter(), importer.ref()));
    List<BufferInfo> offers = importerHears(ImporterMessage.Buffers.class).buffers();
    assertThat(offers).hasSize(1);
    return offers.getFirst();
  }

  private AttachReply attach(ImporterOffer kind, Long... cookies) {
    return attach(theImporter(), kind, cookies);
  }

  private AttachReply attach(Peer from, ImporterOffer kind, Long... cookies) {
    return attach(offer(), from, kind, cookies);
  }

  private AttachReply attach(BufferInfo offer, Peer from, ImporterOffer kind, Long... cookies) {
    say(
        new ExporterMessage.Attach(
            from,
            importer.ref(),
            offer.buffer(),
            "nic",
            DEVICE_KEY,
            "some-kind",
            kind,
            false,
            List.of(cookies)));
    AttachReply reply = importerHears(AttachReply.class);
    assertThat(reply.buffer()).isEqualTo(offer.buffer());
    assertThat(reply.deviceKey()).isEqualTo(DEVICE_KEY);
    assertThat(reply.cookies()).containsExactly(cookies);
    return reply;
  }

  private long call(Operation operation, int buffer, List<Integer> attachments) {
    long call = ++calls;
    say(
        new ExporterMessage.Call(
            theImporter(),
            importer.ref(),
            call,
            operation,
            buffer,
            operation.locked(),
            Span.WHOLE,
            attachments));
    return call;
  }

  private CallReply answered(long call) {
    CallReply reply = importerHears(CallReply.class);
    assertThat(reply.call()).isEqualTo(call);
    return reply;
  }

  /** Answers a request for slots as an IOMMU would. */
  private List<SgTable> openSlots(IommuMessage.MapSlots asked) {
    List<SgTable> tables =
        asked.requests().stream()
            .map(r ->
                new SgTable(
                    r.attachment(),
                    SgTable.iovaOf(0) + r.span().offset(),
                    r.span().lengthIn(asked.length()),
                    0,
                    asked.segment(),
                    asked.generation(),
                    asked.generation(),
                    asked.translated(),
                    r.use()))
            .toList();
    say(
        new ExporterMessage.SlotsMapped(
            peer("iommu", iommuProcess),
            asked.buffer(),
            asked.epoch(),
            asked.requests().getFirst().use(),
            tables,
            List.of()));
    return tables;
  }

  /** Attaches and maps one attachment; its table. */
  private SgTable mapped() {
    AttachReply attached = attach(ImporterOffer.DYNAMIC, 1L);
    long call = call(Operation.MAP, attached.buffer(), attached.attachments());
    openSlots(iommuHears(IommuMessage.MapSlots.class));
    return answered(call).tables().getFirst();
  }

  /** The callbacks of all have returned, each with a fence; some have signalled. */
  private void progress(InvalidateMappings asked, List<Integer> fenced, List<Integer> unmapped) {
    say(
        new ExporterMessage.RevokeProgress(
            theImporter(),
            asked.buffer(),
            asked.epoch(),
            asked.attachments(),
            asked.attachments().stream()
                .map(id -> new ExporterMessage.Fence(id, 0, FenceUsage.BOOKKEEP))
                .toList(),
            fenced.stream().map(id -> new ExporterMessage.Signal(id, 0, Errno.OK)).toList(),
            unmapped));
  }

  private void bufferClosed(
      IommuMessage.CloseBuffer asked, List<Integer> open, List<Integer> undrained) {
    say(
        new ExporterMessage.BufferClosed(
            peer("iommu", IOMMU_PROCESS), asked.buffer(), asked.epoch(), open, undrained, 5));
  }

  private <T extends HistoryEvent> T recorded(Class<T> kind) {
    await().atMost(LIMIT).until(() -> !recorded.events(kind).isEmpty());
    assertThat(recorded.events(kind)).hasSize(1);
    return recorded.events(kind).getFirst();
  }

  @Test
  void aBufferIsAttachedPinnedMappedRevokedHandedOverRestoredAndMappedAgain() {
    start(Contract.ENFORCED, UNHURRIED);
    int buffer = offer().buffer();
    List<Integer> ids = attach(ImporterOffer.DYNAMIC, 1L, 2L).attachments();
    assertThat(ids).hasSize(2).doesNotHaveDuplicates();

    assertThat(answered(call(Operation.PIN, buffer, ids)).done()).isEqualTo(ids);
    long map = call(Operation.MAP, buffer, ids);
    IommuMessage.MapSlots asked = iommuHears(IommuMessage.MapSlots.class);
    assertThat(asked.translated()).isTrue();
    assertThat(asked.length()).isEqualTo(BYTES);
    assertThat(asked.requests())
        .containsExactly(
            new IommuMessage.SlotRequest(
                ids.get(0), DEVICE_KEY, IMPORTER_PROCESS, SlotUse.DMA, Span.WHOLE),
            new IommuMessage.SlotRequest(
                ids.get(1), DEVICE_KEY, IMPORTER_PROCESS, SlotUse.DMA, Span.WHOLE));
    List<SgTable> tables = openSlots(asked);
    assertThat(answered(map).tables()).isEqualTo(tables);

    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    assertThat(invalidate.attachments()).isEqualTo(ids);
    progress(invalidate, List.of(), List.of());
    progress(invalidate, ids, ids);

    IommuMessage.UnmapSlots unmap = iommuHears(IommuMessage.UnmapSlots.class);
    assertThat(unmap.mappings())
        .containsExactlyInAnyOrder(
            new MappingId(ids.get(0), asked.generation(), SlotUse.DMA),
            new MappingId(ids.get(1), asked.generation(), SlotUse.DMA));
    say(new ExporterMessage.SlotsUnmapped(peer("iommu", IOMMU_PROCESS), buffer, unmap.mappings()));
    IommuMessage.CloseBuffer close = iommuHears(IommuMessage.CloseBuffer.class);
    assertThat(close.epoch()).isEqualTo(invalidate.epoch());
    assertThat(recorded.events(HistoryEvent.RevokeCompleted.class)).isEmpty();
    bufferClosed(close, List.of(), List.of());

    HistoryEvent.RevokeCompleted completed = recorded(HistoryEvent.RevokeCompleted.class);
    assertThat(completed.outcome()).isEqualTo(RevokeOutcome.ACKED);
    assertThat(completed.generation()).isEqualTo(asked.generation());
    HistoryEvent.HandedOver handed = recorded(HistoryEvent.HandedOver.class);
    assertThat(handed.segment()).isEqualTo(asked.segment());

    HistoryEvent.Restored restored = recorded(HistoryEvent.Restored.class);
    assertThat(restored.segment()).isNotEqualTo(asked.segment());
    assertThat(restored.generation()).isGreaterThan(asked.generation());
    long again = call(Operation.MAP, buffer, ids);
    IommuMessage.MapSlots askedAgain = iommuHears(IommuMessage.MapSlots.class);
    assertThat(askedAgain.segment()).isEqualTo(restored.segment());
    assertThat(askedAgain.generation()).isEqualTo(restored.generation());
    assertThat(askedAgain.epoch()).isEqualTo(invalidate.epoch());
    openSlots(askedAgain);
    assertThat(answered(again).done()).isEqualTo(ids);
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.RoundsDone("exporter", 1)));
  }

  @Test
  void underAContractThatNothingEnforcesTheIommuIsToldNotToTranslateNorToClose() {
    start(Contract.V7, UNHURRIED);
    AttachReply attached = attach(ImporterOffer.DYNAMIC, 1L);
    call(Operation.MAP, attached.buffer(), attached.attachments());
    IommuMessage.MapSlots asked = iommuHears(IommuMessage.MapSlots.class);
    assertThat(asked.translated()).isFalse();
    openSlots(asked);
    importerHears(CallReply.class);

    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    progress(invalidate, invalidate.attachments(), invalidate.attachments());
    IommuMessage.UnmapSlots unmap = iommuHears(IommuMessage.UnmapSlots.class);
    say(
        new ExporterMessage.SlotsUnmapped(
            peer("iommu", IOMMU_PROCESS), unmap.buffer(), unmap.mappings()));

    assertThat(recorded(HistoryEvent.RevokeCompleted.class).outcome())
        .isEqualTo(RevokeOutcome.ACKED);
    iommu.expectNoMessage(Duration.ZERO);
  }

  @Test
  void anImporterThatCannotBeRevokedIsRefused() {
    start(Contract.ENFORCED, UNHURRIED);

    AttachReply reply = attach(ImporterOffer.DYNAMIC.invalidateMappings(false), 1L, 2L);

    assertThat(reply.errno()).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(reply.attachments()).isEmpty();
    assertThat(recorded(HistoryEvent.AttachRefused.class))
        .isEqualTo(
            new HistoryEvent.AttachRefused(
                reply.buffer(), "nic", "some-kind", Errno.EOPNOTSUPP, 2));
  }

  @Test
  void anImporterOfAnotherHostIsRefused() {
    start(Contract.ENFORCED, UNHURRIED);
    Peer far = Peer.of("far", 1, IMPORTER_PROCESS, fabric.control().fabricId() + 1);

    assertThat(attach(far, ImporterOffer.DYNAMIC, 1L).errno()).isEqualTo(Errno.EBUSY);
  }

  @ParameterizedTest
  @CsvSource({"EOPNOTSUPP, EOPNOTSUPP", "EBUSY, EBUSY", "EINVAL, OK"})
  void aDeviceThatCannotReachTheMemoryIsRefusedAtAttachOrWhenItMaps(Errno plan, Errno atAttach) {
    start(Contract.ENFORCED, UNHURRIED, Map.of("nic", plan));

    AttachReply attached = attach(ImporterOffer.DYNAMIC, 1L);

    assertThat(attached.errno()).isEqualTo(atAttach);
    if (atAttach.ok()) {
      CallReply reply = answered(call(Operation.MAP, attached.buffer(), attached.attachments()));
      assertThat(reply.failed())
          .containsExactly(
              new ImporterMessage.Failure(attached.attachments().getFirst(), Errno.EINVAL));
      assertThat(recorded(HistoryEvent.MapRefused.class).attachments())
          .isEqualTo(attached.attachments());
      iommu.expectNoMessage(Duration.ZERO);
    }
  }

  @Test
  void anAttachAskedAgainIsAnsweredWithTheSameAttachments() {
    start(Contract.ENFORCED, UNHURRIED);

    List<Integer> first = attach(ImporterOffer.DYNAMIC, 1L, 2L).attachments();
    assertThat(attach(ImporterOffer.DYNAMIC, 1L, 2L).attachments()).isEqualTo(first);
    assertThat(attach(ImporterOffer.DYNAMIC, 3L).attachments()).doesNotContainAnyElementsOf(first);
    assertThat(recorded.events(HistoryEvent.Attached.class)).hasSize(2);
  }

  @Test
  void anAttachWhileTheBufferIsRevokedIsEnodev() {
    start(Contract.ENFORCED, UNHURRIED);
    mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    importerHears(InvalidateMappings.class);

    // The flag reaches the device outside the buffer's lock, and so at some later time.
    long[] cookie = {100};
    await()
        .atMost(LIMIT)
        .until(() -> attach(ImporterOffer.DYNAMIC, cookie[0]++).errno() == Errno.ENODEV);
    assertThat(attach(ImporterOffer.DYNAMIC, cookie[0] - 1).errno())
        .as("asked again")
        .isEqualTo(Errno.ENODEV);
  }

  @Test
  void aDeadProcessIsNotWaitedForAndNotListenedTo() {
    start(Contract.ENFORCED, UNHURRIED);
    SgTable table = mapped();
    int buffer = offer().buffer();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);

    say(new ExporterMessage.ProcessDied(peer("iommu", IOMMU_PROCESS), IMPORTER_PROCESS));
    bufferClosed(
        iommuHears(IommuMessage.CloseBuffer.class), List.of(table.attachment()), List.of());
    HistoryEvent.RevokeCompleted completed = recorded(HistoryEvent.RevokeCompleted.class);
    assertThat(completed.outcome()).isEqualTo(RevokeOutcome.BLOCKED);
    assertThat(completed.blocked()).containsExactly(table.attachment());
    assertThat(recorded(HistoryEvent.Reaped.class).attachments())
        .containsExactly(table.attachment());

    // What a zombie says now, it said before it died.
    TestProbe<ImporterMessage> zombie = kit.createTestProbe(ImporterMessage.class);
    say(new ExporterMessage.ListBuffers(theImporter(), zombie.ref()));
    say(
        new ExporterMessage.Attach(
            theImporter(),
            zombie.ref(),
            buffer,
            "nic",
            DEVICE_KEY,
            "some-kind",
            ImporterOffer.DYNAMIC,
            false,
            List.of(9L)));
    say(
        new ExporterMessage.Call(
            theImporter(),
            zombie.ref(),
            ++calls,
            Operation.PIN,
            buffer,
            true,
            Span.WHOLE,
            List.of(1)));
    progress(invalidate, invalidate.attachments(), invalidate.attachments());
    await()
        .atMost(LIMIT)
        .untilAsserted(() ->
            assertThat(recorded.events(HistoryEvent.Dropped.class))
                .extracting(HistoryEvent.Dropped::message)
                .containsExactly(
                    "ListBuffers from importer",
                    "Attach from importer",
                    "Call from importer",
                    "RevokeProgress from importer"));
    zombie.expectNoMessage(Duration.ZERO);
  }

  @Test
  void memoryIsSeveredAndReplacedWhenNobodyAnswersNotEvenTheIommu() {
    long soon = TimeUnit.MILLISECONDS.toNanos(20);
    start(Contract.ENFORCED, new ExporterPlan.Bound(soon, soon, NEVER, NEVER));
    SgTable table = mapped();

    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));

    HistoryEvent.RevokeCompleted completed = recorded(HistoryEvent.RevokeCompleted.class);
    assertThat(completed.outcome()).isEqualTo(RevokeOutcome.SEVERED);
    assertThat(completed.segment()).isEqualTo(table.segment());
    assertThat(completed.blocked()).containsExactly(table.attachment());
    assertThat(fabric.directory().resolve("segment-" + table.segment())).doesNotExist();
    assertThat(recorded(HistoryEvent.HandedOver.class).segment()).isNotEqualTo(table.segment());
    assertThat(recorded(HistoryEvent.Restored.class).segment()).isNotEqualTo(table.segment());
  }

  @Test
  void whatIsNotAnsweredIsAskedAgain() {
    start(Contract.ENFORCED, new ExporterPlan.Bound(NEVER, NEVER, NEVER, 1_000_000));
    AttachReply attached = attach(ImporterOffer.DYNAMIC, 1L);
    long call = call(Operation.MAP, attached.buffer(), attached.attachments());
    IommuMessage.MapSlots asked = iommuHears(IommuMessage.MapSlots.class);
    assertThat(iommuHears(IommuMessage.MapSlots.class)).isEqualTo(asked);
    openSlots(asked);
    answered(call);

    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    assertThat(importerHears(InvalidateMappings.class)).isEqualTo(invalidate);
    assertThat(importerHears(InvalidateMappings.class)).isEqualTo(invalidate);
  }

  @Test
  void theIommuOfAnotherHostIsNotListenedTo() {
    start(Contract.ENFORCED, UNHURRIED);
    TestProbe<IommuMessage> far = kit.createTestProbe(IommuMessage.class);
    say(
        new ExporterMessage.IommuReady(
            Peer.of("far", 1, 1, fabric.control().fabricId() + 1), far.ref()));

    mapped();

    far.expectNoMessage(Duration.ZERO);
  }

  /** As in chaos seed 1538260041: what is gone is nobody's, and the exporter goes on. */
  @Test
  void memoryThatSomebodyElseHasTruncatedGoesToNobodyAndItsNextOwnerGetsOther() throws IOException {
    start(Contract.ENFORCED, UNHURRIED);
    SgTable table = mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    Path file = fabric.directory().resolve("segment-" + table.segment());
    Files.write(file, new byte[0]);
    assertThat(fabric.isTruncated(table.segment())).isTrue();

    progress(invalidate, invalidate.attachments(), invalidate.attachments());
    IommuMessage.UnmapSlots unmap = iommuHears(IommuMessage.UnmapSlots.class);
    say(
        new ExporterMessage.SlotsUnmapped(
            peer("iommu", IOMMU_PROCESS), unmap.buffer(), unmap.mappings()));
    bufferClosed(iommuHears(IommuMessage.CloseBuffer.class), List.of(), List.of());

    assertThat(recorded(HistoryEvent.HandedOver.class).segment()).isNotEqualTo(table.segment());
    assertThat(recorded(HistoryEvent.Restored.class).segment()).isNotEqualTo(table.segment());
    assertThat(reports).noneMatch(NodeReport.Failed.class::isInstance);
    assertThat(recorded.events(HistoryEvent.Dropped.class))
        .allMatch(d -> d.why().equals("somebody has truncated it"))
        .isNotEmpty();
  }

  @Test
  void attachingToABufferThatIsNotThereIsEinval() {
    start(Contract.ENFORCED, UNHURRIED);
    int nowhere = offer().buffer() + 1;

    AttachReply reply =
        attach(new BufferInfo(nowhere, "gpu", BYTES), theImporter(), ImporterOffer.DYNAMIC, 1L);

    assertThat(reply.errno()).isEqualTo(Errno.EINVAL);
    assertThat(reply.attachments()).isEmpty();
    assertThat(recorded(HistoryEvent.AttachRefused.class).errno()).isEqualTo(Errno.EINVAL);
  }

  @Test
  void messagesForABufferThatIsNotThereAreDroppedAndRecorded() {
    start(Contract.ENFORCED, UNHURRIED);
    say(
        new ExporterMessage.Call(
            theImporter(), importer.ref(), 1, Operation.PIN, 12345, true, Span.WHOLE, List.of(1)));

    assertThat(recorded(HistoryEvent.Dropped.class).message()).isEqualTo("Call from importer");
  }

  @Test
  void anExporterFinishesWhatItsDeadPredecessorLeftBeforeItExports() throws Exception {
    Process predecessor = new ProcessBuilder("sleep", "600").start();
    int dead = register(ProcessIdentity.of((int) predecessor.pid()), "exporter");
    Process somebody = new ProcessBuilder("sleep", "600").start();
    int other = register(ProcessIdentity.of((int) somebody.pid()), "another");
    process = register(ProcessIdentity.self(), "exporter");
    BufferJournal journal = fabric.control().journal();
    int live = dead << 20;
    for (int segment : List.of(live, live + 1, live + 2, other << 20)) {
      fabric.createSegment(segment, BYTES);
    }
    journal.enter(dead << 16, dead, live, BYTES, 5);
    int revoking = journal.enter(dead << 16 | 1, dead, live + 1, BYTES, 6);
    journal.write(revoking, 4, BufferJournal.Phase.REVOKING);
    journal.enter(other << 16, other, other << 20, BYTES, 7);
    predecessor.destroyForcibly().waitFor();
    somebody.destroyForcibly().waitFor();

    start(Contract.ENFORCED, UNHURRIED);

    assertThat(recorded.events(HistoryEvent.Orphaned.class))
        .containsExactly(
            new HistoryEvent.Orphaned(dead << 16, 1, live, 5, dead, false),
            new HistoryEvent.Orphaned(dead << 16 | 1, 4, live + 1, 6, dead, true));
    assertThat(recorded.events(HistoryEvent.Reclaimed.class))
        .extracting(HistoryEvent.Reclaimed::epoch, HistoryEvent.Reclaimed::outcome)
        .containsExactly(tuple(1L, RevokeOutcome.SEVERED), tuple(4L, RevokeOutcome.SEVERED));
    assertThat(fabric.segments()).contains(other << 20).doesNotContain(live, live + 1, live + 2);
    assertThat(journal.entries())
        .extracting(BufferJournal.Entry::phase)
        .containsExactly(
            BufferJournal.Phase.RECLAIMED,
            BufferJournal.Phase.RECLAIMED,
            BufferJournal.Phase.LIVE,
            BufferJournal.Phase.LIVE);
    assertThat(journal.entries().getLast().process()).isEqualTo(process);
  }

  private int register(ProcessIdentity identity, String name) throws IOException {
    return fabric.control().register(identity, ProcessEntry.ROLE_NODE, name);
  }

  @Test
  void aSuccessorOfTheIommuIsAskedAgainAndItsPredecessorIsNotHeardAnyMore() {
    start(Contract.ENFORCED, UNHURRIED);
    AttachReply attached = attach(ImporterOffer.DYNAMIC, 1L);
    long call = call(Operation.MAP, attached.buffer(), attached.attachments());
    IommuMessage.MapSlots asked = iommuHears(IommuMessage.MapSlots.class);
    TestProbe<IommuMessage> next = kit.createTestProbe(IommuMessage.class);

    say(new ExporterMessage.IommuReady(peer("iommu", IOMMU_PROCESS + 5), next.ref()));
    IommuMessage.MapSlots again = next.expectMessageClass(IommuMessage.MapSlots.class, LIMIT);
    assertThat(again.requests()).isEqualTo(asked.requests());

    // The frozen predecessor wakes up.
    say(new ExporterMessage.IommuReady(peer("iommu", IOMMU_PROCESS), iommu.ref()));
    openSlots(asked);
    HistoryEvent.Dropped dropped = recorded(HistoryEvent.Dropped.class);
    assertThat(dropped.message()).isEqualTo("SlotsMapped from iommu");
    importer.expectNoMessage(Duration.ZERO);
    iommuProcess = IOMMU_PROCESS + 5;
    openSlots(again);
    assertThat(answered(call).done()).isEqualTo(attached.attachments());
  }

  @Test
  void aNodeThatIsToLeaveSaysWhatWasLeftAndIsDone() {
    start(Contract.V7, UNHURRIED);
    SgTable table = mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    importerHears(InvalidateMappings.class);

    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Leave()));

    await().atMost(LIMIT).untilTrue(done);
    assertThat(recorded(HistoryEvent.ExporterStopped.class))
        .isEqualTo(new HistoryEvent.ExporterStopped(1, 0, 1));
    HistoryEvent.RevokeUnfinished unfinished = recorded(HistoryEvent.RevokeUnfinished.class);
    assertThat(unfinished.fences()).as("it has none as yet").isEmpty();
    assertThat(recorded(HistoryEvent.BufferReleased.class).attachments()).isEqualTo(1);
    assertThat(unfinished.unmaps()).containsExactly(table.attachment());
    assertThat(recorded.events(HistoryEvent.Scanned.class)).as("the reserve").hasSize(1);
  }

  @Test
  void whoHasDiedJustBeforeTheEndIsTakenOffBeforeTheBufferIsReleased() {
    start(Contract.ENFORCED, UNHURRIED);
    SgTable table = mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Leave()));

    say(new ExporterMessage.ProcessDied(peer("iommu", IOMMU_PROCESS), IMPORTER_PROCESS));

    await().atMost(LIMIT).untilTrue(done);
    assertThat(recorded(HistoryEvent.Reaped.class).attachments())
        .containsExactly(table.attachment());
    assertThat(recorded(HistoryEvent.BufferReleased.class).attachments()).isZero();
    assertThat(recorded(HistoryEvent.ExporterStopped.class))
        .isEqualTo(new HistoryEvent.ExporterStopped(0, 0, 0));
  }

  private long owner(int segment) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return fabric.mapSegment(segment, BYTES, arena).owner();
    }
  }

  @Test
  void aMoveCopiesTheContentAndTheBufferIsMappedElsewhereWithoutARestore() throws IOException {
    start(Contract.V7, ExporterKind.GPU_VRAM, RevokeCause.EVICTION);
    SgTable table = mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    progress(invalidate, invalidate.attachments(), invalidate.attachments());
    IommuMessage.UnmapSlots unmap = iommuHears(IommuMessage.UnmapSlots.class);
    say(
        new ExporterMessage.SlotsUnmapped(
            peer("iommu", IOMMU_PROCESS), unmap.buffer(), unmap.mappings()));

    HistoryEvent.Moved moved = recorded(HistoryEvent.Moved.class);
    assertThat(moved.fromSegment()).isEqualTo(table.segment());
    assertThat(moved.before()).isEqualTo(moved.after());
    HistoryEvent.Restored restored = recorded(HistoryEvent.Restored.class);
    assertThat(restored.segment()).isEqualTo(moved.toSegment());
    assertThat(owner(restored.segment())).isEqualTo(restored.generation());
    long call = call(Operation.MAP, unmap.buffer(), invalidate.attachments());
    openSlots(iommuHears(IommuMessage.MapSlots.class));
    SgTable again = answered(call).tables().getFirst();
    assertThat(again.generation()).isEqualTo(restored.generation());
    assertThat(again.content()).isEqualTo(table.generation());
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.RoundDone("exporter", 1, 1)));
  }

  /** Nobody reaches the memory any more, and the content is to be copied. */
  private void drained(InvalidateMappings invalidate) {
    progress(invalidate, invalidate.attachments(), invalidate.attachments());
    IommuMessage.UnmapSlots unmap = iommuHears(IommuMessage.UnmapSlots.class);
    say(
        new ExporterMessage.SlotsUnmapped(
            peer("iommu", IOMMU_PROCESS), unmap.buffer(), unmap.mappings()));
  }

  /** What the pool has in reserve is not there any more. */
  private int loseReserve(SgTable table) throws IOException {
    int reserve = table.segment() + 1;
    assertThat(fabric.hasSegment(reserve)).isTrue();
    fabric.removeSegment(reserve);
    return reserve;
  }

  /** No segment of that number can be made, for its name is taken. */
  private void obstruct(int segment) throws IOException {
    Files.createDirectory(fabric.directory().resolve("segment-" + segment));
  }

  private void startMoves(Contract contract, int rounds) {
    start(
        contract,
        UNHURRIED,
        new ExporterPlan.Rounds(rounds, 1, 1, 1, false),
        device("gpu", ExporterKind.GPU_VRAM, Map.of(), RevokeCause.EVICTION));
  }

  @Test
  void anEnforcedMoveWithoutMemoryEndsAndTheBufferGetsFreshMemoryAsSoonAsThereIsSome()
      throws IOException {
    startMoves(Contract.ENFORCED, 1);
    SgTable table = mapped();
    int reserve = loseReserve(table);
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    drained(invalidate);
    bufferClosed(iommuHears(IommuMessage.CloseBuffer.class), List.of(), List.of());

    HistoryEvent.RevokeCompleted completed = recorded(HistoryEvent.RevokeCompleted.class);
    assertThat(completed.outcome()).isEqualTo(RevokeOutcome.SEVERED);
    assertThat(recorded(HistoryEvent.MoveFailed.class).lost()).isTrue();
    HistoryEvent.Restored restored = recorded(HistoryEvent.Restored.class);
    assertThat(restored.segment()).isEqualTo(reserve + 1);
    assertThat(owner(restored.segment())).isEqualTo(restored.generation());
    assertThat(fabric.hasSegment(table.segment())).isFalse();
    long call = call(Operation.MAP, invalidate.buffer(), invalidate.attachments());
    openSlots(iommuHears(IommuMessage.MapSlots.class));
    assertThat(answered(call).tables().getFirst().content()).isEqualTo(restored.generation());
    assertThat(reports).noneMatch(NodeReport.Failed.class::isInstance);
  }

  @Test
  void anEnforcedMoveWithoutAnyMemoryEndsAndTheNextRoundAsksForSomeAgain() throws IOException {
    startMoves(Contract.ENFORCED, 2);
    SgTable table = mapped();
    int reserve = loseReserve(table);
    // Neither for its next owner, nor for the buffer.
    obstruct(reserve + 1);
    obstruct(reserve + 2);
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    drained(importerHears(InvalidateMappings.class));
    bufferClosed(iommuHears(IommuMessage.CloseBuffer.class), List.of(), List.of());

    assertThat(recorded(HistoryEvent.RevokeCompleted.class).outcome())
        .isEqualTo(RevokeOutcome.SEVERED);
    assertThat(recorded(HistoryEvent.Restored.class).segment()).isEqualTo(reserve + 3);
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.RoundsDone("exporter", 2)));
    assertThat(reports).filteredOn(NodeReport.Failed.class::isInstance).hasSize(2);
  }

  @Test
  void aMoveWithoutMemoryMovesNothingWhereNobodyEnforcesIt() throws IOException {
    startMoves(Contract.V7, 1);
    SgTable table = mapped();
    loseReserve(table);
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    drained(invalidate);

    assertThat(recorded(HistoryEvent.MoveFailed.class).lost()).isFalse();
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.RoundsDone("exporter", 1)));
    assertThat(owner(table.segment())).isEqualTo(table.generation());
    long call = call(Operation.MAP, invalidate.buffer(), invalidate.attachments());
    openSlots(iommuHears(IommuMessage.MapSlots.class));
    SgTable again = answered(call).tables().getFirst();
    assertThat(again.segment()).isEqualTo(table.segment());
    assertThat(again.generation()).isEqualTo(table.generation());
    assertThat(recorded.events(HistoryEvent.RevokeCompleted.class)).isEmpty();
  }

  @Test
  void anUnpluggedDeviceAnswersNothingPlaysNoMoreRoundsAndItsMapsAreEnodev() throws IOException {
    start(Contract.V2, ExporterKind.VFIO_PCI, RevokeCause.HOT_UNPLUG, RevokeCause.RESET);
    SgTable table = mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings invalidate = importerHears(InvalidateMappings.class);
    progress(invalidate, List.of(), List.of());

    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.RoundsDone("exporter", 1)));
    assertThat(owner(table.segment())).isEqualTo(SegmentDescriptor.OWNER_UNREACHABLE);
    assertThat(recorded.events(HistoryEvent.HandedOver.class)).isEmpty();
    assertThat(recorded(HistoryEvent.RevokeCompleted.class).outcome())
        .isEqualTo(RevokeOutcome.ASSUMED);
    assertThat(attach(ImporterOffer.DYNAMIC, 7L).errno()).isEqualTo(Errno.ENODEV);
    long call = call(Operation.MAP, invalidate.buffer(), invalidate.attachments());
    assertThat(answered(call).failed().getFirst().errno()).isEqualTo(Errno.ENODEV);
  }

  @Test
  void memoryThatIsTakenByAResetIsItsTenants() throws IOException {
    start(Contract.V2, ExporterKind.RDMA_MMIO, RevokeCause.CONTEXT_DESTROYED);
    SgTable table = mapped();
    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    progress(importerHears(InvalidateMappings.class), List.of(), List.of());

    HistoryEvent.HandedOver handed = recorded(HistoryEvent.HandedOver.class);
    assertThat(handed.segment()).isEqualTo(table.segment());
    assertThat(owner(table.segment())).isEqualTo(handed.tenantGeneration());
  }

  @Test
  void devicesThatAreIndependentRevokeAtOnceAndOneWithoutACauseNever() {
    start(
        Contract.V2,
        UNHURRIED,
        new ExporterPlan.Rounds(1, 1, 1, NEVER, true),
        device("a", ExporterKind.VFIO_PCI, Map.of(), RevokeCause.RESET),
        device("b", ExporterKind.SYSTEM_HEAP, Map.of()),
        device("c", ExporterKind.VFIO_PCI, Map.of(), RevokeCause.LAST_CLOSE));
    say(new ExporterMessage.ListBuffers(theImporter(), importer.ref()));
    List<BufferInfo> offers = importerHears(ImporterMessage.Buffers.class).buffers();
    List<Integer> ids = new ArrayList<>();
    for (BufferInfo offer : offers) {
      ids.addAll(attach(offer, theImporter(), ImporterOffer.DYNAMIC, 1L).attachments());
    }
    assertThat(ids).hasSize(3).doesNotHaveDuplicates();

    hub.tell(new ExporterHub.Command.Control(new NodeCommand.Begin()));
    InvalidateMappings one = importerHears(InvalidateMappings.class);
    InvalidateMappings other = importerHears(InvalidateMappings.class);

    assertThat(List.of(one.buffer(), other.buffer()))
        .as("neither has answered")
        .containsExactlyInAnyOrder(offers.get(0).buffer(), offers.get(2).buffer());
    progress(one, List.of(), List.of());
    progress(other, List.of(), List.of());
    // What is reset is given back, and before that its importer is told again.
    InvalidateMappings again = importerHears(InvalidateMappings.class);
    assertThat(again.buffer()).isEqualTo(offers.get(0).buffer());
    assertThat(recorded.events(HistoryEvent.Restored.class)).isEmpty();
    progress(again, List.of(), List.of());
    assertThat(recorded(HistoryEvent.Restored.class).buffer()).isEqualTo(again.buffer());
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.RoundsDone("exporter", 2)));
  }

  @Test
  void aNodeWithoutRoomForItsBuffersSaysSoAndDoesNotStart() {
    ExporterPlan plan =
        new ExporterPlan(
            Contract.V7,
            UNHURRIED,
            List.of(
                new ExporterPlan.Device(
                    "gpu",
                    ExporterKind.VFIO_PCI,
                    1,
                    1L << 50,
                    List.of(RevokeCause.RESET),
                    Map.of())),
            new ExporterPlan.Rounds(1, 1, 1, 1, false));
    NodeContext node =
        new NodeContext(
            peer("exporter", PROCESS),
            fabric,
            recorded.history,
            reports::add,
            () -> done.set(true));
    hub = kit.spawn(ExporterHub.create(node, plan));

    await()
        .atMost(LIMIT)
        .untilAsserted(() ->
            assertThat(reports)
                .anyMatch(r ->
                    r instanceof NodeReport.Failed failed && failed.why().contains("no room")));
    kit.createTestProbe().expectTerminated(hub, LIMIT);
    assertThat(fabric.directory().toFile().list()).containsExactlyInAnyOrder("owner", "control");
  }
}
