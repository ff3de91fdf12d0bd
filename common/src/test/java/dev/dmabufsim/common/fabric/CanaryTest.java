package dev.dmabufsim.common.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.fabric.Canary.Author;
import dev.dmabufsim.common.fabric.Canary.Finding;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CanaryTest {
  private static final long OWN0 = Canary.word0(Canary.TAG_TENANT, 42);
  private static final long OWN1 = Canary.word1(0, 0);

  /** Scans read in pieces of 64 KiB: sizes below, at and across their borders. */
  @ParameterizedTest
  @ValueSource(longs = {16, 64, 65_520, 65_536, 65_552, 1_000_000})
  void findsNothingInMemoryThatOnlyItsOwnerWrote(long bytes) {
    MemorySegment memory = Arena.ofAuto().allocate(bytes, 16);
    Canary.fill(memory, OWN0, OWN1);

    assertThat(Canary.scan(memory, OWN0, OWN1)).isEqualTo(new Finding(bytes, 0, -1, Map.of()));
  }

  @ParameterizedTest
  @ValueSource(longs = {16, 64, 65_520, 65_536, 65_552, 1_000_000})
  void findsAForeignGrainAtEitherEnd(long bytes) {
    for (long at : new long[] {0, bytes - 16}) {
      MemorySegment memory = Arena.ofAuto().allocate(bytes, 16);
      Canary.fill(memory, OWN0, OWN1);
      plant(memory, at, new Author(Canary.TAG_DEVICE, 7, 41), 3);

      assertThat(Canary.scan(memory, OWN0, OWN1))
          .isEqualTo(new Finding(bytes, 16, at, Map.of(new Author(Canary.TAG_DEVICE, 7, 41), 16L)));
    }
  }

  @Test
  void findsEveryForeignGrainAndPutsItDownToItsAuthor() {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      int grains = 1 + random.nextInt(20_000);
      MemorySegment memory = Arena.ofAuto().allocate(grains * 16L, 16);
      Canary.fill(memory, OWN0, OWN1);
      Map<Long, Author> planted = new TreeMap<>();
      for (int i = random.nextInt(200); i >= 0; i--) {
        long at = random.nextInt(grains) * 16L;
        Author author =
            new Author(
                random.nextBoolean() ? Canary.TAG_DEVICE : Canary.TAG_EXPORTER,
                random.nextInt(),
                1 + random.nextInt(41));
        plant(memory, at, author, random.nextInt());
        planted.put(at, author);
      }
      Map<Author, Long> expected = new TreeMap<>();
      planted.values().forEach(a -> expected.merge(a, 16L, Long::sum));

      assertThat(Canary.scan(memory, OWN0, OWN1))
          .as("seed %d", seed)
          .isEqualTo(
              new Finding(
                  grains * 16L,
                  planted.size() * 16L,
                  planted.keySet().iterator().next(),
                  Map.copyOf(expected)));
    }
  }

  private static void plant(MemorySegment memory, long at, Author author, int sequence) {
    memory.set(ValueLayout.JAVA_LONG, at, Canary.word0(author.tag(), author.generation()));
    memory.set(ValueLayout.JAVA_LONG, at + 8, Canary.word1(author.id(), sequence));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 8})
  void findsAGrainOfWhichOnlyOneWordIsForeign(long word) {
    MemorySegment memory = Arena.ofAuto().allocate(160, 16);
    Canary.fill(memory, OWN0, OWN1);
    memory.set(ValueLayout.JAVA_LONG, 48 + word, 0x0102_0304_0506_0708L);

    Finding finding = Canary.scan(memory, OWN0, OWN1);

    assertThat(finding.foreignBytes()).isEqualTo(16);
    assertThat(finding.firstOffset()).isEqualTo(48);
  }

  @Test
  void tellsTheSameAuthorsWritesOfAnotherGenerationApart() {
    MemorySegment memory = Arena.ofAuto().allocate(64, 16);
    Canary.fill(memory, OWN0, OWN1);
    plant(memory, 0, new Author(Canary.TAG_TENANT, 0, 41), 0);

    assertThat(Canary.scan(memory, OWN0, OWN1).authors())
        .containsExactly(Map.entry(new Author(Canary.TAG_TENANT, 0, 41), 16L));
  }

  @Test
  void readsBackFromAGrainWhatWasPutIntoIt() {
    long most = (1L << 56) - 1;
    for (int tag : new int[] {Canary.TAG_DEVICE, Canary.TAG_EXPORTER, Canary.TAG_TENANT}) {
      for (int id : new int[] {0, 1, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        for (long generation : new long[] {1, most}) {
          for (int sequence : new int[] {0, -1, Integer.MAX_VALUE}) {
            MemorySegment memory = Arena.ofAuto().allocate(16, 16);
            plant(memory, 0, new Author(tag, id, generation), sequence);
            assertThat(Canary.scan(memory, OWN0, OWN1).authors())
                .containsExactly(Map.entry(new Author(tag, id, generation), 16L));
          }
        }
      }
    }
  }

  @Test
  void stampsEveryGrainAndNoByteBeyond() {
    MemorySegment memory = Arena.ofAuto().allocate(256, 16);
    Canary.fill(memory, OWN0, OWN1);

    Canary.stamp(memory, 128, Canary.word0(Canary.TAG_DEVICE, 9), Canary.word1(3, 4));

    assertThat(Canary.scan(memory, OWN0, OWN1))
        .isEqualTo(new Finding(256, 128, 0, Map.of(new Author(Canary.TAG_DEVICE, 3, 9), 128L)));
  }

  @Test
  void countsTwoWordsLeakedForEachGrainOfAnotherGeneration() {
    long[] read = new long[64];
    for (int i = 0; i < read.length; i += 2) {
      // Whoever wrote it: what counts is of which generation the memory was.
      read[i] = Canary.word0(i % 4 == 0 ? Canary.TAG_DEVICE : Canary.TAG_EXPORTER, 42);
    }
    assertThat(Canary.leakedWords(read, 64, 42)).isZero();
    assertThat(Canary.leakedWords(read, 64, 43)).isEqualTo(64);

    read[6] = Canary.word0(Canary.TAG_TENANT, 43);
    read[62] = 0;
    assertThat(Canary.leakedWords(read, 64, 42)).isEqualTo(4);
    assertThat(Canary.leakedWords(read, 62, 42)).as("beyond what was read").isEqualTo(2);
  }
}
