package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import dev.dmabufsim.cluster.NodeContext;
import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.control.NodeCommand;
import dev.dmabufsim.common.control.NodeReport;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.ProcessEntry;
import dev.dmabufsim.common.fabric.ProcessIdentity;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.ExporterMessage.Attach;
import dev.dmabufsim.common.message.ExporterMessage.Call;
import dev.dmabufsim.common.message.ExporterMessage.RevokeProgress;
import dev.dmabufsim.common.message.ImporterMessage;
import dev.dmabufsim.common.message.ImporterMessage.BufferInfo;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.Peer;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
import java.util.random.RandomGenerator;
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

  /** What iommufd maps. */
  private static final Span RANGE = new Span(16 * 1024, 32 * 1024);

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
  private int exporterProcess = 1;

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
    owner(5);
    recorded = new RecordedHistory(shm);
    exporter = kit.createTestProbe(ExporterMessage.class);
  }

  private void owner(long owner) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      SegmentMemory memory = fabric.mapSegment(SEGMENT, BYTES, arena);
      Canary.fill(memory.data(), Canary.word0(Canary.TAG_EXPORTER, owner), 0);
      memory.owner(owner);
    }
  }

  @AfterEach
  void close() throws IOException {
    // Its engines' threads end with it, and no other way.
    hub.tell(new ImporterHub.Command.Control(new NodeCommand.Leave()));
    await().atMost(LIMIT).untilTrue(done);
    kit.stop(hub);
    fabric.close();
  }

  private static ImporterPlan.Device device(
      String name, ImporterDriver driver, Behaviour behaviour, CpuUse cpu) {
    return new ImporterPlan.Device(
        name, driver, 2, behaviour, 50_000_000, false, cpu, RANGE, List.of());
  }

  private void start(String... kinds) {
    List<ImporterPlan.Device> devices = new ArrayList<>();
    for (String kind : kinds) {
      devices.add(
          device(
              kind + devices.size(), AttachmentDriver.driver(kind), Behaviour.HONEST, CpuUse.NONE));
    }
    start(devices);
  }

  private void start(List<ImporterPlan.Device> devices) {
    NodeContext node =
        new NodeContext(
            Peer.of("importer", 1, PROCESS, control.fabricId()),
            fabric,
            recorded.history,
            reports::add,
            () -> done.set(true));
    hub =
        kit.spawn(
            ImporterHub.create(
                node,
                new ImporterPlan(devices, 1, new ImporterPlan.Workload(64, 4096, 0, 0.2, 1))));
    say(
        new ImporterMessage.Buffers(
            exporterPeer(), exporter.ref(), List.of(new BufferInfo(BUFFER, "gpu", BYTES))));
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ready("importer")));
    control(new NodeCommand.Begin());
  }

  private Peer exporterPeer() {
    return Peer.of("exporter", 1, exporterProcess, control.fabricId());
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
    return map(expect(Operation.MAP), SlotUse.DMA, 0);
  }

  private List<SgTable> map(Call call, SlotUse use, int firstSlot) {
    List<SgTable> tables = new ArrayList<>();
    for (int id : call.attachments()) {
      int slot = firstSlot + id - 100;
      control.openSlot(
          slot,
          new SlotMapping(
              id,
              BUFFER,
              deviceOf.get(id),
              PROCESS,
              SEGMENT,
              5,
              call.span().offset(),
              call.span().lengthIn(BYTES),
              0),
          ControlDescriptor.SLOT_TRANSLATED);
      tables.add(
          new SgTable(
              id,
              SgTable.iovaOf(slot) + call.span().offset(),
              call.span().lengthIn(BYTES),
              slot,
              SEGMENT,
              5,
              5,
              true,
              use));
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
    start("gpu-dynamic");
    List<Integer> ids = attach();
    List<SgTable> tables = map();
    awaitDma(tables.get(0));
    awaitDma(tables.get(1));
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Settled("importer", 2, 0)));

    invalidate(1, ids);
    Set<Integer> returned = new HashSet<>();
    Set<Integer> signalled = new HashSet<>();
    Set<Integer> unmapped = new HashSet<>();
    int fences = 0;
    int signals = 0;
    // Each has its own time: one may map again before the other is unmapped.
    Set<Integer> asking = new HashSet<>();
    while (asking.size() < ids.size()) {
      switch (hear()) {
        case RevokeProgress progress -> {
          assertThat(progress.epoch()).isEqualTo(1);
          returned.addAll(progress.returned());
          fences += progress.fences().size();
          signals += progress.signalled().size();
          progress.signalled().forEach(f -> signalled.add(f.attachment()));
          assertThat(returned).containsAll(signalled);
          assertThat(signalled).containsAll(progress.unmapped());
          unmapped.addAll(progress.unmapped());
        }
        case Call call -> {
          assertThat(call.operation()).isEqualTo(Operation.MAP);
          asking.addAll(call.attachments());
          assertThat(unmapped).containsAll(asking);
        }
        case ExporterMessage other -> throw new AssertionError(other);
      }
    }
    assertThat(fences).as("for each a WRITE and a BOOKKEEP fence").isEqualTo(4);
    assertThat(signals).isEqualTo(4);
    assertThat(asking).containsExactlyInAnyOrderElementsOf(ids);
    assertThat(recorded.events(HistoryEvent.Invalidated.class))
        .containsExactly(new HistoryEvent.Invalidated("gpu-dynamic0", BUFFER, 1, ids, 2));
    assertThat(
            recorded.events(HistoryEvent.Fenced.class).stream()
                .flatMap(e -> e.attachments().stream()))
        .containsExactlyInAnyOrderElementsOf(ids);
    assertThat(recorded.events(HistoryEvent.Refused.class)).isEmpty();
  }

  @Test
  void theAnswersOfAllDevicesToOneInvalidationGoBackTogether() {
    start("gpu-dynamic", "gpu-dynamic", "gpu-dynamic");
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
    // One for each device at most, and one for those of which the hub did not know whose they are.
    assertThat(messages).as("never one for each attachment").isLessThanOrEqualTo(4);
  }

  @Test
  void aPermanentInvalidationIsFollowedByUnpinDetachAndANewAttach() {
    start("rdma-pinned-revocable");
    List<Integer> ids = attach();
    answer(expect(Operation.PIN), List.of());
    awaitDma(map().getFirst());

    invalidate(1, ids);
    Set<Integer> unmapped = new HashSet<>();
    while (unmapped.size() < ids.size()) {
      unmapped.addAll(hear(RevokeProgress.class).unmapped());
    }
    // Each has its own time, so they need not come together.
    Set<Operation> given = new HashSet<>();
    List<Long> cookies = new ArrayList<>();
    while (cookies.size() < ids.size()) {
      switch (hear()) {
        case Call call -> {
          given.add(call.operation());
          answer(call, List.of());
        }
        case Attach attach -> cookies.addAll(attach.cookies());
        case RevokeProgress progress -> {}
        case ExporterMessage other -> throw new AssertionError(other);
      }
    }
    assertThat(given).containsExactlyInAnyOrder(Operation.UNPIN, Operation.DETACH);
    assertThat(cookies).doesNotHaveDuplicates();
  }

  @Test
  void whoIsToldOfARevokeBeforeItKnowsOfItsAttachmentAnswersThatNothingIsMapped() {
    start("gpu-dynamic");
    hear(Attach.class);

    invalidate(1, List.of(101, 102));

    RevokeProgress progress = hear(RevokeProgress.class);
    assertThat(progress.returned()).containsExactly(101, 102);
    assertThat(progress.fences()).isEmpty();
    assertThat(progress.unmapped()).containsExactly(101, 102);
  }

  /** As {@link #start}, but the exporter is a process of its own. */
  private void exportedBy(int process) {
    exporterProcess = process;
  }

  @Test
  void aDeadExporterIsNoticedAndAnotherOfItsDeviceIsAttachedToAndChecked() throws Exception {
    Process first = new ProcessBuilder("sleep", "600").start();
    exportedBy(
        control.register(
            ProcessIdentity.of((int) first.pid()), ProcessEntry.ROLE_NODE, "exporter"));
    start("gpu-dynamic");
    List<Integer> ids = attach();
    List<SgTable> tables = map();
    awaitDma(tables.getFirst());

    first.destroyForcibly().waitFor();

    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.ExporterLost.class).isEmpty());
    assertThat(recorded.events(HistoryEvent.ExporterLost.class))
        .allSatisfy(e -> {
          assertThat(e.process()).isEqualTo(exporterProcess);
          assertThat(e.attachments()).containsExactlyInAnyOrderElementsOf(ids);
        })
        .hasSize(1);
    // A late word of his is not heard.
    invalidate(1, ids);
    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.Dropped.class).isEmpty());
    long before = control.counters(tables.getFirst().slot()).operations();
    control(new NodeCommand.Check(1));

    exportedBy(control.register(ProcessIdentity.self(), ProcessEntry.ROLE_NODE, "exporter"));
    say(
        new ImporterMessage.Buffers(
            exporterPeer(), exporter.ref(), List.of(new BufferInfo(BUFFER, "gpu", BYTES))));
    // To another exporter it may say what it has said to the first.
    heard.clear();
    assertThat(attach()).hasSize(2);
    map(expect(Operation.MAP), SlotUse.DMA, 4);
    await()
        .atMost(LIMIT)
        .until(() ->
            reports.contains(new NodeReport.Recovered("importer", 1, List.of("gpu-dynamic0"))));
    assertThat(recorded.events(HistoryEvent.Recovered.class))
        .allSatisfy(e -> assertThat(e.operations()).isPositive())
        .hasSize(1);
    assertThat(control.counters(tables.getFirst().slot()).operations()).isEqualTo(before);
  }

  /** The exporter's actor is gone, and everybody who watches it has been told. */
  private void stopExporter() {
    TestProbe<Void> watcher = kit.createTestProbe();
    ActorRef<ExporterMessage> gone = exporter.ref();
    exporter.stop();
    watcher.expectTerminated(gone, LIMIT);
  }

  @Test
  void anExporterWhoseProcessRunsIsNotLostWhateverTheClusterBelieves() throws Exception {
    Process its = new ProcessBuilder("sleep", "600").start();
    exportedBy(
        control.register(ProcessIdentity.of((int) its.pid()), ProcessEntry.ROLE_NODE, "exporter"));
    start("gpu-dynamic");
    attach();
    awaitDma(map().getFirst());

    stopExporter();

    control(new NodeCommand.Check(1));
    await()
        .atMost(LIMIT)
        .until(() ->
            reports.contains(new NodeReport.Recovered("importer", 1, List.of("gpu-dynamic0"))));
    assertThat(recorded.events(HistoryEvent.ExporterLost.class)).isEmpty();
    its.destroyForcibly().waitFor();
    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.ExporterLost.class).isEmpty());
  }

  @Test
  void anExporterOfWhichNothingIsKnownIsLostWhenTheClusterSaysSo() {
    start("gpu-dynamic");
    List<Integer> ids = attach();
    awaitDma(map().getFirst());

    stopExporter();

    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.ExporterLost.class).isEmpty());
    assertThat(recorded.events(HistoryEvent.ExporterLost.class).getFirst().attachments())
        .containsExactlyInAnyOrderElementsOf(ids);
  }

  @Test
  void aNodeThatWasGivenUpByOthersStopsItsDmaAndSaysWhatItHasLost() {
    start("gpu-dynamic");
    List<Integer> ids = attach();
    awaitDma(map().getFirst());

    hub.tell(ImporterHub.Command.Membership.LEFT);
    hub.tell(ImporterHub.Command.Membership.GIVEN_UP);

    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.MappingsLost.class).isEmpty());
    assertThat(recorded.events(HistoryEvent.MappingsLost.class))
        .allSatisfy(e -> assertThat(e.attachments()).containsExactlyInAnyOrderElementsOf(ids))
        .hasSize(1);
    assertThat(recorded.events(HistoryEvent.Refused.class)).isEmpty();
  }

  @Test
  void aDeviceWhoseMemoryIsSeveredUnderItAttachesAnewByItself() throws IOException {
    start("rdma-pinned-revocable");
    attach();
    answer(expect(Operation.PIN), List.of());
    List<SgTable> tables = map();
    awaitDma(tables.getFirst());

    fabric.sever(SEGMENT);

    // It hears nothing, and unmaps, unpins, detaches of itself; each attachment in its time.
    Set<Operation> asked = new HashSet<>();
    ExporterMessage next = hear();
    while (!(next instanceof Attach)) {
      if (next instanceof Call call) {
        asked.add(call.operation());
        answer(call, List.of());
      }
      next = hear();
    }
    assertThat(asked).contains(Operation.UNMAP, Operation.UNPIN, Operation.DETACH);
    assertThat(control.counters().aborted()).isPositive();
  }

  @Test
  void aNodeThatIsToEndGivesEverythingBack() {
    start("iommufd");
    attach();
    answer(expect(Operation.PIN), List.of());
    awaitDma(map(expect(Operation.IOMMUFD_MAP), SlotUse.DMA, 0).getFirst());

    control(new NodeCommand.End());
    answer(expect(Operation.UNMAP), List.of());
    answer(expect(Operation.UNPIN), List.of());
    answer(expect(Operation.DETACH), List.of());

    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ended("importer")));
    control(new NodeCommand.Leave());
    await().atMost(LIMIT).untilTrue(done);
    assertThat(recorded.events(HistoryEvent.DeviceStopped.class))
        .containsExactly(new HistoryEvent.DeviceStopped("iommufd0", 0, 0, 0));
  }

  @Test
  void anExporterThatIsGoneStopsTheDmaAndIsNotWaitedForAtTheEnd() {
    start("gpu-dynamic");
    attach();
    SgTable table = map().getFirst();
    awaitDma(table);

    exporter.stop();

    control(new NodeCommand.End());
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ended("importer")));
  }

  @Test
  void ofASilentDeviceNothingIsHeardButThatItsCallbackReturnedAndItsEngineGoesOn() {
    start(
        List.of(device("nic", AttachmentDriver.driver("rdma-odp"), Behaviour.SILENT, CpuUse.NONE)));
    List<Integer> ids = attach();
    List<SgTable> tables = map();
    awaitDma(tables.getFirst());

    invalidate(1, ids);

    RevokeProgress progress = hear(RevokeProgress.class);
    assertThat(progress.returned()).isEqualTo(ids);
    assertThat(progress.fences()).hasSize(2);
    assertThat(progress.signalled()).isEmpty();
    assertThat(progress.unmapped()).isEmpty();
    awaitDma(tables.getFirst());

    control(new NodeCommand.End());
    await().atMost(LIMIT).until(() -> reports.contains(new NodeReport.Ended("importer")));
    control(new NodeCommand.Leave());
    await().atMost(LIMIT).untilTrue(done);
    assertThat(recorded.events(HistoryEvent.DeviceStopped.class))
        .containsExactly(new HistoryEvent.DeviceStopped("nic", 2, 0, 2));
  }

  @Test
  void aDriverThatFailsInItsCallbackIsWrittenDownAndDoesNothingMore() {
    ImporterDriver broken =
        new ImporterDriver() {
          @Override
          public String kind() {
            return "broken";
          }

          @Override
          public String description() {
            return "throws";
          }

          @Override
          public ImporterOffer offer() {
            return ImporterOffer.DYNAMIC;
          }

          @Override
          public Reaction onInvalidate(Invalidation invalidation, RandomGenerator random) {
            throw new UnsupportedOperationException("not written yet");
          }
        };
    start(List.of(device("mine", broken, Behaviour.HONEST, CpuUse.NONE)));
    List<Integer> ids = attach();
    List<SgTable> tables = map();
    awaitDma(tables.getFirst());

    invalidate(1, ids);

    await().atMost(LIMIT).until(() -> recorded.events(HistoryEvent.Dropped.class).size() == 2);
    assertThat(recorded.events(HistoryEvent.Dropped.class).getFirst().why())
        .contains("not written yet");
    awaitDma(tables.getFirst());
  }

  @Test
  void aCpuReadsItsMappingFaultsWhenThatIsTakenAwayAndMapsAnew() {
    start(
        List.of(
            device("gpu", AttachmentDriver.driver("gpu-dynamic"), Behaviour.HONEST, CpuUse.MMAP)));
    List<Integer> ids = attach();
    Map<Integer, SgTable> cpu = new HashMap<>();
    int ended = 0;
    while (ended < 4) {
      ended += answerCpu(cpu) == Operation.END_CPU_ACCESS ? 1 : 0;
    }
    assertThat(recorded.events(HistoryEvent.CpuAccessed.class)).isEmpty();

    cpu.values()
        .forEach(t -> control.setPermission(t.slot(), ControlDescriptor.PERMISSION_BLOCKED));
    control.barrier();
    Set<Integer> mapped = new HashSet<>(cpu.keySet());
    cpu.clear();
    while (!cpu.keySet().containsAll(mapped)) {
      answerCpu(cpu);
    }
    assertThat(recorded.events(HistoryEvent.CpuAccessed.class)).hasSize(2);
    assertThat(recorded.events(HistoryEvent.CpuAccessed.class))
        .allSatisfy(e -> {
          assertThat(e.faults()).isEqualTo(1);
          assertThat(e.reads()).isPositive();
        });

    control(new NodeCommand.End());
    List<Operation> last = new ArrayList<>();
    while (!last.contains(Operation.DETACH)) {
      last.add(answerCpu(cpu));
    }
    assertThat(last.indexOf(Operation.MUNMAP))
        .isGreaterThanOrEqualTo(0)
        .isLessThan(last.indexOf(Operation.DETACH));
    assertThat(ids).hasSize(2);
  }

  @Test
  void aDriverReadsAndWritesThroughWhatItVmapsAndVunmapsIt() {
    start(
        List.of(
            device("gpu", AttachmentDriver.driver("gpu-dynamic"), Behaviour.HONEST, CpuUse.VMAP)));
    attach();
    Map<Integer, SgTable> cpu = new HashMap<>();
    List<Operation> asked = new ArrayList<>();
    while (!asked.contains(Operation.VUNMAP)) {
      asked.add(answerCpu(cpu));
    }
    assertThat(asked).contains(Operation.VMAP).doesNotContain(Operation.MMAP);
    assertThat(recorded.events(HistoryEvent.CpuAccessed.class)).as("no fault").isEmpty();
    // Once both are mapped anew.
    cpu.clear();
    while (cpu.size() < 2) {
      answerCpu(cpu);
    }
    cpu.values()
        .forEach(t -> control.setPermission(t.slot(), ControlDescriptor.PERMISSION_BLOCKED));
    control.barrier();
    while (recorded.events(HistoryEvent.CpuAccessed.class).isEmpty()) {
      answerCpu(cpu);
    }
    assertThat(recorded.events(HistoryEvent.CpuAccessed.class))
        .allSatisfy(e -> {
          assertThat(e.reads()).isPositive();
          assertThat(e.writes()).isEqualTo(e.reads());
          assertThat(e.faults()).isEqualTo(1);
        });
  }

  @Test
  void iommufdMapsARangeAndItsDmaStaysThere() throws IOException {
    start("iommufd");
    attach();
    answer(expect(Operation.PIN), List.of());
    Call map = expect(Operation.IOMMUFD_MAP);
    assertThat(map.span()).isEqualTo(RANGE);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = fabric.mapSegment(SEGMENT, BYTES, arena).data();
      long exporters = Canary.word0(Canary.TAG_EXPORTER, 5);
      Canary.fill(all, exporters, 0);
      awaitDma(map(map, SlotUse.DMA, 0).getFirst());

      long begin = RANGE.offset();
      long end = begin + RANGE.length();
      assertThat(Canary.scan(all.asSlice(begin, end - begin), exporters, 0).foreignBytes())
          .isPositive();
      assertThat(Canary.scan(all.asSlice(0, begin), exporters, 0).foreignBytes()).isZero();
      assertThat(Canary.scan(all.asSlice(end), exporters, 0).foreignBytes()).isZero();
    }
  }

  /** Answers whatever a device asks next, as an exporter that lets everything happen. */
  private Operation answerCpu(Map<Integer, SgTable> cpu) {
    Call call = hear(Call.class);
    switch (call.operation()) {
      case MAP -> map(call, SlotUse.DMA, 0);
      case MMAP, VMAP -> map(call, SlotUse.CPU, 8).forEach(t -> cpu.put(t.attachment(), t));
      case PIN,
          UNPIN,
          UNMAP,
          IOMMUFD_MAP,
          BEGIN_CPU_ACCESS,
          END_CPU_ACCESS,
          MUNMAP,
          VUNMAP,
          DETACH ->
          answer(call, List.of());
    }
    return call.operation();
  }

  @Test
  void aCpuThatIsRefusedItsMappingOnRevokedMemoryGetsSigbus() {
    start(
        List.of(
            device("gpu", AttachmentDriver.driver("gpu-dynamic"), Behaviour.HONEST, CpuUse.MMAP)));
    attach();
    for (int refused = 0; refused < 4; refused++) {
      Call call = hear(Call.class);
      say(
          new ImporterMessage.CallReply(
              exporterPeer(),
              call.call(),
              call.operation(),
              BUFFER,
              List.of(),
              call.attachments().stream()
                  .map(id -> new ImporterMessage.Failure(id, Errno.ENODEV))
                  .toList(),
              List.of()));
    }

    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.CpuAccessed.class).isEmpty());
    assertThat(recorded.events(HistoryEvent.CpuAccessed.class).getFirst().reads()).isZero();
  }
}
