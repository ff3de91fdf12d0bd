package dev.dmabufsim.common.fabric;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeMap;

/**
 * How bytes say whose they are: the evidence on which a run is judged.
 *
 * <p>All memory is written in grains of 16 bytes, and each grain names its author:
 *
 * <pre>
 *   word 0:  tag (8 bits) | generation of the memory (56 bits)
 *   word 1:  author (32 bits) | sequence (32 bits)
 * </pre>
 *
 * The generation is that of the memory in the writer's belief. Memory gets a new one each time it
 * changes hands, so a grain whose generation is not the owner's was written by somebody who had no
 * business there, and a reader who finds another generation than his own reads what is not his.
 */
public final class Canary {
  /** Written by an importer's DMA; the author is the attachment. */
  public static final int TAG_DEVICE = 0xDA;

  /** The content with which an exporter hands out a buffer; the author is the buffer. */
  public static final int TAG_EXPORTER = 0xEC;

  /** The next owner's content, for as long as the memory is not the exporter's. */
  public static final int TAG_TENANT = 0x7E;

  /** Every DMA and every segment is a whole number of these, bytes. */
  public static final int GRAIN_BYTES = 16;

  private static final long GENERATION_MASK = (1L << 56) - 1;
  private static final int CHUNK_WORDS = 8192;

  private Canary() {}

  /** The first word of a grain. */
  public static long word0(int tag, long generation) {
    return (long) tag << 56 | (generation & GENERATION_MASK);
  }

  /** The second word of a grain. */
  public static long word1(int author, int sequence) {
    return (long) author << 32 | (sequence & 0xffff_ffffL);
  }

  /** Fills private memory with one grain over and over. */
  public static void stamp(MemorySegment own, long bytes, long word0, long word1) {
    for (long at = 0; at < bytes; at += GRAIN_BYTES) {
      own.set(ValueLayout.JAVA_LONG, at, word0);
      own.set(ValueLayout.JAVA_LONG, at + 8, word1);
    }
  }

  /**
   * Fills mapped memory with one grain over and over.
   *
   * @throws InternalError if the memory was severed
   */
  public static void fill(MemorySegment mapped, long word0, long word1) {
    long[] chunk = new long[CHUNK_WORDS];
    for (int i = 0; i < chunk.length; i += 2) {
      chunk[i] = word0;
      chunk[i + 1] = word1;
    }
    long words = mapped.byteSize() / Long.BYTES;
    for (long at = 0; at < words; at += chunk.length) {
      int count = (int) Math.min(chunk.length, words - at);
      MemorySegment.copy(chunk, 0, mapped, ValueLayout.JAVA_LONG, at * Long.BYTES, count);
    }
  }

  /**
   * Counts what an owner finds in his memory that he did not write.
   *
   * @param mapped the memory, which the caller owns: a private copy is compared, never the mapping
   * @throws InternalError if the memory was severed
   */
  public static Finding scan(MemorySegment mapped, long word0, long word1) {
    long[] chunk = new long[CHUNK_WORDS];
    long words = mapped.byteSize() / Long.BYTES;
    long foreign = 0;
    long firstOffset = -1;
    Map<Author, Long> authors = new TreeMap<>();
    for (long at = 0; at < words; at += chunk.length) {
      int count = (int) Math.min(chunk.length, words - at);
      MemorySegment.copy(mapped, ValueLayout.JAVA_LONG, at * Long.BYTES, chunk, 0, count);
      for (int i = 0; i < count; i += 2) {
        if (chunk[i] == word0 && chunk[i + 1] == word1) {
          continue;
        }
        foreign += GRAIN_BYTES;
        if (firstOffset < 0) {
          firstOffset = (at + i) * Long.BYTES;
        }
        // A write that is torn across the scan can leave the two words of different authors; the
        // grain is foreign either way, and the first word decides to whom it is put down.
        authors.merge(author(chunk[i], chunk[i + 1]), (long) GRAIN_BYTES, Long::sum);
      }
    }
    return new Finding(words * Long.BYTES, foreign, firstOffset, Map.copyOf(authors));
  }

  /**
   * Counts, in private memory that a DMA read, the grains that were not content of the generation
   * which the reader had mapped.
   *
   * @return 8-byte words leaked: two for each such grain
   */
  public static long leakedWords(long[] read, int words, long generation) {
    long expected = generation & GENERATION_MASK;
    long leaked = 0;
    for (int i = 0; i < words; i += 2) {
      if ((read[i] & GENERATION_MASK) != expected) {
        leaked += 2;
      }
    }
    return leaked;
  }

  private static Author author(long word0, long word1) {
    int tag = (int) (word0 >>> 56);
    return new Author(tag, (int) (word1 >>> 32), word0 & GENERATION_MASK);
  }

  /**
   * Who wrote a foreign grain, as the grain itself says.
   *
   * @param tag one of the tags, or anything else if the bytes are not of this program
   * @param id for {@link #TAG_DEVICE} the attachment
   * @param generation the generation that the writer believed in
   */
  public record Author(int tag, int id, long generation) implements Comparable<Author> {
    @Override
    public int compareTo(Author o) {
      int byTag = Integer.compare(tag, o.tag);
      int byId = byTag != 0 ? byTag : Integer.compare(id, o.id);
      return byId != 0 ? byId : Long.compare(generation, o.generation);
    }
  }

  /**
   * What a scan found.
   *
   * @param bytesScanned bytes looked at: all of them
   * @param foreignBytes bytes in grains that the owner did not write
   * @param firstOffset where the first of them is, or -1
   * @param authors bytes by author
   */
  public record Finding(
      long bytesScanned, long foreignBytes, long firstOffset, Map<Author, Long> authors) {}
}
