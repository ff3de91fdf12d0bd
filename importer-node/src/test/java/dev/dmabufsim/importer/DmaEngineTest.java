package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.Canary.Finding;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A device's engine on real shared memory; the test is its driver, its IOMMU and the exporter. */
final class DmaEngineTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final int BYTES = 64 * 1024;
  private static final int DEVICE_KEY = 1 << 16;
  private static final int BUFFER = 4;
  private static final long FOR_EVER = TimeUnit.HOURS.toNanos(1);

  private record Probed(int attempts, int enodev) {}

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private final Queue<Integer> stopped = new ConcurrentLinkedQueue<>();
  private final Queue<Integer> released = new ConcurrentLinkedQueue<>();
  private final Queue<Integer> failed = new ConcurrentLinkedQueue<>();
  private final Queue<Probed> probed = new ConcurrentLinkedQueue<>();
  private Fabric fabric;
  private ControlFile control;
  private RecordedHistory recorded;
  private DmaEngine engine;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 8);
    control = fabric.control();
    recorded = new RecordedHistory(shm);
  }

  @AfterEach
  void close() throws IOException {
    if (engine != null) {
      engine.powerDown();
    }
    fabric.close();
  }

  private void powerUp(double readFraction) {
    powerUp("gpu-dynamic", false, readFraction);
  }

  private void powerUp(String kind, boolean ats, double readFraction) {
    engine =
        new DmaEngine(
            new ImporterPlan.Device(
                "nic",
                AttachmentDriver.driver(kind),
                1,
                Behaviour.HONEST,
                0,
                ats,
                CpuUse.NONE,
                Span.WHOLE,
                List.of()),
            DEVICE_KEY,
            new ImporterPlan.Workload(64, 4096, readFraction, 0.5, 1),
            fabric,
            recorded.history,
            new DmaEngine.Listener() {
              @Override
              public void stopped(List<Integer> attachments) {
                stopped.addAll(attachments);
              }

              @Override
              public void released(List<Integer> attachments) {
                released.addAll(attachments);
              }

              @Override
              public void failed(int attachment) {
                failed.add(attachment);
              }

              @Override
              public void probed(
                  int buffer, long epoch, long sinceNanos, int attempts, int enodev) {
                probed.add(new Probed(attempts, enodev));
              }
            });
    engine.powerUp();
  }

  /** Maps a new segment for an attachment of that number, in the slot of that number. */
  private SgTable map(int n, int generation, boolean translated) throws IOException {
    return map(n, n, generation, translated);
  }

  private SgTable map(int n, int segment, int generation, boolean translated) throws IOException {
    if (!Files.exists(fabric.directory().resolve("segment-" + segment))) {
      fabric.createSegment(segment, BYTES);
    }
    control.openSlot(
        n,
        new SlotMapping(n, BUFFER, DEVICE_KEY, 1, segment, generation, 0, BYTES, 0),
        translated ? ControlDescriptor.SLOT_TRANSLATED : 0);
    owner(segment, generation);
    return new SgTable(
        n, SgTable.iovaOf(n), BYTES, n, segment, generation, generation, translated, SlotUse.DMA);
  }

  private long operations(SgTable table) {
    return control.counters(table.slot()).operations();
  }

  /** Waits until the engine has done more DMA through a mapping. */
  private void awaitDma(SgTable table) {
    long before = operations(table);
    await().atMost(LIMIT).until(() -> operations(table) >= before + 100);
  }

  /** Stops and releases it, as an honest driver does. */
  private void stop(SgTable table) {
    release(table, 0, 0);
  }

  private void fence(SgTable table, boolean discardedReads, boolean writes) {
    engine.stop(List.of(table.attachment()), discardedReads, writes);
    await().atMost(LIMIT).until(() -> stopped.contains(table.attachment()));
  }

  private void release(SgTable table, long oldTranslationNanos, long oldAddressNanos) {
    engine.release(List.of(table.attachment()), oldTranslationNanos, oldAddressNanos);
    await().atMost(LIMIT).until(() -> released.contains(table.attachment()));
  }

  private void close(int slot) {
    control.setPermission(slot, ControlDescriptor.PERMISSION_BLOCKED);
    control.barrier();
    await().atMost(LIMIT).until(() -> !control.inFlight(slot));
  }

  private void owner(int segment, long owner) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      fabric.mapSegment(segment, BYTES, arena).owner(owner);
    }
  }

  private HistoryEvent.Late awaitLate() {
    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.Late.class).isEmpty());
    return recorded.events(HistoryEvent.Late.class).getFirst();
  }

  /** The next owner fills the memory with his own content. */
  private void fill(int segment, long word0) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Canary.fill(fabric.mapSegment(segment, BYTES, arena).data(), word0, 0);
    }
  }

  private Finding scan(int segment, long word0) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return Canary.scan(fabric.mapSegment(segment, BYTES, arena).data(), word0, 0);
    }
  }

  private static long tenant(int generation) {
    return Canary.word0(Canary.TAG_TENANT, generation);
  }

  /** The segments that this process has mapped, by their file names. */
  private Set<String> mappedSegments() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains(fabric.directory() + "/segment-"))
        .map(line -> line.substring(line.lastIndexOf('/') + 1))
        .collect(Collectors.toSet());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anHonestEngineWritesNoMoreOnceItSaysThatItHasStopped(boolean translated) throws IOException {
    powerUp(0);
    SgTable one = map(1, 10, translated);
    SgTable other = map(2, 20, translated);
    engine.start(one, BUFFER);
    engine.start(other, BUFFER);
    awaitDma(one);
    awaitDma(other);

    stop(one);
    fill(1, tenant(11));
    awaitDma(other);

    assertThat(scan(1, tenant(11)).foreignBytes()).isZero();
    assertThat(recorded.events(HistoryEvent.Refused.class)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFencedEngineReadsButDoesNotWriteOrDoesNothingIfItDiscardsNothing(boolean discards)
      throws IOException {
    powerUp(0);
    SgTable table = map(1, 10, false);
    SgTable other = map(2, 20, false);
    engine.start(table, BUFFER);
    engine.start(other, BUFFER);
    awaitDma(table);

    fence(table, discards, false);
    fill(1, tenant(11));
    long before = operations(table);
    if (discards) {
      awaitDma(table);
    }
    awaitDma(other);

    assertThat(scan(1, tenant(11)).foreignBytes()).isZero();
    assertThat(operations(table) > before).isEqualTo(discards);
    assertThat(control.counters(1).leakedWords()).isZero();
    assertThat(recorded.events(HistoryEvent.PhaseBroken.class)).isEmpty();
    assertThat(recorded.events(HistoryEvent.Late.class)).as("it is its own still").isEmpty();
  }

  @Test
  void anEngineThatWritesWhenFencedBreaksThePhaseAndIsNotLateYet() throws IOException {
    powerUp(0.5);
    SgTable table = map(1, 10, true);
    engine.start(table, BUFFER);
    awaitDma(table);

    fence(table, true, true);
    fill(1, tenant(11));
    await().atMost(LIMIT).until(() -> scan(1, tenant(11)).foreignBytes() > 0);
    release(table, 0, 0);

    List<HistoryEvent.PhaseBroken> broken = recorded.events(HistoryEvent.PhaseBroken.class);
    assertThat(broken).allMatch(e -> e.phase().equals("fenced") && e.attachment() == 1);
    assertThat(broken.getFirst().count()).as("the first at once").isEqualTo(1);
    assertThat(recorded.events(HistoryEvent.Late.class)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"0, NIRVANA", "99, UAF", "-1, AER"})
  void whatBecomesOfALateAccessDependsOnWhoOwnsTheMemory(long owner, LateAccess expected)
      throws IOException {
    powerUp(0);
    SgTable table = map(1, 10, false);
    engine.start(table, BUFFER);
    awaitDma(table);
    long since = System.nanoTime();

    release(table, FOR_EVER, 0);
    fill(1, tenant(11));
    owner(1, owner);

    HistoryEvent.Late late = awaitLate();
    assertThat(late.late()).isEqualTo(expected);
    assertThat(late.count()).isEqualTo(1);
    assertThat(late.attachment()).isEqualTo(1);
    assertThat(late.buffer()).isEqualTo(BUFFER);
    assertThat(late.generation()).isEqualTo(10);
    assertThat(late.offset()).isBetween(0L, (long) BYTES - 64);
    assertThat(late.sinceNanos()).isGreaterThan(since);
    if (expected == LateAccess.UAF) {
      await().atMost(LIMIT).until(() -> scan(1, tenant(11)).foreignBytes() > 0);
      assertThat(scan(1, tenant(11)).authors().keySet())
          .contains(new Canary.Author(Canary.TAG_DEVICE, 1, 10));
    }
    engine.powerDown();
    List<HistoryEvent.Late> all = recorded.events(HistoryEvent.Late.class);
    assertThat(all).allMatch(e -> e.late() == expected);
    assertThat(all.getLast().count()).as("the others in one sum").isGreaterThan(1);
    assertThat(recorded.events(HistoryEvent.PhaseBroken.class))
        .isNotEmpty()
        .allMatch(e -> e.phase().equals("drained"));
  }

  @Test
  void anAccessThroughAnOldTranslationIsRefusedWhereTheIommuChecksIt() throws IOException {
    powerUp(0);
    SgTable table = map(1, 10, true);
    engine.start(table, BUFFER);
    awaitDma(table);

    release(table, FOR_EVER, 0);
    awaitDma(table);
    close(1);
    owner(1, SegmentDescriptor.OWNER_NOBODY);
    fill(1, tenant(11));
    long faults = control.counters(1).faults();
    await().atMost(LIMIT).until(() -> control.counters(1).faults() > faults + 100);

    assertThat(scan(1, tenant(11)).foreignBytes()).isZero();
    assertThat(awaitLate().late()).isEqualTo(LateAccess.IOMMU_FAULT);
  }

  @Test
  void aDeviceThatCachesTranslationsItselfGoesPastTheIommuUntilItsMemoryIsSevered()
      throws IOException {
    powerUp("gpu-dynamic", true, 0);
    SgTable table = map(1, 10, true);
    engine.start(table, BUFFER);
    awaitDma(table);

    release(table, FOR_EVER, 0);
    close(1);
    owner(1, 99);
    awaitDma(table);
    assertThat(control.counters(1).faults()).isZero();
    assertThat(awaitLate().late()).isEqualTo(LateAccess.UAF);

    fabric.sever(1);
    await()
        .atMost(LIMIT)
        .until(() ->
            recorded.events(HistoryEvent.Late.class).stream()
                .anyMatch(e -> e.late() == LateAccess.AER));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anOldAddressIsLookedUpAnewAndLeadsNowhereUnlessItIsABusAddress(boolean translated)
      throws IOException {
    powerUp(0);
    SgTable table = map(1, 10, translated);
    engine.start(table, BUFFER);
    awaitDma(table);
    control.setPermission(1, ControlDescriptor.PERMISSION_FREE);
    control.barrier();

    release(table, 0, FOR_EVER);
    owner(1, 99);
    fill(1, tenant(11));

    assertThat(awaitLate().late()).isEqualTo(translated ? LateAccess.IOMMU_FAULT : LateAccess.UAF);
    if (translated) {
      assertThat(scan(1, tenant(11)).foreignBytes()).isZero();
    } else {
      await().atMost(LIMIT).until(() -> scan(1, tenant(11)).foreignBytes() > 0);
    }
  }

  @Test
  void aRogueIsOverWhenItsTimeIs() throws IOException {
    powerUp(0);
    SgTable table = map(1, 10, false);
    engine.start(table, BUFFER);
    awaitDma(table);

    release(table, 5_000_000, 10_000_000);

    await().atMost(LIMIT).until(() -> mappedSegments().isEmpty());
    long operations = operations(table);
    SgTable other = map(2, 20, false);
    engine.start(other, BUFFER);
    awaitDma(other);
    assertThat(operations(table)).isEqualTo(operations);
  }

  @Test
  void whoIsLiveStillWhenTheRevokeCompletesIsLateToo() throws IOException {
    powerUp(1);
    SgTable table = map(1, 10, false);
    engine.start(table, BUFFER);
    awaitDma(table);

    owner(1, SegmentDescriptor.OWNER_NOBODY);

    assertThat(awaitLate().late()).isEqualTo(LateAccess.NIRVANA);
    assertThat(awaitLate().write()).isFalse();
    assertThat(recorded.events(HistoryEvent.PhaseBroken.class)).isEmpty();
  }

  @Test
  void anEngineThatOnlyReadsNeverWritesWhateverItIsToldAndWhateverTheWorkload() throws IOException {
    powerUp("scanout", false, 0);
    SgTable table = map(1, 10, false);
    fill(1, tenant(10));
    engine.start(table, BUFFER);
    awaitDma(table);
    fence(table, true, true);
    awaitDma(table);
    release(table, FOR_EVER, 0);
    awaitDma(table);

    assertThat(scan(1, tenant(10)).foreignBytes()).isZero();
  }

  @Test
  void anEngineWhoseMemoryIsSeveredSurvivesAndTakesANewMapping() throws IOException {
    powerUp(0.5);
    SgTable table = map(1, 10, true);
    engine.start(table, BUFFER);
    awaitDma(table);

    fabric.sever(1);

    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.Refused.class).isEmpty());
    assertThat(recorded.events(HistoryEvent.Refused.class))
        .containsExactly(new HistoryEvent.Refused("nic", 1, BUFFER, 10, "aborted"));
    assertThat(control.counters(1).aborted()).isPositive();
    assertThat(control.inFlight(1)).isFalse();
    stop(table);
    SgTable next = map(2, 11, true);
    engine.start(next, BUFFER);
    awaitDma(next);
  }

  @Test
  void aMappingThatIsClosedUnderTheEngineIsRefusedOnceAndNotTriedAgain() throws IOException {
    powerUp(0);
    SgTable one = map(1, 10, true);
    SgTable other = map(2, 20, true);
    engine.start(one, BUFFER);
    engine.start(other, BUFFER);
    awaitDma(one);

    control.setPermission(1, ControlDescriptor.PERMISSION_BLOCKED);
    await().atMost(LIMIT).until(() -> control.counters(1).faults() > 0);
    awaitDma(other);

    assertThat(control.counters(1).faults()).isEqualTo(1);
    assertThat(recorded.events(HistoryEvent.Refused.class))
        .containsExactly(new HistoryEvent.Refused("nic", 1, BUFFER, 10, "iommu-fault"));
  }

  @Test
  void aMappingIsTakenUpAgainInASlotThatIsOpenAgain() throws IOException {
    powerUp(0);
    SgTable first = map(1, 10, true);
    engine.start(first, BUFFER);
    awaitDma(first);
    stop(first);
    control.setPermission(1, ControlDescriptor.PERMISSION_FREE);

    SgTable second = map(1, 2, 11, true);
    fill(1, tenant(12));
    engine.start(second, BUFFER);
    awaitDma(second);

    assertThat(scan(1, tenant(12)).foreignBytes()).as("in the old memory").isZero();
  }

  @Test
  void anAddressWhoseMappingIsGoneLeadsNowhere() throws IOException {
    powerUp(0);
    SgTable gone = map(1, 10, true);
    SgTable othersNow = map(2, 20, true);
    SgTable live = map(3, 30, true);
    engine.start(gone, BUFFER);
    engine.start(othersNow, BUFFER);
    engine.start(live, BUFFER);
    awaitDma(gone);
    awaitDma(othersNow);
    awaitDma(live);
    stop(gone);
    stop(othersNow);
    control.setPermission(1, ControlDescriptor.PERMISSION_FREE);
    control.openSlot(
        2,
        new SlotMapping(77, 5, DEVICE_KEY, 1, 2, 21, 0, BYTES, 0),
        ControlDescriptor.SLOT_TRANSLATED);

    engine.probe(BUFFER, 1, List.of(gone, othersNow, live));

    await().atMost(LIMIT).until(() -> !probed.isEmpty());
    assertThat(probed).containsExactly(new Probed(3, 2));
    assertThat(control.counters(1).enodev()).isEqualTo(1);
    assertThat(control.counters(2).enodev()).isEqualTo(1);
    assertThat(control.counters(3).enodev()).isZero();
  }

  /** As in chaos seed 1586533629: somebody had truncated memory that was mapped afterwards. */
  @Test
  void whatTheIommuTranslatesToWhereNobodyAnswersIsAnUnsupportedRequestAndNoFault()
      throws IOException {
    powerUp(0.5);
    SgTable table = map(1, 10, true);
    fabric.sever(table.segment());

    engine.start(table, BUFFER);

    assertThat(awaitLate().late()).isEqualTo(LateAccess.AER);
    await().atMost(LIMIT).until(() -> !recorded.events(HistoryEvent.Refused.class).isEmpty());
    assertThat(recorded.events(HistoryEvent.Refused.class).getFirst().how()).isEqualTo("aborted");
  }

  @Test
  void severedMemoryIsReachedByNoAddressEvenIfTheIommuIsLate() throws IOException {
    powerUp(0);
    SgTable severed = map(1, 10, true);
    fabric.sever(severed.segment());

    engine.probe(BUFFER, 1, List.of(severed));

    await().atMost(LIMIT).until(() -> !probed.isEmpty());
    assertThat(probed).containsExactly(new Probed(1, 1));
  }

  @Test
  void anEngineThatReadsSomebodyElsesMemoryRecordsALeakOnce() throws IOException {
    powerUp(1);
    SgTable table = map(1, 10, false);
    fill(1, tenant(10));
    engine.start(table, BUFFER);
    awaitDma(table);
    assertThat(recorded.events(HistoryEvent.Leaked.class)).isEmpty();

    fill(1, tenant(11));
    await().atMost(LIMIT).until(() -> control.counters(1).leakedWords() > 0);
    awaitDma(table);

    assertThat(recorded.events(HistoryEvent.Leaked.class)).hasSize(1);
    assertThat(recorded.events(HistoryEvent.Leaked.class).getFirst().attachment()).isEqualTo(1);
  }

  @Test
  void memoryStaysMappedForAsLongAsOneAttachmentUsesItAndNoLonger() throws IOException {
    powerUp(0);
    SgTable one = map(1, 7, 10, true);
    SgTable two = map(2, 7, 10, true);
    engine.start(one, BUFFER);
    engine.start(two, BUFFER);
    awaitDma(one);
    awaitDma(two);

    stop(one);
    awaitDma(two);
    assertThat(mappedSegments()).containsExactly("segment-7");
    stop(two);
    assertThat(mappedSegments()).isEmpty();
  }

  @Test
  void anEngineThatIsPoweredDownLeavesNothingMapped() throws IOException {
    powerUp(0);
    SgTable one = map(1, 10, true);
    SgTable two = map(2, 20, true);
    engine.start(one, BUFFER);
    engine.start(two, BUFFER);
    awaitDma(one);
    awaitDma(two);
    stop(one);

    engine.powerDown();

    long operations = operations(two);
    assertThat(mappedSegments()).isEmpty();
    assertThat(control.inFlight(1)).isFalse();
    assertThat(control.inFlight(2)).isFalse();
    assertThat(operations(two)).isEqualTo(operations);
  }

  @Test
  void everyDmaIsOfASizeThatTheWorkloadAllowsAndWithinTheMapping() throws IOException {
    powerUp(0);
    SgTable table = map(1, 10, true);
    // Beyond the mapping's end there is memory all the same.
    fabric.createSegment(5, 2L * BYTES);
    control.openSlot(
        5,
        new SlotMapping(5, BUFFER, DEVICE_KEY, 1, 5, 50, 0, BYTES, 0),
        ControlDescriptor.SLOT_TRANSLATED);
    SgTable half = new SgTable(5, SgTable.iovaOf(5), BYTES, 5, 5, 50, 50, true, SlotUse.DMA);
    try (Arena arena = Arena.ofConfined()) {
      SegmentMemory memory = fabric.mapSegment(5, 2L * BYTES, arena);
      MemorySegment whole = memory.data();
      Canary.fill(whole, tenant(50), 0);
      engine.start(table, BUFFER);
      engine.start(half, BUFFER);
      awaitDma(half);
      awaitDma(table);
      stop(half);

      Finding beyond = Canary.scan(whole.asSlice(BYTES, BYTES), tenant(50), 0);
      assertThat(beyond.foreignBytes()).isZero();
      assertThat(control.counters(5).bytes())
          .isBetween(64 * operations(half), 4096 * operations(half));
    }
  }
}
