package dev.dmabufsim.common.history;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.message.Operation;
import java.util.List;

/** Something that happened on a node and that the judge has to know. */
public sealed interface HistoryEvent {

  /** A node began. */
  record NodeStarted(String name, String role, long pid, long incarnation, int process)
      implements HistoryEvent {}

  /** Exporter: a buffer is on offer; its memory holds the exporter's content. */
  record Exported(
      int buffer, String device, ExporterKind kind, long bytes, int segment, long generation)
      implements HistoryEvent {}

  /** Exporter: attachments are on the buffer's list. */
  record Attached(
      int buffer, String importer, String kind, boolean revocable, List<Integer> attachments)
      implements HistoryEvent {}

  /** Exporter: attachments were refused. */
  record AttachRefused(int buffer, String importer, String kind, Errno errno, int count)
      implements HistoryEvent {}

  /**
   * Exporter: maps were refused for good, since the two devices cannot do peer-to-peer, or what is
   * asked for is not within the buffer.
   */
  record MapRefused(int buffer, Errno errno, List<Integer> attachments) implements HistoryEvent {}

  /** Exporter: an operation was carried out for these attachments. */
  record Operated(Operation operation, int buffer, long epoch, List<Integer> attachments)
      implements HistoryEvent {}

  /** Exporter: a call that is not legal in the attachment's state was answered EINVAL. */
  record IllegalCall(Operation operation, int buffer, List<Integer> attachments)
      implements HistoryEvent {}

  /** Exporter: attachments of a dead process were taken off the list. */
  record Reaped(int buffer, int process, List<Integer> attachments, int pinned, int mapped)
      implements HistoryEvent {}

  /** Exporter: a revoke began. */
  record RevokeRequested(
      int buffer,
      long epoch,
      RevokeCause cause,
      int segment,
      long generation,
      int attachments,
      int mapped)
      implements HistoryEvent {}

  /**
   * Exporter: a revoke completed: from here on the memory is called out of reach.
   *
   * @param micros from request to here
   * @param blocked attachments that had to be blocked
   */
  record RevokeCompleted(
      int buffer,
      long epoch,
      int segment,
      long generation,
      RevokeOutcome outcome,
      long micros,
      List<Integer> blocked)
      implements HistoryEvent {}

  /** Exporter: a revoke had not completed when the node was told to stop. */
  record RevokeUnfinished(
      int buffer, long epoch, long micros, List<Integer> fences, List<Integer> unmaps)
      implements HistoryEvent {}

  /** Exporter: the memory went to its next owner, who filled it with his own content. */
  record HandedOver(int segment, int buffer, long epoch, long generation, long tenantGeneration)
      implements HistoryEvent {}

  /**
   * Exporter: a move copied the content out; {@link RevokeCompleted} of that epoch follows.
   *
   * @param toSystem whether it went from VRAM to system memory
   * @param before checksum of the content where it was
   * @param after checksum of it where it is now
   */
  record Moved(
      int buffer,
      long epoch,
      boolean toSystem,
      int fromSegment,
      int toSegment,
      long bytes,
      long before,
      long after)
      implements HistoryEvent {}

  /** Exporter: a move was asked for and not begun, since the buffer is pinned. */
  record MoveRefused(int buffer, RevokeCause cause, int pins) implements HistoryEvent {}

  /**
   * Exporter: a move did not copy the content. It stays where it was, and nothing was revoked; or
   * it is lost, and {@link RevokeCompleted} of that epoch follows.
   */
  record MoveFailed(int buffer, long epoch, boolean lost, String why) implements HistoryEvent {}

  /** Exporter: the last reference was dropped; the kernel warns if attachments remain. */
  record BufferReleased(int buffer, int attachments) implements HistoryEvent {}

  /** Bytes of one author found in somebody else's memory. */
  record Foreign(int tag, int author, long generation, long bytes) {}

  /** Exporter: the next owner looked through his memory. */
  record Scanned(
      int segment,
      long tenantGeneration,
      long bytes,
      long foreignBytes,
      long firstOffset,
      List<Foreign> authors)
      implements HistoryEvent {}

  /** Exporter: a revoked buffer has memory again. */
  record Restored(int buffer, long epoch, int segment, long generation) implements HistoryEvent {}

  /** Exporter: what was left when it stopped; all zero if everybody was honest. */
  record ExporterStopped(int attachments, int pins, int mappings) implements HistoryEvent {}

  /** Importer: its callback was called for these attachments, of which {@code live} did DMA. */
  record Invalidated(String device, int buffer, long epoch, List<Integer> attachments, int live)
      implements HistoryEvent {}

  /** Importer: the fences of these attachments signalled. */
  record Fenced(String device, int buffer, long epoch, List<Integer> attachments)
      implements HistoryEvent {}

  /**
   * Importer: after a revoke its accesses were tried through the addresses that it had.
   *
   * @param sinceNanos when the first of them was tried, {@code System.nanoTime()}: the line's own
   *     time is when the last was over, and the engine may have lost its CPU in between
   * @param attempts accesses
   * @param enodev how many failed with ENODEV; all must that were tried after the revoke completed
   */
  record Probed(String device, int buffer, long epoch, long sinceNanos, int attempts, int enodev)
      implements HistoryEvent {}

  /** Importer: the first DMA that failed on a mapping which the importer thought live. */
  record Refused(String device, int attachment, int buffer, long generation, String how)
      implements HistoryEvent {}

  /**
   * Importer: accesses to memory whose revoke had completed, through a mapping that was gone or
   * should have been. The first is recorded at once, with {@code count} 1, the others are added
   * when there are no more of them.
   *
   * @param late what became of them
   * @param write whether the first wrote
   * @param offset where in the buffer the first was
   * @param sinceNanos when the first was tried, {@code System.nanoTime()}
   * @param count how many, not counting those recorded before
   */
  record Late(
      String device,
      int attachment,
      int buffer,
      long generation,
      LateAccess late,
      boolean write,
      long offset,
      long sinceNanos,
      long count)
      implements HistoryEvent {}

  /**
   * Importer: the engine did what the phase of its mapping forbids, revoke completed or not: wrote
   * after its fences had signalled, or touched memory after its unmap.
   *
   * @param phase fenced or drained
   * @param count how many accesses, not counting those recorded before
   */
  record PhaseBroken(String device, int attachment, int buffer, String phase, long count)
      implements HistoryEvent {}

  /**
   * Importer: the CPU used its mapping of the buffer.
   *
   * @param reads how many reads succeeded since the last such line
   * @param writes how many writes did
   * @param faults how many accesses ended as SIGBUS does
   */
  record CpuAccessed(
      String device, int attachment, int buffer, long reads, long writes, long faults)
      implements HistoryEvent {}

  /** Importer: a DMA read words that belonged to another owner of the memory. */
  record Leaked(String device, int attachment, int buffer, long generation, long words)
      implements HistoryEvent {}

  /** Importer: a device gave back all it could. */
  record DeviceStopped(String device, int attachments, int pins, int mappings)
      implements HistoryEvent {}

  /** IOMMU: a buffer's slots were closed, on an exporter's behalf. */
  record Closed(
      int buffer, long epoch, int slots, List<Integer> open, List<Integer> undrained, long micros)
      implements HistoryEvent {}

  /** IOMMU: a process is dead, and what it held was closed. */
  record ProcessDied(int process, String node, int slots) implements HistoryEvent {}

  /** IOMMU: what was left when it stopped. */
  record IommuStopped(int slots) implements HistoryEvent {}

  /** A named point was reached at which the scenario wants a fault. */
  record FaultPointReached(String point, int revoke) implements HistoryEvent {}

  /** A message that could not be believed was dropped. */
  record Dropped(String message, String why) implements HistoryEvent {}

  /**
   * Launcher: a fault strikes.
   *
   * @param fault what, as in the scenario
   * @param kind its kind's label
   * @param nodes whom it concerns
   */
  record FaultStruck(String fault, String kind, List<String> nodes) implements HistoryEvent {}

  /** Launcher: a fault is over: a process goes on or was started anew, a network is whole. */
  record FaultOver(String fault, String kind, List<String> nodes) implements HistoryEvent {}

  /**
   * IOMMU, or an exporter's successor: a buffer's exporter is dead, and its memory is being taken
   * back.
   *
   * @param epoch of the revoke that was under way, or a new one
   * @param begun whether one was under way
   */
  record Orphaned(int buffer, long epoch, int segment, long generation, int process, boolean begun)
      implements HistoryEvent {}

  /**
   * IOMMU, or an exporter's successor: a dead exporter's memory is out of everybody's reach, once
   * for each epoch.
   *
   * @param outcome how it was proven
   * @param micros since the death was noticed
   */
  record Reclaimed(
      int buffer, long epoch, int segment, long generation, RevokeOutcome outcome, long micros)
      implements HistoryEvent {}

  /**
   * IOMMU: a successor has read its predecessor's table.
   *
   * @param slots how many have ever been used
   * @param open attachments whose slots are open
   */
  record Rebuilt(int slots, List<Integer> open) implements HistoryEvent {}

  /** Importer: the exporter of these attachments is dead; whatever they ask for is ENODEV. */
  record ExporterLost(String device, int process, List<Integer> attachments)
      implements HistoryEvent {}

  /** Importer: it was given up by others while it was frozen or cut off, and has noticed. */
  record MappingsLost(String device, List<Integer> attachments) implements HistoryEvent {}

  /**
   * Importer: after the faults were over, the device has attachments that did DMA anew; or, if it
   * says so of none, its driver stays away from what was revoked, and it never will.
   *
   * @param micros since it was asked to look
   */
  record Recovered(String device, int attachments, long operations, long micros)
      implements HistoryEvent {}
}
