package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.testing.InSharedMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ControlFileTest {
  private static final int SLOTS = 8;
  private static final long FABRIC_ID = 0x8765_4321_0fed_cba9L;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Path file;
  private ControlFile control;

  @BeforeEach
  void create() throws IOException {
    file = shm.resolve("control");
    control = ControlFile.create(file, SLOTS, FABRIC_ID);
  }

  @Test
  void saysToWhoOpensItWhatItsCreatorWrote() throws IOException {
    Path other = shm.resolve("other");
    ControlFile.create(other, 77, FABRIC_ID);

    ControlFile opened = ControlFile.open(other);

    assertThat(opened.slotCapacity()).isEqualTo(77);
    assertThat(opened.fabricId()).isEqualTo(FABRIC_ID);
    assertThat(opened.processes()).isEmpty();
    assertThat(opened.slotsHighWater()).isZero();
    assertThat(opened.counters()).isEqualTo(DmaCounters.ZERO);
    assertThat(Files.size(other)).isEqualTo(opened.slotAt(76) + ControlDescriptor.SLOT_BYTES);
  }

  @Test
  void isNeverCreatedOverAnother() {
    assertThatThrownBy(() -> ControlFile.create(file, SLOTS, 1))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(control.fabricId()).isEqualTo(FABRIC_ID);
  }

  static Stream<Arguments> damages() {
    return Stream.of(
        damage("another magic", (m, at) -> m.set(ValueLayout.JAVA_LONG, 0, 0x444d_4142L), "magic"),
        damage("no magic yet", (m, at) -> m.set(ValueLayout.JAVA_LONG, 0, 0), "magic"),
        damage("a newer version", (m, at) -> m.set(ValueLayout.JAVA_INT, 8, 4), "version 4"),
        damage("an older version", (m, at) -> m.set(ValueLayout.JAVA_INT, 8, 1), "version 1"),
        damage("version zero", (m, at) -> m.set(ValueLayout.JAVA_INT, 8, 0), "version 0"),
        damage("no slots", (m, at) -> m.set(ValueLayout.JAVA_INT, 16, 0), "damaged"),
        damage("minus one slots", (m, at) -> m.set(ValueLayout.JAVA_INT, 16, -1), "damaged"),
        damage("one slot more", (m, at) -> m.set(ValueLayout.JAVA_INT, 16, SLOTS + 1), "damaged"),
        damage("all slots", (m, at) -> m.set(ValueLayout.JAVA_INT, 16, 1 << 30), "damaged"),
        damage("no processes", (m, at) -> m.set(ValueLayout.JAVA_INT, 20, 0), "damaged"),
        damage("minus one processes", (m, at) -> m.set(ValueLayout.JAVA_INT, 20, -1), "damaged"),
        damage("one process less", (m, at) -> m.set(ValueLayout.JAVA_INT, 20, 255), "damaged"),
        // 256 process entries less and as many slots more: the size alone would not tell.
        damage(
            "processes traded for slots",
            (m, at) -> {
              m.set(ValueLayout.JAVA_INT, 16, SLOTS + 256);
              m.set(ValueLayout.JAVA_INT, 20, 0);
            },
            "damaged"));
  }

  private static Arguments damage(
      String what, BiConsumer<MemorySegment, Long> change, String complaint) {
    return Arguments.of(what, change, complaint);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("damages")
  void isRefusedWhenItsHeaderIsNotToBeBelieved(
      String what, BiConsumer<MemorySegment, Long> change, String complaint) {
    change.accept(control.memory(), 0L);

    assertThatIOException()
        .as(what)
        .isThrownBy(() -> ControlFile.open(file))
        .withMessageContaining(file.toString())
        .withMessageContaining(complaint);
  }

  @ParameterizedTest(name = "to {0} bytes")
  @ValueSource(longs = {0, 1, 4095, 4096, 36_863, 36_864, 37_887})
  void isRefusedWhenItIsCutShort(long bytes) throws IOException {
    Path copy = shm.resolve("copy");
    Files.copy(file, copy);
    try (FileChannel channel = FileChannel.open(copy, StandardOpenOption.WRITE)) {
      assertThat(channel.size()).isGreaterThan(bytes);
      channel.truncate(bytes);
    }

    assertThatIOException()
        .isThrownBy(() -> ControlFile.open(copy))
        .withMessageContaining(copy.toString());
  }

  @Test
  void isRefusedWhenItHasGrown() throws IOException {
    Files.write(file, new byte[1], StandardOpenOption.APPEND);

    assertThatIOException().isThrownBy(() -> ControlFile.open(file)).withMessageContaining("size");
  }

  @Test
  void listsEveryProcessThatWasEnteredInTheOrderOfItsIndex() throws IOException {
    int owner = control.register(new ProcessIdentity(11, 1L << 40), 1, "launcher");
    int node = ControlFile.open(file).register(new ProcessIdentity(22, 7), 2, "Knoten-ä");

    assertThat(control.processes())
        .containsExactly(
            new ProcessEntry(
                owner, new ProcessIdentity(11, 1L << 40), ProcessEntry.ROLE_OWNER, "launcher"),
            new ProcessEntry(node, new ProcessIdentity(22, 7), ProcessEntry.ROLE_NODE, "Knoten-ä"));
    assertThat(node).isEqualTo(owner + 1);
  }

  @Test
  void keepsTheFirst64BytesOfALongName() throws IOException {
    control.register(new ProcessIdentity(1, 1), 2, "n".repeat(200));
    control.register(new ProcessIdentity(2, 2), 2, "next");

    assertThat(control.processes())
        .extracting(ProcessEntry::name)
        .containsExactly("n".repeat(64), "next");
  }

  @Test
  void doesNotListAProcessThatIsOnlyHalfEntered() throws IOException {
    control.register(new ProcessIdentity(1, 1), 2, "whole");
    control.memory().set(ValueLayout.JAVA_INT, ControlDescriptor.PROCESSES_AT, 2);

    assertThat(control.processes()).extracting(ProcessEntry::name).containsExactly("whole");
  }

  @Test
  void refusesMoreProcessesThanItHasRoomFor() throws IOException {
    for (int i = 0; i < ControlFile.PROCESS_CAPACITY; i++) {
      assertThat(control.register(new ProcessIdentity(i + 1, i), 2, "n" + i)).isEqualTo(i);
    }

    for (int i = 0; i < 3; i++) {
      assertThatIOException()
          .isThrownBy(() -> control.register(new ProcessIdentity(1, 1), 2, "one too many"))
          .withMessageContaining("256");
    }
    assertThat(control.processes()).hasSize(ControlFile.PROCESS_CAPACITY);
    assertThat(control.grant(0)).as("the table after the processes").isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 257})
  void survivesACountOfProcessesThatIsMad(int count) throws IOException {
    control.register(new ProcessIdentity(1, 1), 2, "one");
    control.memory().set(ValueLayout.JAVA_INT, ControlDescriptor.PROCESSES_AT, count);

    assertThat(control.processes()).hasSize(count < 0 ? 0 : 1);
    assertThatIOException().isThrownBy(() -> control.register(new ProcessIdentity(2, 2), 2, "two"));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 65})
  void survivesALengthOfANameThatIsMad(int length) throws IOException {
    control.register(new ProcessIdentity(1, 1), 2, "one");
    control
        .memory()
        .set(
            ValueLayout.JAVA_INT,
            ControlDescriptor.processAt(0) + ControlDescriptor.PROCESS_NAME_LENGTH_AT,
            length);

    assertThat(control.processes()).hasSize(1);
  }

  @Test
  void givesEachGenerationOnceWhoeverAsks() throws Exception {
    ControlFile again = ControlFile.open(file);
    Set<Long> seen = new ConcurrentSkipListSet<>();
    int each = 20_000;
    Thread other = Thread.ofPlatform().start(() -> take(again, each, seen));
    take(control, each, seen);
    other.join();

    assertThat(seen).hasSize(2 * each).startsWith(1L, 2L, 3L).contains(2L * each);
  }

  private static void take(ControlFile from, int count, Set<Long> into) {
    for (int i = 0; i < count; i++) {
      into.add(from.nextGeneration());
    }
  }

  @Test
  void saysOfASlotWhatTheIommuWroteThere() throws IOException {
    SlotMapping mapping =
        new SlotMapping(1, -2, 3, 4, 5, (1L << 56) - 1, 1L << 33, 1L << 40, Long.MAX_VALUE);
    int flags = ControlDescriptor.SLOT_TRANSLATED | ControlDescriptor.SLOT_CPU;
    control.openSlot(3, mapping, flags);

    ControlFile device = ControlFile.open(file);
    assertThat(device.mapping(3)).isEqualTo(mapping);
    assertThat(device.flags(3)).isEqualTo(flags);
    assertThat(device.grant(3))
        .isEqualTo(
            ControlDescriptor.grant(mapping.generation(), ControlDescriptor.PERMISSION_READ_WRITE));
    assertThat(device.slotsHighWater()).isEqualTo(4);
  }

  @Test
  void keepsASlotsGenerationWhenItsPermissionChanges() {
    control.openSlot(
        0, new SlotMapping(1, 2, 3, 4, 5, 6, 0, 7, 8), ControlDescriptor.SLOT_TRANSLATED);

    for (int permission :
        new int[] {
          ControlDescriptor.PERMISSION_DISCARD_ONLY,
          ControlDescriptor.PERMISSION_BLOCKED,
          ControlDescriptor.PERMISSION_FREE
        }) {
      control.setPermission(0, permission);
      assertThat(ControlDescriptor.permission(control.grant(0))).isEqualTo(permission);
      assertThat(ControlDescriptor.generation(control.grant(0))).isEqualTo(6);
    }
  }

  @Test
  void neverLowersTheMarkOfSlotsInUse() {
    control.openSlot(
        5, new SlotMapping(1, 2, 3, 4, 5, 6, 0, 7, 8), ControlDescriptor.SLOT_TRANSLATED);
    control.openSlot(
        2, new SlotMapping(1, 2, 3, 4, 5, 6, 0, 7, 8), ControlDescriptor.SLOT_TRANSLATED);

    assertThat(control.slotsHighWater()).isEqualTo(6);
  }

  @Test
  void keepsTheWritersOfASlotOnLinesOfTheirOwn() throws IOException {
    int slot = 4;
    long at = control.slotAt(slot);
    assertThat(at % ControlDescriptor.SLOT_BYTES).isZero();

    byte[] fresh = Files.readAllBytes(file);
    control.openSlot(slot, new SlotMapping(-1, -1, -1, -1, -1, (1L << 56) - 1, -1L, -1L, -1L), -1);
    control.setPermission(slot, 0xff);
    byte[] opened = Files.readAllBytes(file);
    assertThat(changed(fresh, opened))
        .as("the IOMMU writes the first line, and the mark of slots in use")
        .allMatch(i -> (i >= at && i < at + 64) || (i >= 36 && i < 40))
        .hasSizeGreaterThan(40);

    control.countOperation(at, -1);
    control.countFault(at);
    control.countEnodev(at);
    control.countLeaked(at, -1);
    control.countAborted(at);
    new Guard(control.memory()).enter(at, control.grant(slot));
    assertThat(changed(opened, Files.readAllBytes(file)))
        .as("the engine writes the second line")
        .allMatch(i -> i >= at + 64 && i < at + 128)
        .hasSizeGreaterThan(6);
  }

  private static List<Integer> changed(byte[] before, byte[] after) {
    List<Integer> at = new ArrayList<>();
    for (int i = 0; i < before.length; i++) {
      if (before[i] != after[i]) {
        at.add(i);
      }
    }
    return at;
  }

  @Test
  void countsEachKindOfOperationApartAndAddsUpAllSlots() {
    control.openSlot(
        6, new SlotMapping(1, 2, 3, 4, 5, 6, 0, 7, 8), ControlDescriptor.SLOT_TRANSLATED);
    count(control.slotAt(0), 1);
    count(control.slotAt(6), 10);

    assertThat(control.counters(0)).isEqualTo(new DmaCounters(1, 100, 2, 3, 4, 5));
    assertThat(control.counters(6)).isEqualTo(new DmaCounters(10, 1000, 20, 30, 40, 50));
    assertThat(control.counters(1)).isEqualTo(DmaCounters.ZERO);
    assertThat(control.counters()).isEqualTo(new DmaCounters(11, 1100, 22, 33, 44, 55));
  }

  private void count(long at, int times) {
    for (int i = 0; i < times; i++) {
      control.countOperation(at, 100);
      repeat(2, () -> control.countFault(at));
      repeat(3, () -> control.countEnodev(at));
      control.countLeaked(at, 4);
      repeat(5, () -> control.countAborted(at));
    }
  }

  private static void repeat(int times, Runnable what) {
    for (int i = 0; i < times; i++) {
      what.run();
    }
  }

  @Test
  void hasNoSlotsBesideThoseItHas() {
    assertThatThrownBy(() -> control.slotAt(SLOTS)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> control.slotAt(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    Set<Long> offsets = new TreeSet<>();
    for (int slot = 0; slot < SLOTS; slot++) {
      offsets.add(control.slotAt(slot));
    }
    assertThat(offsets).hasSize(SLOTS);
  }
}
