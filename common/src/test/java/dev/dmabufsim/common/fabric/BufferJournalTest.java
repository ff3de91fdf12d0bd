package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.dmabufsim.common.fabric.BufferJournal.Entry;
import dev.dmabufsim.common.fabric.BufferJournal.Phase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BufferJournalTest {
  @TempDir Path shm;
  private Fabric fabric;
  private BufferJournal journal;

  @BeforeEach
  void create() throws IOException {
    fabric = Fabric.create(shm, 64);
    journal = fabric.control().journal();
  }

  @AfterEach
  void remove() throws IOException {
    fabric.remove();
  }

  @Test
  void anEntryIsReadAsItWasWrittenAlsoByAnotherProcess() throws IOException {
    int index = journal.enter(0x1_0007, 1, 42, 1 << 20, 9);
    journal.write(index, 3, Phase.REVOKING);
    try (Fabric other = Fabric.open(fabric.directory())) {
      assertThat(other.control().journal().entries())
          .containsExactly(new Entry(index, 0x1_0007, 1, 42, 1 << 20, 9, 3, Phase.REVOKING));
    }
  }

  @Test
  void aRestoredBufferHasItsNewMemory() throws IOException {
    int index = journal.enter(7, 1, 42, 4096, 9);
    journal.memory(index, 43, 12);
    journal.write(index, 1, Phase.LIVE);
    assertThat(journal.entries())
        .containsExactly(new Entry(index, 7, 1, 43, 4096, 12, 1, Phase.LIVE));
  }

  @Test
  void ofManyHeirsOneHasTheClaim() throws Exception {
    int heirs = 4;
    try (ExecutorService pool = Executors.newFixedThreadPool(heirs)) {
      for (int round = 0; round < 200; round++) {
        int index = journal.enter(round, 1, round, 4096, 9);
        journal.write(index, 5, Phase.REVOKING);
        Entry read = journal.entries().getLast();
        CountDownLatch start = new CountDownLatch(1);
        List<Future<Boolean>> claims = new java.util.ArrayList<>();
        for (int heir = 0; heir < heirs; heir++) {
          claims.add(
              pool.submit(() -> {
                start.await();
                return journal.claim(read, 5, Phase.RECLAIMING);
              }));
        }
        start.countDown();
        int won = 0;
        for (Future<Boolean> claim : claims) {
          won += claim.get(10, TimeUnit.SECONDS) ? 1 : 0;
        }
        assertThat(won).isEqualTo(1);
      }
    }
  }

  @Test
  void aFullJournalIsAnErrorAndNoDamage() throws IOException {
    for (int i = 0; i < ControlDescriptor.BUFFER_CAPACITY; i++) {
      journal.enter(i, 1, i, 4096, 1);
    }
    assertThatThrownBy(() -> journal.enter(0, 1, 0, 4096, 1)).isInstanceOf(IOException.class);
    assertThat(journal.entries()).hasSize(ControlDescriptor.BUFFER_CAPACITY);
    assertThat(fabric.control().slotsHighWater()).isZero();
  }
}
