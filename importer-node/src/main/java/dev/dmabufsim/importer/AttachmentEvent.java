package dev.dmabufsim.importer;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import org.jspecify.annotations.Nullable;

/**
 * What can happen to an attachment. {@code call} numbers whatever is asked in consequence; {@code
 * nowNanos} is {@code System.nanoTime()}.
 */
public sealed interface AttachmentEvent {
  /** {@link AttachmentState#dueNanos} is over. */
  record Due(long call, long nowNanos) implements AttachmentEvent {}

  /** The attach was answered. */
  record AttachAnswered(Errno errno, int id, long call, long nowNanos) implements AttachmentEvent {}

  /** An operation was answered, for a map with its table. */
  record Answered(
      Operation operation, Errno errno, @Nullable SgTable table, long call, long nowNanos)
      implements AttachmentEvent {}

  /**
   * {@code invalidate_mappings()} was called.
   *
   * @param reaction what the importer and its hardware do now, if it is mapped
   */
  record Invalidated(long epoch, Reaction reaction, long call, long nowNanos)
      implements AttachmentEvent {}

  /** A DMA through the mapping failed: it was refused, or aborted since the memory is gone. */
  record EngineFailed(long nowNanos) implements AttachmentEvent {}

  /** The engine says that it reads and writes no more. */
  record EngineStopped(long call, long nowNanos) implements AttachmentEvent {}

  /** The engine says that it has given the mapping up: no access at all goes through it. */
  record EngineReleased(long call, long nowNanos) implements AttachmentEvent {}

  /** The experiment ends: give everything back. */
  record Ending(long call, long nowNanos) implements AttachmentEvent {}

  /** The exporter's node is gone. */
  record ExporterGone() implements AttachmentEvent {}
}
