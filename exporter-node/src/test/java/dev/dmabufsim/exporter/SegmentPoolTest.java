package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SegmentDescriptor;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.exporter.SegmentPool.Lease;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SegmentPoolTest {
  private static final int BUFFER = 5;
  private static final int PROCESS = 3;
  private static final long BYTES = 128 * 1024;

  @TempDir(factory = InSharedMemory.class)
  private Path shm;

  private Fabric fabric;
  private RecordedHistory recorded;
  private SegmentPool pool;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 16);
    recorded = new RecordedHistory(shm);
    pool = new SegmentPool(fabric, recorded.history, PROCESS);
  }

  @AfterEach
  void close() throws IOException {
    fabric.close();
  }

  private Canary.Finding scan(int segment, long word0, long word1) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return Canary.scan(fabric.mapSegment(segment, BYTES, arena).data(), word0, word1);
    }
  }

  private void handOver(Lease lease, boolean severed) throws IOException {
    SegmentPool.Handover handover = new SegmentPool.Handover(BYTES, lease.generation(), BUFFER, 1);
    if (severed) {
      pool.replace(handover);
    } else {
      pool.take(SegmentPool.handOver(fabric, recorded.history, lease.segment(), handover));
    }
  }

  /** A write that comes late, as a device would do it. */
  private void writeLate(int segment, long at, int attachment, long generation) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = fabric.mapSegment(segment, BYTES, arena).data();
      memory.set(ValueLayout.JAVA_LONG, at, Canary.word0(Canary.TAG_DEVICE, generation));
      memory.set(ValueLayout.JAVA_LONG, at + 8, Canary.word1(attachment, 0));
    }
  }

  @Test
  void anExportedBufferHoldsItsExportersContentAndNothingElse() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);

    assertThat(
            scan(
                    lease.segment(),
                    Canary.word0(Canary.TAG_EXPORTER, lease.generation()),
                    Canary.word1(BUFFER, 0))
                .foreignBytes())
        .isZero();
  }

  @Test
  void memoryThatIsHandedOverIsFilledByItsTenantAtOnce() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    handOver(lease, false);

    HistoryEvent.HandedOver handed = recorded.events(HistoryEvent.HandedOver.class).getFirst();
    assertThat(handed.segment()).isEqualTo(lease.segment());
    assertThat(handed.generation()).isEqualTo(lease.generation());
    assertThat(
            scan(
                    lease.segment(),
                    Canary.word0(Canary.TAG_TENANT, handed.tenantGeneration()),
                    Canary.word1(0, 0))
                .foreignBytes())
        .isZero();
  }

  @Test
  void aLateWriteIsFoundBeforeTheMemoryIsLentAgainAndPutDownToItsAuthor() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    handOver(lease, false);
    writeLate(lease.segment(), 4096, 77, lease.generation());
    writeLate(lease.segment(), 8192, 77, lease.generation());

    Lease again = pool.lend(BUFFER, BYTES);

    HistoryEvent.Scanned scanned = recorded.events(HistoryEvent.Scanned.class).getFirst();
    assertThat(again.segment()).isEqualTo(lease.segment());
    assertThat(scanned.segment()).isEqualTo(lease.segment());
    assertThat(scanned.bytes()).isEqualTo(BYTES);
    assertThat(scanned.foreignBytes()).isEqualTo(32);
    assertThat(scanned.firstOffset()).isEqualTo(4096);
    assertThat(scanned.authors())
        .containsExactly(new HistoryEvent.Foreign(Canary.TAG_DEVICE, 77, lease.generation(), 32));
  }

  @Test
  void memoryThatNobodyTouchedIsFoundClean() throws IOException {
    handOver(pool.export(BUFFER, BYTES), false);
    pool.lend(BUFFER, BYTES);

    HistoryEvent.Scanned scanned = recorded.events(HistoryEvent.Scanned.class).getFirst();
    assertThat(scanned.foreignBytes()).isZero();
    assertThat(scanned.firstOffset()).isEqualTo(-1);
    assertThat(scanned.authors()).isEmpty();
  }

  @Test
  void lendsTheMemoryOfTheLongestTenancyAndNeverTwice() throws IOException {
    Lease first = pool.export(BUFFER, BYTES);
    Lease second = pool.export(BUFFER, BYTES);
    handOver(second, false);
    handOver(first, false);

    assertThat(pool.lend(BUFFER, BYTES).segment()).isEqualTo(second.segment());
    assertThat(pool.lend(BUFFER, BYTES).segment()).isEqualTo(first.segment());
    assertThat(pool.lend(BUFFER, BYTES).segment())
        .as("new memory, once there is no tenant")
        .isNotIn(first.segment(), second.segment());
  }

  @Test
  void lendsNoMemoryOfAnotherSize() throws IOException {
    Lease small = pool.export(BUFFER, BYTES);
    handOver(small, false);

    assertThat(pool.lend(BUFFER, 2 * BYTES).segment()).isNotEqualTo(small.segment());
  }

  @Test
  void lendsItsReserveBeforeMemoryThatWasHandedOverLater() throws IOException {
    Lease exported = pool.export(BUFFER, BYTES);
    pool.reserve(BYTES);
    handOver(exported, false);

    assertThat(pool.lend(BUFFER, BYTES).segment()).isNotEqualTo(exported.segment());
  }

  @Test
  void replacesSeveredMemoryByNewOfAnotherNumber() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    fabric.sever(lease.segment());
    handOver(lease, true);

    HistoryEvent.HandedOver handed = recorded.events(HistoryEvent.HandedOver.class).getFirst();
    assertThat(handed.segment()).isNotEqualTo(lease.segment());
    assertThat(pool.lend(BUFFER, BYTES).segment()).isEqualTo(handed.segment());
  }

  @Test
  void givesMemoryANewGenerationEachTimeItChangesHands() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    long before = lease.generation();
    for (int i = 0; i < 5; i++) {
      handOver(lease, false);
      long tenant = recorded.events(HistoryEvent.HandedOver.class).getLast().tenantGeneration();
      lease = pool.lend(BUFFER, BYTES);
      assertThat(tenant).isGreaterThan(before);
      assertThat(lease.generation()).isGreaterThan(tenant);
      before = lease.generation();
    }
  }

  @Test
  void looksThroughEveryTenantsMemoryInTheEnd() throws IOException {
    Lease first = pool.export(BUFFER, BYTES);
    Lease second = pool.export(BUFFER, BYTES);
    handOver(first, false);
    handOver(second, false);
    writeLate(second.segment(), BYTES - 16, 9, 1);

    pool.inspectAll();

    List<HistoryEvent.Scanned> scans = recorded.events(HistoryEvent.Scanned.class);
    assertThat(scans)
        .extracting(HistoryEvent.Scanned::segment)
        .containsExactly(first.segment(), second.segment());
    assertThat(scans).extracting(HistoryEvent.Scanned::foreignBytes).containsExactly(0L, 16L);
  }

  @Test
  void numbersSegmentsApartFromThoseOfOtherNodes() throws IOException {
    SegmentPool other = new SegmentPool(fabric, recorded.history, PROCESS + 1);

    assertThat(pool.export(BUFFER, BYTES).segment())
        .isNotEqualTo(other.export(BUFFER, BYTES).segment());
  }

  private long owner(int segment) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return fabric.mapSegment(segment, BYTES, arena).owner();
    }
  }

  @Test
  void memorySaysWhoseItIsWheneverItChangesHands() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    assertThat(owner(lease.segment())).isEqualTo(lease.generation());

    SegmentPool.own(fabric, lease.segment(), BYTES, SegmentDescriptor.OWNER_UNREACHABLE);
    assertThat(owner(lease.segment())).isEqualTo(SegmentDescriptor.OWNER_UNREACHABLE);

    handOver(lease, false);
    long tenant = recorded.events(HistoryEvent.HandedOver.class).getLast().tenantGeneration();
    assertThat(owner(lease.segment())).isEqualTo(tenant);

    Lease again = pool.lend(BUFFER, BYTES);
    assertThat(again.segment()).isEqualTo(lease.segment());
    assertThat(owner(lease.segment())).isEqualTo(again.generation());
  }

  @Test
  void aMoveKeepsTheContentByteForByteAndGivesItOtherMemory() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    pool.reserve(BYTES);
    writeLate(lease.segment(), 4096, 77, lease.generation());

    SegmentPool.Copied copied = pool.move(lease.segment(), BYTES, true);

    assertThat(copied.lease().segment()).isNotEqualTo(lease.segment());
    assertThat(copied.lease().generation()).isGreaterThan(lease.generation());
    assertThat(copied.before()).isEqualTo(copied.after());
    assertThat(owner(copied.lease().segment())).isEqualTo(copied.lease().generation());
    assertThat(bytes(copied.lease().segment())).isEqualTo(bytes(lease.segment()));
    assertThat(recorded.events(HistoryEvent.Scanned.class))
        .as("its tenant looked it through before he left")
        .hasSize(1);
  }

  @Test
  void aMoveOfMoreThanOnePieceIsCopiedWhole() throws IOException {
    long bytes = (1 << 20) + 8192;
    Lease lease = pool.export(BUFFER, bytes);

    SegmentPool.Copied copied = pool.move(lease.segment(), bytes, true);

    assertThat(copied.before()).isEqualTo(copied.after());
    try (Arena arena = Arena.ofConfined()) {
      assertThat(
              Canary.scan(
                      fabric.mapSegment(copied.lease().segment(), bytes, arena).data(),
                      Canary.word0(Canary.TAG_EXPORTER, lease.generation()),
                      Canary.word1(BUFFER, 0))
                  .foreignBytes())
          .isZero();
    }
  }

  @Test
  void aMoveIsHeldAgainstWhatIsThereIfThatIsDrained() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    writeLate(lease.segment(), 4096, 77, lease.generation());
    byte[] content = bytes(lease.segment());
    CRC32C sum = new CRC32C();
    sum.update(content, 0, content.length);

    SegmentPool.Copied copied = pool.move(lease.segment(), BYTES, true);

    assertThat(copied.before()).isEqualTo(sum.getValue());
    assertThat(copied.after()).isEqualTo(sum.getValue());
  }

  @Test
  void aMoveOfWhatSomebodyStillWritesToIsHeldAgainstWhatWasCopied() throws Exception {
    Lease lease = pool.export(BUFFER, BYTES);
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger writes = new AtomicInteger();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = fabric.mapSegment(lease.segment(), BYTES, arena).data();
      Thread rogue =
          Thread.ofPlatform()
              .start(() -> {
                while (!over.get()) {
                  int n = writes.incrementAndGet();
                  memory.set(ValueLayout.JAVA_INT, n % (BYTES / 4) * 4, n);
                }
              });
      try {
        await().until(() -> writes.get() > 0);
        for (int i = 0; i < 20; i++) {
          SegmentPool.Copied copied = pool.move(lease.segment(), BYTES, false);
          assertThat(copied.before()).isEqualTo(copied.after());
          pool.giveBack(copied.lease().segment(), BYTES);
        }
      } finally {
        over.set(true);
        rogue.join();
      }
    }
  }

  @Test
  void aMoveThatIsCutOffGivesBackWhatItWasToGoTo() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    pool.reserve(BYTES);
    int reserve = pool.move(lease.segment(), BYTES, true).lease().segment();
    pool.giveBack(reserve, BYTES);
    fabric.sever(lease.segment());

    assertThatThrownBy(() -> pool.move(lease.segment(), BYTES, false))
        .isInstanceOf(IOException.class);

    assertThat(pool.lend(BUFFER, BYTES).segment()).isEqualTo(reserve);
  }

  @Test
  void aMoveForWhichThereIsNoMemoryChangesNothing() throws IOException {
    Lease lease = pool.export(BUFFER, BYTES);
    byte[] content = bytes(lease.segment());
    // More than any host has.
    long tooMuch = 1L << 50;

    assertThatThrownBy(() -> pool.move(lease.segment(), tooMuch, true))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no room for a segment");

    assertThat(owner(lease.segment())).isEqualTo(lease.generation());
    assertThat(bytes(lease.segment())).isEqualTo(content);
  }

  private byte[] bytes(int segment) throws IOException {
    byte[] own = new byte[(int) BYTES];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment.copy(
          fabric.mapSegment(segment, BYTES, arena).data(), 0, MemorySegment.ofArray(own), 0, BYTES);
    }
    return own;
  }
}
