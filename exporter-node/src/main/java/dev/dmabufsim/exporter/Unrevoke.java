package dev.dmabufsim.exporter;

import dev.dmabufsim.exporter.BufferState.Memory;
import java.util.Collection;
import org.pcollections.PSet;

/**
 * An un-revoke in progress.
 *
 * @param memory what the buffer will have
 * @param returns attachments whose {@code invalidate_mappings()} has not returned again
 * @param startedNanos when they were called
 */
public record Unrevoke(Memory memory, PSet<Integer> returns, long startedNanos) {
  Unrevoke returned(Collection<Integer> ids) {
    return new Unrevoke(memory, returns.minusAll(ids), startedNanos);
  }
}
