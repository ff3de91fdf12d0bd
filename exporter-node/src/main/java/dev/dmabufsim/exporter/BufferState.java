package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.SgTable;
import org.jspecify.annotations.Nullable;
import org.pcollections.HashTreePSet;
import org.pcollections.PSet;
import org.pcollections.TreePMap;

/**
 * A dma-buf as {@link BufferCore} sees it: the {@code struct dma_buf} with its list of attachments
 * and what its {@code resv} object would hold.
 *
 * @param settings what does not change
 * @param segment the memory behind it
 * @param generation that memory's generation
 * @param epoch raised by each revoke
 * @param revoked the exporter's flag: maps are answered ENODEV
 * @param attachments the list, by id
 * @param closing mappings whose attachments detached while the IOMMU was closing their slots
 * @param deadProcesses importers' processes that are known to be dead
 * @param revoke the revoke in progress, if one is
 */
public record BufferState(
    Settings settings,
    int segment,
    long generation,
    long epoch,
    boolean revoked,
    TreePMap<Integer, Attachment> attachments,
    PSet<MappingId> closing,
    PSet<Integer> deadProcesses,
    @Nullable Revoke revoke) {

  /**
   * What does not change in a buffer's life.
   *
   * @param id its number
   * @param bytes its size
   * @param contract the sequence that its exporter plays
   * @param askNanos how long importers have to answer, under an enforced contract
   * @param blockNanos how long the IOMMU has to block and drain, likewise
   * @param retryNanos after how long what was not answered is asked again
   */
  public record Settings(
      int id, long bytes, Contract contract, long askNanos, long blockNanos, long retryNanos) {}

  /**
   * {@code struct dma_buf_attachment}.
   *
   * @param process the importer's process
   * @param deviceKey the importer device
   * @param mapErrno what every map is answered, if not OK: the devices cannot do peer-to-peer
   * @param pins how often it is pinned
   * @param mapping its mapping
   * @param lastCall the last call that was answered for it, so that a repetition is told from a
   *     second call
   * @param lastErrno what that call was answered
   */
  public record Attachment(
      int id,
      int process,
      int deviceKey,
      String kind,
      Errno mapErrno,
      int pins,
      Mapping mapping,
      long lastCall,
      Errno lastErrno) {
    Attachment mapping(Mapping next) {
      return new Attachment(
          id, process, deviceKey, kind, mapErrno, pins, next, lastCall, lastErrno);
    }

    Attachment pins(int next) {
      return new Attachment(
          id, process, deviceKey, kind, mapErrno, next, mapping, lastCall, lastErrno);
    }

    Attachment answered(long call, Errno errno) {
      return new Attachment(id, process, deviceKey, kind, mapErrno, pins, mapping, call, errno);
    }
  }

  /** Where an attachment's mapping stands. */
  public sealed interface Mapping {
    /** Not mapped. */
    record None() implements Mapping {}

    /** The IOMMU was asked for a slot, on behalf of that call. */
    record Pending(long call) implements Mapping {}

    /** Mapped, since the given epoch of the buffer. */
    record Mapped(SgTable table, long epoch) implements Mapping {}

    /** The IOMMU was asked to close that mapping's slot; call 0 if nobody waits for that. */
    record Unmapping(long call, MappingId id) implements Mapping {}
  }

  /** The stage of a revoke. */
  public enum Stage {
    /** Importers were told; their answers are awaited. */
    ASKING,
    /** The IOMMU was told to close every slot. */
    CLOSING,
    /** The memory itself is being taken away. */
    SEVERING
  }

  /**
   * A revoke in progress.
   *
   * @param startedNanos when it was requested
   * @param stageDeadlineNanos when the stage ends at the latest; meaningless if not enforced
   * @param returns attachments whose {@code invalidate_mappings()} has not returned
   * @param fences attachments with fences outstanding
   * @param unmaps attachments that are mapped
   * @param blocked attachments that will have to be blocked, or were
   */
  public record Revoke(
      long startedNanos,
      Stage stage,
      long stageDeadlineNanos,
      PSet<Integer> returns,
      PSet<Integer> fences,
      PSet<Integer> unmaps,
      PSet<Integer> blocked) {
    Revoke awaiting(PSet<Integer> nextReturns, PSet<Integer> nextFences, PSet<Integer> nextUnmaps) {
      return new Revoke(
          startedNanos, stage, stageDeadlineNanos, nextReturns, nextFences, nextUnmaps, blocked);
    }

    Revoke stage(Stage next, long deadlineNanos) {
      return new Revoke(startedNanos, next, deadlineNanos, returns, fences, unmaps, blocked);
    }

    Revoke blocked(PSet<Integer> next) {
      return new Revoke(startedNanos, stage, stageDeadlineNanos, returns, fences, unmaps, next);
    }

    /** Every attachment that still owes an answer. */
    public PSet<Integer> owing() {
      return returns.plusAll(fences).plusAll(unmaps);
    }
  }

  /** A buffer that was just exported. */
  public static BufferState exported(Settings settings, int segment, long generation) {
    return new BufferState(
        settings,
        segment,
        generation,
        0,
        false,
        TreePMap.empty(),
        HashTreePSet.empty(),
        HashTreePSet.empty(),
        null);
  }

  BufferState attachments(TreePMap<Integer, Attachment> next) {
    return new BufferState(
        settings, segment, generation, epoch, revoked, next, closing, deadProcesses, revoke);
  }

  BufferState revoke(@Nullable Revoke next) {
    return new BufferState(
        settings, segment, generation, epoch, revoked, attachments, closing, deadProcesses, next);
  }

  BufferState revokedAt(long nextEpoch) {
    return new BufferState(
        settings,
        segment,
        generation,
        nextEpoch,
        true,
        attachments,
        closing,
        deadProcesses,
        revoke);
  }

  BufferState restored(int nextSegment, long nextGeneration) {
    return new BufferState(
        settings,
        nextSegment,
        nextGeneration,
        epoch,
        false,
        attachments,
        closing,
        deadProcesses,
        revoke);
  }

  BufferState dead(int process) {
    return new BufferState(
        settings,
        segment,
        generation,
        epoch,
        revoked,
        attachments,
        closing,
        deadProcesses.plus(process),
        revoke);
  }

  BufferState closing(PSet<MappingId> next) {
    return new BufferState(
        settings, segment, generation, epoch, revoked, attachments, next, deadProcesses, revoke);
  }

  BufferState with(Attachment attachment) {
    return attachments(attachments.plus(attachment.id(), attachment));
  }

  /** How many attachments are mapped. */
  public int mapped() {
    return (int)
        attachments.values().stream().filter(a -> a.mapping() instanceof Mapping.Mapped).count();
  }

  /** How many pins are held. */
  public int pins() {
    return attachments.values().stream().mapToInt(Attachment::pins).sum();
  }

  /** Whether something was asked that has not been answered, so that it may have to be repeated. */
  public boolean waiting() {
    return revoke != null
        || !closing.isEmpty()
        || attachments.values().stream()
            .anyMatch(a ->
                a.mapping() instanceof Mapping.Pending || a.mapping() instanceof Mapping.Unmapping);
  }
}
