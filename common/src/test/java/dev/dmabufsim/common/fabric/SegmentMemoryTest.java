package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.dmabufsim.common.testing.InSharedMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class SegmentMemoryTest {
  private static final int PAGE = 4096;
  private static final int BYTES = 4 * PAGE;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;
  private Arena arena;
  private SegmentMemory exporters;
  private SegmentMemory importers;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 16);
    fabric.createSegment(1, BYTES);
    arena = Arena.ofShared();
    exporters = fabric.mapSegment(1, BYTES, arena);
    importers = fabric.mapSegment(1, BYTES, arena);
  }

  @AfterEach
  void close() throws IOException {
    arena.close();
    fabric.close();
  }

  @Test
  void theFileIsThatOfTheBufferAndOnePageLonger() throws IOException {
    assertThat(Files.size(fabric.directory().resolve("segment-1"))).isEqualTo(BYTES + PAGE);
    assertThat(exporters.data().byteSize()).isEqualTo(BYTES);
    assertThat(exporters.header().byteSize()).isEqualTo(PAGE);
  }

  @Test
  void newMemoryBelongsToNobody() {
    assertThat(importers.owner()).isEqualTo(SegmentDescriptor.OWNER_NOBODY);
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        1,
        (1L << 56) - 1,
        SegmentDescriptor.OWNER_NOBODY,
        SegmentDescriptor.OWNER_UNREACHABLE
      })
  void everyMappingShowsWhoseTheMemoryIs(long owner) {
    exporters.owner(77);
    exporters.owner(owner);

    assertThat(importers.owner()).isEqualTo(owner);
  }

  @Test
  void whatABufferHoldsDoesNotReachTheOwnersWord() {
    exporters.owner(5);

    importers.data().fill((byte) -1);
    assertThat(importers.owner()).isEqualTo(5);

    exporters.owner(6);
    assertThat(importers.data().get(ValueLayout.JAVA_LONG, BYTES - 8)).isEqualTo(-1);
  }

  @Test
  void severedMemoryHasNoOwnerAndGetsNone() throws IOException {
    exporters.owner(5);
    fabric.sever(1);

    assertThatExceptionOfType(InternalError.class).isThrownBy(importers::owner);
    assertThatExceptionOfType(InternalError.class).isThrownBy(() -> exporters.owner(6));
    assertThatExceptionOfType(InternalError.class)
        .isThrownBy(() -> importers.data().get(ValueLayout.JAVA_LONG, 0));
  }

  @Test
  void aThreadThatLooksAtFullSpeedSeesEveryNewOwnerAndItsSevering() throws Exception {
    AtomicLong seen = new AtomicLong();
    AtomicReference<Throwable> end = new AtomicReference<>();
    CountDownLatch warm = new CountDownLatch(100_000);
    Thread engine =
        Thread.ofPlatform()
            .start(() -> {
              try {
                while (true) {
                  seen.setPlain(importers.owner());
                  warm.countDown();
                }
              } catch (InternalError severed) {
                end.set(severed);
              }
            });
    warm.await();
    for (long owner = 1; owner <= 1_000; owner++) {
      exporters.owner(owner);
      while (seen.getAcquire() != owner) {
        Thread.onSpinWait();
      }
    }

    fabric.sever(1);
    engine.join();

    assertThat(end.get()).isInstanceOf(InternalError.class);
  }
}
