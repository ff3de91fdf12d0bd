package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.dmabufsim.common.testing.InSharedMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class FabricTest {
  private static final int PAGE = 4096;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 16);
  }

  @AfterEach
  void close() throws IOException {
    fabric.close();
  }

  @Test
  void isTheSameForWhoCreatedItAndWhoOpensIt() throws IOException {
    try (Fabric opened = Fabric.open(fabric.directory())) {
      assertThat(opened.control().fabricId()).isEqualTo(fabric.control().fabricId());
      assertThat(opened.control().slotCapacity()).isEqualTo(16);
      assertThat(fabric.control().nextGeneration() + 1)
          .isEqualTo(opened.control().nextGeneration());
    }
  }

  @Test
  void hasANameAndANumberOfItsOwn() throws IOException {
    try (Fabric other = Fabric.create(shm, 16)) {
      assertThat(other.directory()).isNotEqualTo(fabric.directory());
      assertThat(other.control().fabricId()).isNotEqualTo(fabric.control().fabricId());
      assertThat(list(shm)).allMatch(name -> name.startsWith(Fabric.PREFIX)).hasSize(2);
    }
  }

  @Test
  void cannotBeOpenedWhereThereIsNone() {
    assertThatThrownBy(() -> Fabric.open(shm.resolve("dmabuf-sim-none")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void cannotBeOpenedWithoutAControlFileOfThisVersion() throws IOException {
    fabric.control().memory().set(ValueLayout.JAVA_INT, ControlDescriptor.VERSION_AT, 99);

    assertThatIOException()
        .isThrownBy(() -> Fabric.open(fabric.directory()))
        .withMessageContaining("version 99");
  }

  @Test
  void isCreatedByTheFirstWhoJoinsItAndOpenedByTheNext() throws IOException {
    Path byHand = shm.resolve(Fabric.PREFIX + "by-hand");
    try (Fabric first = Fabric.join(byHand, 16);
        Fabric second = Fabric.join(byHand, 99)) {
      assertThat(first.directory()).isEqualTo(byHand);
      assertThat(second.control().fabricId()).isEqualTo(first.control().fabricId());
      assertThat(second.control().slotCapacity()).isEqualTo(16);
    }
  }

  @Test
  void isOneForAllWhoJoinItAtTheSameTime() throws Exception {
    for (int round = 0; round < 20; round++) {
      Path byHand = shm.resolve(Fabric.PREFIX + "by-hand-" + round);
      Queue<Fabric> joined = new ConcurrentLinkedQueue<>();
      Queue<Exception> failures = new ConcurrentLinkedQueue<>();
      CountDownLatch together = new CountDownLatch(1);
      List<Thread> nodes = new ArrayList<>();
      for (int node = 0; node < 6; node++) {
        nodes.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    together.await();
                    joined.add(Fabric.join(byHand, 16));
                  } catch (IOException | InterruptedException e) {
                    failures.add(e);
                  }
                }));
      }
      together.countDown();
      for (Thread node : nodes) {
        node.join();
      }
      assertThat(failures).isEmpty();
      assertThat(joined).hasSize(nodes.size());
      assertThat(joined.stream().map(f -> f.control().fabricId()).distinct()).hasSize(1);
      for (Fabric one : joined) {
        one.close();
      }
    }
    assertThat(list(shm)).as("no half made one is left").noneMatch(name -> name.startsWith("."));
  }

  @Test
  void leavesNothingBehindWhenItIsRemoved() throws IOException {
    fabric.createSegment(1, PAGE);

    fabric.remove();

    assertThat(list(shm)).isEmpty();
  }

  @Test
  void showsInEveryMappingOfASegmentWhatWasWrittenThroughOne() throws IOException {
    fabric.createSegment(1, 4 * PAGE);
    try (Fabric other = Fabric.open(fabric.directory());
        Arena arena = Arena.ofConfined()) {
      MemorySegment mine = fabric.mapSegment(1, 4 * PAGE, arena).data();
      MemorySegment others = other.mapSegment(1, 4 * PAGE, arena).data();
      assertThat(mine.address()).isNotEqualTo(others.address());
      assertThat(others.get(ValueLayout.JAVA_LONG, 3 * PAGE)).isZero();

      mine.set(ValueLayout.JAVA_LONG, 3 * PAGE, 17);

      assertThat(others.get(ValueLayout.JAVA_LONG, 3 * PAGE)).isEqualTo(17);
    }
  }

  @Test
  void mapsNoMoreOfASegmentThanThereIsAndNeverMakesItGrow() throws IOException {
    fabric.createSegment(1, PAGE);
    try (Arena arena = Arena.ofConfined()) {
      assertThatIOException()
          .isThrownBy(() -> fabric.mapSegment(1, 2 * PAGE, arena))
          .withMessageContaining(String.valueOf(2 * PAGE) + " bytes, not " + 3 * PAGE);
    }
    assertThat(segmentBytes(1)).isEqualTo(2 * PAGE);
  }

  @Test
  void refusesToCreateASegmentTwiceAndLeavesTheFirstAsItWas() throws IOException {
    fabric.createSegment(1, PAGE);
    try (Arena arena = Arena.ofConfined()) {
      fabric.mapSegment(1, PAGE, arena).data().set(ValueLayout.JAVA_LONG, 0, 17);

      assertThatThrownBy(() -> fabric.createSegment(1, 2 * PAGE))
          .isInstanceOf(FileAlreadyExistsException.class);

      assertThat(fabric.mapSegment(1, PAGE, arena).data().get(ValueLayout.JAVA_LONG, 0))
          .isEqualTo(17);
    }
  }

  @Test
  void leavesNothingBehindWhenThereIsNoRoomForASegment() throws Exception {
    Path small = Files.createDirectory(shm.resolve("small"));
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", small.toString()),
        "a file system of 512 KiB has to be mounted, which takes root");
    try (Fabric tight = Fabric.create(small, 16)) {
      tight.createSegment(1, 16 * PAGE);
      List<String> before = list(tight.directory());

      for (long bytes : new long[] {512 * 1024, 1L << 40}) {
        assertThatIOException()
            .isThrownBy(() -> tight.createSegment(2, bytes))
            .withMessageContaining("no room")
            .withMessageContaining(String.valueOf(bytes))
            .withMessageContaining("free");
      }

      assertThat(list(tight.directory())).isEqualTo(before);
      tight.createSegment(3, 16 * PAGE);
    } finally {
      // Lazily: control files stay mapped for as long as the JVM lives.
      run("umount", "-l", small.toString());
    }
  }

  private static boolean run(String... command) throws IOException, InterruptedException {
    return new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor()
        == 0;
  }

  /** The accesses that the package's documentation allows on memory that can be severed. */
  private interface Access {
    void once(MemorySegment mapped, long[] own);
  }

  private static final Map<String, Access> ACCESSES =
      Map.of(
          "copy to",
          (m, own) -> MemorySegment.copy(own, 0, m, ValueLayout.JAVA_LONG, 0, own.length),
          "copy from",
          (m, own) -> MemorySegment.copy(m, ValueLayout.JAVA_LONG, 0, own, 0, own.length),
          "fill",
          (m, own) -> m.fill((byte) 1),
          "set",
          (m, own) -> {
            for (int i = 0; i < own.length; i++) {
              m.setAtIndex(ValueLayout.JAVA_LONG, i, i);
            }
          },
          "get",
          (m, own) -> {
            for (int i = 0; i < own.length; i++) {
              own[0] += m.getAtIndex(ValueLayout.JAVA_LONG, i);
            }
          });

  @ParameterizedTest
  @ValueSource(strings = {"copy to", "copy from", "fill", "set", "get"})
  void abortsAThreadAtFullSpeedWhenTheSegmentIsSevered(String how) throws Exception {
    int bytes = 16 * PAGE;
    fabric.createSegment(1, bytes);
    CountDownLatch warm = new CountDownLatch(20_000);
    AtomicReference<Throwable> end = new AtomicReference<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment mapped = fabric.mapSegment(1, bytes, arena).data();
      Access access = ACCESSES.get(how);
      Thread thread =
          Thread.ofPlatform()
              .start(() -> {
                long[] own = new long[bytes / 8];
                try {
                  while (true) {
                    access.once(mapped, own);
                    warm.countDown();
                  }
                } catch (InternalError severed) {
                  end.set(severed);
                }
              });
      warm.await();

      fabric.sever(1);
      thread.join();

      assertThat(end.get()).isInstanceOf(InternalError.class);
      assertThat(list(fabric.directory())).doesNotContain("segment-1");
      assertThatIOException().isThrownBy(() -> fabric.mapSegment(1, bytes, arena));
      assertThatIOException().isThrownBy(() -> fabric.mapSegment(1, 0, arena));
    }
  }

  @Test
  void cannotSeverWhatIsNotThereAndSaysSo() throws IOException {
    assertThatIOException().isThrownBy(() -> fabric.sever(1));
    fabric.createSegment(1, PAGE);
    fabric.sever(1);
    assertThatIOException().isThrownBy(() -> fabric.sever(1));
  }

  @Test
  void seversOneSegmentAndNoOther() throws IOException {
    fabric.createSegment(1, PAGE);
    fabric.createSegment(2, PAGE);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment other = fabric.mapSegment(2, PAGE, arena).data();
      fabric.sever(1);
      other.set(ValueLayout.JAVA_LONG, 0, 5);
      assertThat(fabric.mapSegment(2, PAGE, arena).data().get(ValueLayout.JAVA_LONG, 0))
          .isEqualTo(5);
    }
  }

  private long segmentBytes(int segment) throws IOException {
    return Files.size(fabric.directory().resolve("segment-" + segment));
  }

  private static List<String> list(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }
}
