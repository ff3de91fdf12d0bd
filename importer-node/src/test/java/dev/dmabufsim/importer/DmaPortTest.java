package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.Canary.Author;
import dev.dmabufsim.common.fabric.Canary.Finding;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.message.SgTable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DmaPortTest {
  private static final int BYTES = 1 << 20;
  private static final int ATTACHMENT = 9;
  private static final int GENERATION = 5;
  private static final int SLOT = 2;
  private static final long OWN0 = Canary.word0(Canary.TAG_EXPORTER, GENERATION);
  private static final long OWN1 = Canary.word1(1, 0);

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;
  private ControlFile control;
  private Arena arena;
  private SegmentMemory memory;
  private DmaPort port;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 4);
    control = fabric.control();
    fabric.createSegment(1, BYTES);
    arena = Arena.ofConfined();
    memory = fabric.mapSegment(1, BYTES, arena);
    Canary.fill(memory.data(), OWN0, OWN1);
    memory.owner(GENERATION);
    port = new DmaPort(control, fabric.guard(), BYTES);
    control.openSlot(
        SLOT,
        new SlotMapping(ATTACHMENT, 1, 1 << 16, 1, 1, GENERATION, 0, BYTES, 0),
        ControlDescriptor.SLOT_TRANSLATED);
  }

  @AfterEach
  void close() throws IOException {
    arena.close();
    fabric.close();
  }

  private Translation translation(int generation, boolean translated) {
    return new Translation(
        ATTACHMENT,
        SgTable.iovaOf(SLOT),
        BYTES,
        control.slotAt(SLOT),
        ControlDescriptor.grant(generation, ControlDescriptor.PERMISSION_READ_WRITE),
        generation,
        generation,
        translated,
        memory);
  }

  private Finding foreign() {
    return Canary.scan(memory.data(), OWN0, OWN1);
  }

  /**
   * Sizes below and above the 256 bytes that are stamped and the 64 KiB that are copied at once.
   */
  @ParameterizedTest
  @CsvSource({
    "0, 64",
    "64, 128",
    "128, 256",
    "4096, 320",
    "192, 65536",
    "65536, 131072",
    "0, 1048576",
    "1048512, 64"
  })
  void aWriteStampsItsBytesAndNoOthers(int offset, int bytes) {
    assertThat(port.write(translation(GENERATION, true), offset, bytes, 3)).isEqualTo(DmaPort.DONE);

    assertThat(foreign())
        .isEqualTo(
            new Finding(
                BYTES,
                bytes,
                offset,
                Map.of(new Author(Canary.TAG_DEVICE, ATTACHMENT, GENERATION), (long) bytes)));
    assertThat(control.counters(SLOT)).isEqualTo(new DmaCounters(1, bytes, 0, 0, 0, 0));
    assertThat(control.inFlight(SLOT)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 4096, BYTES})
  void aReadOfItsOwnGenerationLeaksNothing(int bytes) {
    port.write(translation(GENERATION, true), 0, 64, 1);

    assertThat(port.read(translation(GENERATION, true), 0, bytes)).isEqualTo(DmaPort.DONE);
    assertThat(port.takeLeakedWords()).isZero();
    assertThat(control.counters(SLOT).leakedWords()).isZero();
    assertThat(control.inFlight(SLOT)).isFalse();
  }

  @Test
  void aReadCountsEveryWordOfAnotherGenerationOnce() {
    assertThat(port.read(translation(GENERATION - 1, false), 0, 4096)).isEqualTo(DmaPort.DONE);

    assertThat(control.counters(SLOT)).isEqualTo(new DmaCounters(1, 4096, 0, 0, 512, 0));
    assertThat(port.takeLeakedWords()).isEqualTo(512);
    assertThat(port.takeLeakedWords()).isZero();
  }

  @Test
  void aTranslatedDmaThroughABlockedSlotIsRefusedAndTouchesNothing() {
    control.setPermission(SLOT, ControlDescriptor.PERMISSION_BLOCKED);

    assertThat(port.write(translation(GENERATION, true), 0, 4096, 1)).isEqualTo(DmaPort.REFUSED);
    assertThat(port.read(translation(GENERATION, true), 0, 4096)).isEqualTo(DmaPort.REFUSED);

    assertThat(foreign().foreignBytes()).isZero();
    assertThat(control.counters(SLOT)).isEqualTo(new DmaCounters(0, 0, 2, 0, 0, 0));
    assertThat(control.inFlight(SLOT)).isFalse();
  }

  @Test
  void aTranslatedDmaOfAnOlderGenerationIsRefusedThoughTheSlotIsOpen() {
    assertThat(port.write(translation(GENERATION - 1, true), 0, 64, 1)).isEqualTo(DmaPort.REFUSED);
    assertThat(foreign().foreignBytes()).isZero();
  }

  @Test
  void aDmaToABusAddressAsksNobody() {
    control.setPermission(SLOT, ControlDescriptor.PERMISSION_BLOCKED);

    assertThat(port.write(translation(GENERATION, false), 0, 4096, 1)).isEqualTo(DmaPort.DONE);
    assertThat(foreign().foreignBytes()).isEqualTo(4096);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aDmaToSeveredMemoryIsAbortedAndLeavesNothingInFlight(boolean translated) throws IOException {
    fabric.sever(1);

    assertThat(port.write(translation(GENERATION, translated), 0, BYTES, 1))
        .isEqualTo(DmaPort.ABORTED);
    assertThat(port.read(translation(GENERATION, translated), 0, BYTES)).isEqualTo(DmaPort.ABORTED);

    assertThat(control.counters(SLOT)).isEqualTo(new DmaCounters(0, 0, 0, 0, 0, 2));
    assertThat(control.inFlight(SLOT)).isFalse();
  }

  @Test
  void aMovedContentKeepsTheNameOfItsOwnGeneration() {
    Translation moved =
        new Translation(
            ATTACHMENT,
            SgTable.iovaOf(SLOT),
            BYTES,
            control.slotAt(SLOT),
            ControlDescriptor.grant(GENERATION, ControlDescriptor.PERMISSION_READ_WRITE),
            GENERATION,
            3,
            true,
            memory);
    Canary.fill(memory.data(), Canary.word0(Canary.TAG_EXPORTER, 3), OWN1);

    assertThat(port.read(moved, 0, 4096)).isEqualTo(DmaPort.DONE);
    assertThat(port.takeLeakedWords()).isZero();
    assertThat(port.write(moved, 0, 64, 1)).isEqualTo(DmaPort.DONE);
    assertThat(Canary.scan(memory.data(), Canary.word0(Canary.TAG_EXPORTER, 3), OWN1).authors())
        .containsOnlyKeys(new Author(Canary.TAG_DEVICE, ATTACHMENT, 3));
  }

  @ParameterizedTest
  @ValueSource(longs = {GENERATION, SegmentDescriptor.OWNER_NOBODY, 77})
  void aDmaSaysWhoseTheMemoryWas(long owner) {
    memory.owner(owner);

    assertThat(port.write(translation(GENERATION, true), 0, 64, 1)).isEqualTo(DmaPort.DONE);
    assertThat(port.owner()).isEqualTo(owner);
    assertThat(port.read(translation(GENERATION, false), 0, 64)).isEqualTo(DmaPort.DONE);
    assertThat(port.owner()).isEqualTo(owner);
  }

  @Test
  void aDmaToADeviceThatDecodesNothingIsNotCarriedOut() {
    memory.owner(SegmentDescriptor.OWNER_UNREACHABLE);

    assertThat(port.write(translation(GENERATION, true), 0, 64, 1)).isEqualTo(DmaPort.UNREACHABLE);
    assertThat(port.read(translation(GENERATION, false), 0, 64)).isEqualTo(DmaPort.UNREACHABLE);
    assertThat(port.discard(translation(GENERATION, true), 0, 64)).isEqualTo(DmaPort.UNREACHABLE);

    assertThat(foreign().foreignBytes()).isZero();
    assertThat(control.counters(SLOT)).isEqualTo(DmaCounters.ZERO);
    assertThat(control.inFlight(SLOT)).isFalse();
  }

  @Test
  void whatIsReadAndDiscardedLeaksNothing() {
    assertThat(port.discard(translation(GENERATION - 1, false), 0, 4096)).isEqualTo(DmaPort.DONE);

    assertThat(port.takeLeakedWords()).isZero();
    assertThat(control.counters(SLOT)).isEqualTo(new DmaCounters(1, 4096, 0, 0, 0, 0));
  }
}
