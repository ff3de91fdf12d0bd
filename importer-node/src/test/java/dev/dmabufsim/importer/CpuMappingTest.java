package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.ControlFile;
import dev.dmabufsim.common.fabric.DmaCounters;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SlotMapping;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.CpuMapping.Outcome;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CpuMappingTest {
  private static final int BYTES = 4096;
  private static final SgTable TABLE =
      new SgTable(9, SgTable.iovaOf(2), BYTES, 2, 1, 5, 5, true, SlotUse.CPU);

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;
  private ControlFile control;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 4);
    control = fabric.control();
    fabric.createSegment(1, BYTES);
    fill(5);
    control.openSlot(
        2,
        new SlotMapping(9, 1, 1 << 16, 1, 1, 5, 0, BYTES, 0),
        ControlDescriptor.SLOT_TRANSLATED | ControlDescriptor.SLOT_CPU);
  }

  @AfterEach
  void close() throws IOException {
    fabric.close();
  }

  private void fill(long generation) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Canary.fill(
          fabric.mapSegment(1, BYTES, arena).data(),
          Canary.word0(Canary.TAG_EXPORTER, generation),
          0);
    }
  }

  private CpuMapping open() throws IOException {
    return CpuMapping.open(fabric, fabric.guard(), TABLE);
  }

  @Test
  void readsTheWholeBufferOverAndOverAndIsNoDma() throws IOException {
    try (CpuMapping mapping = open()) {
      for (int i = 0; i < 100; i++) {
        assertThat(mapping.read()).isEqualTo(Outcome.READ);
      }
    }
    assertThat(control.counters(2)).isEqualTo(DmaCounters.ZERO);
    assertThat(control.inFlight(2)).isFalse();
  }

  @Test
  void faultsWhenItsPageTableEntryIsTakenAway() throws IOException {
    try (CpuMapping mapping = open()) {
      control.setPermission(2, ControlDescriptor.PERMISSION_BLOCKED);
      control.barrier();

      assertThat(mapping.read()).isEqualTo(Outcome.FAULTED);
      assertThat(control.inFlight(2)).isFalse();
      assertThat(control.counters(2)).isEqualTo(DmaCounters.ZERO);
    }
  }

  @Test
  void faultsAndDoesNotCrashWhenItsMemoryIsSevered() throws IOException {
    try (CpuMapping mapping = open()) {
      fabric.sever(1);

      assertThat(mapping.read()).isEqualTo(Outcome.FAULTED);
      assertThat(control.inFlight(2)).isFalse();
    }
    assertThatThrownBy(this::open).isInstanceOf(IOException.class);
  }

  @Test
  void writesGrainsThatSayForWhichAttachmentAndFaultsWhenItMayNot() throws IOException {
    try (CpuMapping mapping = open();
        Arena arena = Arena.ofConfined()) {
      assertThat(mapping.read()).isEqualTo(Outcome.READ);
      assertThat(mapping.write()).isTrue();
      long exporters = Canary.word0(Canary.TAG_EXPORTER, 5);
      Canary.Finding found = Canary.scan(fabric.mapSegment(1, BYTES, arena).data(), exporters, 0);
      assertThat(found.foreignBytes()).isEqualTo(256);
      assertThat(control.inFlight(2)).isFalse();

      control.setPermission(2, ControlDescriptor.PERMISSION_BLOCKED);
      control.barrier();
      assertThat(mapping.write()).isFalse();
      assertThat(control.inFlight(2)).isFalse();
    }
  }

  @Test
  void aWriteFaultsAndDoesNotCrashWhenItsMemoryIsSevered() throws IOException {
    try (CpuMapping mapping = open()) {
      fabric.sever(1);
      assertThat(mapping.write()).isFalse();
    }
  }

  @Test
  void aPartThatIsMappedIsThatPart() throws IOException {
    SgTable part = new SgTable(9, SgTable.iovaOf(2) + 1024, 512, 2, 1, 5, 5, true, SlotUse.CPU);
    try (CpuMapping mapping = CpuMapping.open(fabric, fabric.guard(), part);
        Arena arena = Arena.ofConfined()) {
      for (int i = 0; i < 10; i++) {
        mapping.read();
        mapping.write();
      }
      MemorySegment all = fabric.mapSegment(1, BYTES, arena).data();
      long exporters = Canary.word0(Canary.TAG_EXPORTER, 5);
      assertThat(Canary.scan(all.asSlice(1024, 512), exporters, 0).foreignBytes()).isPositive();
      assertThat(Canary.scan(all.asSlice(0, 1024), exporters, 0).foreignBytes()).isZero();
      assertThat(Canary.scan(all.asSlice(1536), exporters, 0).foreignBytes()).isZero();
    }
  }

  @Test
  void noticesContentThatIsNotItsOwn() throws IOException {
    try (CpuMapping mapping = open()) {
      fill(6);
      assertThat(mapping.read()).isEqualTo(Outcome.LEAKED);
    }
  }
}
