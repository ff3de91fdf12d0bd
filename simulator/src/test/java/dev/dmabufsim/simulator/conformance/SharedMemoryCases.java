package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.fabric.ControlDescriptor;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.Guard;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.fabric.SegmentMemory;
import dev.dmabufsim.common.fabric.SlotMapping;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/** What is tried on real shared memory, in a fabric of its own. */
final class SharedMemoryCases {
  private static final long BYTES = 65_536;

  private SharedMemoryCases() {}

  /** Something to be done with a fabric. */
  private interface Trial {
    void on(Fabric fabric) throws IOException;
  }

  private static void on(Trial trial) throws IOException {
    Path shm = Files.createTempDirectory(Fabric.SHM, "test-of-dmabuf-sim-");
    try {
      Fabric fabric = Fabric.create(shm, 8);
      try {
        trial.on(fabric);
      } finally {
        fabric.remove();
      }
    } finally {
      Files.delete(shm);
    }
  }

  static void exportWithoutRoomFails() throws IOException {
    on(fabric -> {
      long tooMuch = (fabric.directory().toFile().getTotalSpace() + 4096) / 4096 * 4096;
      assertThatIOException().isThrownBy(() -> fabric.createSegment(1, tooMuch));
      assertThat(fabric.hasSegment(1)).isFalse();
      fabric.createSegment(1, BYTES);
      assertThat(fabric.hasSegment(1)).isTrue();
    });
  }

  static void aFailedExportFreesNothingOfAnothers() throws IOException {
    on(fabric -> {
      fabric.createSegment(1, BYTES);
      // Its file is there already: to remove it in the error path would be to free another's.
      assertThatIOException().isThrownBy(() -> fabric.createSegment(1, BYTES));
      assertThat(fabric.segments()).containsExactly(1);
      fabric.control().refuseMemory(true);
      assertThatIOException().isThrownBy(() -> fabric.createSegment(2, BYTES));
      fabric.control().refuseMemory(false);
      assertThat(fabric.segments()).containsExactly(1);
      fabric.createSegment(2, BYTES);
      assertThat(fabric.segments()).containsExactlyInAnyOrder(1, 2);
    });
  }

  static void memoryIsExportedOnce() throws IOException {
    on(fabric -> {
      fabric.createSegment(1, BYTES);
      try (Arena arena = Arena.ofConfined()) {
        SegmentMemory memory = fabric.mapSegment(1, BYTES, arena);
        memory.owner(5);
        memory.data().set(ValueLayout.JAVA_LONG, 0, 77);
        assertThatIOException().isThrownBy(() -> fabric.createSegment(1, BYTES));
        assertThat(fabric.hasSegment(1)).isTrue();
        assertThat(memory.owner()).isEqualTo(5);
        assertThat(memory.data().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(77);
      }
    });
  }

  static void cpuAccessFaults() throws IOException {
    on(fabric -> {
      fabric.createSegment(1, BYTES);
      Guard guard = fabric.guard();
      long slotAt = fabric.control().slotAt(0);
      long grant = ControlDescriptor.grant(5, ControlDescriptor.PERMISSION_READ_WRITE);
      fabric
          .control()
          .openSlot(
              0,
              new SlotMapping(1, 1, 1 << 16, 1, 1, 5, 0, BYTES, 0),
              ControlDescriptor.SLOT_TRANSLATED | ControlDescriptor.SLOT_CPU);
      try (Arena arena = Arena.ofConfined()) {
        SegmentMemory memory = fabric.mapSegment(1, BYTES, arena);
        assertThat(guard.enter(slotAt, grant)).isTrue();
        assertThat(memory.data().get(ValueLayout.JAVA_LONG, 0)).isZero();
        guard.leave(slotAt);

        fabric.control().setPermission(0, ControlDescriptor.PERMISSION_BLOCKED);
        fabric.control().barrier();
        assertThat(guard.enter(slotAt, grant)).isFalse();

        fabric.sever(1);
        assertThatThrownBy(() -> memory.data().get(ValueLayout.JAVA_LONG, 0))
            .isInstanceOf(InternalError.class);
      }
    });
  }

  /** A severed file never comes back to life under a mapping that slept through it. */
  static void severedMemoryIsGoneForGood() throws IOException {
    on(fabric -> {
      fabric.createSegment(1, BYTES);
      try (Arena arena = Arena.ofConfined()) {
        SegmentMemory memory = fabric.mapSegment(1, BYTES, arena);
        memory.owner(5);
        fabric.sever(1);
        fabric.createSegment(2, BYTES);
        assertThatThrownBy(() -> memory.data().set(ValueLayout.JAVA_LONG, 0, 1))
            .isInstanceOf(InternalError.class);
        assertThatThrownBy(memory::owner).isInstanceOf(InternalError.class);
        assertThatIOException().isThrownBy(() -> fabric.mapSegment(1, BYTES, arena));
      }
    });
  }

  /** The owner word tells a late access what it has run into. */
  static void theOwnerIsKnownToWhoComesLate() throws IOException {
    on(fabric -> {
      fabric.createSegment(1, BYTES);
      try (Arena ours = Arena.ofConfined();
          Arena theirs = Arena.ofConfined()) {
        SegmentMemory exporter = fabric.mapSegment(1, BYTES, ours);
        SegmentMemory importer = fabric.mapSegment(1, BYTES, theirs);
        exporter.owner(5);
        assertThat(importer.owner()).isEqualTo(5);
        exporter.owner(SegmentDescriptor.OWNER_NOBODY);
        assertThat(importer.owner()).isEqualTo(SegmentDescriptor.OWNER_NOBODY);
        exporter.owner(SegmentDescriptor.OWNER_UNREACHABLE);
        assertThat(importer.owner()).isEqualTo(SegmentDescriptor.OWNER_UNREACHABLE);
      }
    });
  }
}
