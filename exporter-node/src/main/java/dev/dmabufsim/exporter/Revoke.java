package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.exporter.BufferState.Memory;
import java.util.Collection;
import org.jspecify.annotations.Nullable;
import org.pcollections.PSet;

/**
 * A revoke in progress.
 *
 * @param startedNanos when it was requested
 * @param stageDeadlineNanos when the stage ends at the latest, if it has an end
 * @param returns attachments whose {@code invalidate_mappings()} has not returned
 * @param unmaps attachments that are mapped, as a count of unmaps has it
 * @param closing mappings that every sequence sees closed before it ends: the CPU's ({@code
 *     unmap_mapping_range()}), and those that were unmapped within a callback
 * @param blocked attachments that will have to be blocked, or were
 * @param proven a move: the outcome once the content was copied; null if it has to be severed
 * @param copied a move: where the content is now
 * @param seenNanos a move: when its copying was seen last
 */
public record Revoke(
    long startedNanos,
    Stage stage,
    long stageDeadlineNanos,
    PSet<Integer> returns,
    PSet<Integer> unmaps,
    PSet<MappingId> closing,
    PSet<Integer> blocked,
    @Nullable RevokeOutcome proven,
    @Nullable Memory copied,
    long seenNanos) {
  /** The stage of a revoke. */
  public enum Stage {
    /** Importers were told; their answers are awaited. */
    ASKING,
    /** Fences have signalled; unmaps are awaited for one second more: v5 alone. */
    UNMAPPING,
    /** The IOMMU was told to close every slot. */
    CLOSING,
    /** A move: the content is being copied to other memory. */
    COPYING,
    /** The memory itself is being taken away. */
    SEVERING
  }

  Revoke awaiting(PSet<Integer> nextReturns, PSet<Integer> nextUnmaps) {
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos,
        nextReturns,
        nextUnmaps,
        closing,
        blocked,
        proven,
        copied,
        seenNanos);
  }

  Revoke closed(Collection<MappingId> mappings) {
    PSet<MappingId> left = closing.minusAll(mappings);
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos,
        returns,
        unmaps,
        left,
        blocked,
        proven,
        copied,
        seenNanos);
  }

  Revoke alsoClosing(Collection<MappingId> mappings) {
    PSet<MappingId> next = closing.plusAll(mappings);
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos,
        returns,
        unmaps,
        next,
        blocked,
        proven,
        copied,
        seenNanos);
  }

  Revoke stage(Stage next, long deadlineNanos) {
    return new Revoke(
        startedNanos,
        next,
        deadlineNanos,
        returns,
        unmaps,
        closing,
        blocked,
        proven,
        copied,
        seenNanos);
  }

  Revoke blocked(PSet<Integer> next) {
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos,
        returns,
        unmaps,
        closing,
        next,
        proven,
        copied,
        seenNanos);
  }

  Revoke proven(@Nullable RevokeOutcome next) {
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos,
        returns,
        unmaps,
        closing,
        blocked,
        next,
        copied,
        seenNanos);
  }

  Revoke copied(Memory next) {
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos,
        returns,
        unmaps,
        closing,
        blocked,
        proven,
        next,
        seenNanos);
  }

  /**
   * It is seen to go on. Time in which nobody saw it, though somebody was to, is not its own: the
   * process was frozen, and the deadline is that much later.
   *
   * @param interval in which it was to be seen, nanoseconds
   */
  Revoke seen(long nowNanos, long interval) {
    long gap = nowNanos - seenNanos;
    long lost = gap > 2 * interval ? gap - interval : 0;
    return new Revoke(
        startedNanos,
        stage,
        stageDeadlineNanos + lost,
        returns,
        unmaps,
        closing,
        blocked,
        proven,
        copied,
        nowNanos);
  }
}
