package dev.dmabufsim.importer;

import dev.dmabufsim.common.fabric.Fabric;
import dev.dmabufsim.common.fabric.SegmentMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;

/**
 * The segments that a device has mapped into its process: the first mapping of a segment calls
 * mmap(2), the last unmapping munmap(2). Used by one thread alone, whose arenas these are.
 */
final class MappedSegments {
  private static final class Shared {
    final Arena arena;
    final SegmentMemory memory;
    int users;

    Shared(Arena arena, SegmentMemory memory) {
      this.arena = arena;
      this.memory = memory;
    }
  }

  private final Fabric fabric;
  private final Map<Integer, Shared> bySegment = new HashMap<>();

  MappedSegments(Fabric fabric) {
    this.fabric = fabric;
  }

  /**
   * Maps a segment once more, all of it: others may have mapped other parts.
   *
   * @throws IOException if it is not there any more
   */
  SegmentMemory map(int segment) throws IOException {
    Shared shared = bySegment.get(segment);
    if (shared == null) {
      Arena arena = Arena.ofConfined();
      try {
        shared = new Shared(arena, fabric.mapSegment(segment, arena));
      } catch (IOException e) {
        arena.close();
        throw e;
      }
      bySegment.put(segment, shared);
    }
    shared.users++;
    return shared.memory;
  }

  /** Whether there is such a segment: it has not been severed. */
  boolean present(int segment) {
    return fabric.hasSegment(segment);
  }

  /** Unmaps it once. */
  void unmap(int segment) {
    Shared shared = bySegment.get(segment);
    if (shared != null && --shared.users == 0) {
      bySegment.remove(segment);
      shared.arena.close();
    }
  }
}
