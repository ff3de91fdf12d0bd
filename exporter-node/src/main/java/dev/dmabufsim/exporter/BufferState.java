package dev.dmabufsim.exporter;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.fence.DmaFence;
import dev.dmabufsim.common.fence.DmaResv;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pcollections.HashTreePMap;
import org.pcollections.HashTreePSet;
import org.pcollections.PMap;
import org.pcollections.PSet;
import org.pcollections.TreePMap;

/**
 * A dma-buf as {@link BufferCore} sees it: the {@code struct dma_buf} with its list of attachments
 * and its {@code resv} object.
 *
 * @param settings what does not change
 * @param memory what is behind it, or was when it was revoked
 * @param epoch raised by each revoke
 * @param revokedBy the exporter's flag: why maps are refused; null if they are not
 * @param attachments the list, by id
 * @param resv the fences
 * @param detached what there is still of attachments that are gone from the list
 * @param deadProcesses importers' processes that are known to be dead
 * @param revoke the revoke in progress, if one is
 * @param queued a revoke that waits for a move to be over, as it would for the lock
 * @param asked whether the exporter device waits to be told how its request ended
 * @param unrevoke the un-revoke in progress, if one is
 */
public record BufferState(
    Settings settings,
    Memory memory,
    long epoch,
    @Nullable RevokeCause revokedBy,
    TreePMap<Integer, Attachment> attachments,
    DmaResv resv,
    Detached detached,
    PSet<Integer> deadProcesses,
    @Nullable Revoke revoke,
    @Nullable RevokeCause queued,
    boolean asked,
    @Nullable Unrevoke unrevoke) {

  /**
   * What does not change in a buffer's life.
   *
   * @param id its number
   * @param kind its exporter
   * @param bytes its size
   * @param contract the sequence that its exporter plays
   * @param askNanos how long importers have to answer, under an enforced contract
   * @param blockNanos how long the IOMMU has to block and drain, likewise
   * @param copyNanos how long a move may take to copy the content, besides what is left of the two
   *     before, likewise
   * @param retryNanos after how long what was not answered is asked again
   */
  public record Settings(
      int id,
      ExporterKind kind,
      long bytes,
      Contract contract,
      long askNanos,
      long blockNanos,
      long copyNanos,
      long retryNanos) {}

  /**
   * What is behind a buffer.
   *
   * @param generation of the memory, a new one each time that it changes hands
   * @param content the generation of what is in it, which survives a move
   * @param system whether it is system memory, which every device reaches; a matter of {@link
   *     ExporterKind#GPU_VRAM} alone
   * @param severed whether it was taken away
   */
  public record Memory(
      int segment, long generation, long content, boolean system, boolean severed) {
    Memory taken() {
      return new Memory(segment, generation, content, system, true);
    }
  }

  /**
   * Whose an attachment is.
   *
   * @param process the importer's process
   * @param deviceKey the importer device
   * @param kind what its driver is called
   * @param ats whether the device caches translations itself
   */
  public record Importer(
      int process, int deviceKey, String kind, ImporterOffer offer, boolean ats) {}

  /**
   * What there is of attachments that have detached.
   *
   * @param closing their mappings that the IOMMU was closing then and has not closed yet
   * @param owners whose they were, by id, as long as fences of theirs are pending: nobody else may
   *     signal those
   */
  public record Detached(PSet<MappingId> closing, PMap<Integer, Integer> owners) {
    static final Detached NOTHING = new Detached(HashTreePSet.empty(), HashTreePMap.empty());
  }

  /**
   * A call that was answered.
   *
   * @param call its number
   * @param errno what it was answered
   */
  public record Answer(long call, Errno errno) {
    static final Answer NONE = new Answer(0, Errno.OK);
  }

  /**
   * The last call of each operation that was answered, so that a repetition is told from a second
   * call. Of each operation, since who has called another meanwhile may still not have heard the
   * answer; and no more of them, since whoever makes a call anew has given up the one before.
   */
  public record Answers(PMap<Operation, Answer> last) {
    static final Answers NONE = new Answers(HashTreePMap.empty());

    /** How that call was answered, or null if it was not, or others have followed. */
    @Nullable Errno to(Operation operation, long call) {
      Answer answer = last.getOrDefault(operation, Answer.NONE);
      return call != 0 && answer.call() == call ? answer.errno() : null;
    }

    /**
     * Whether a later call of the same caller was answered: an attachment's driver calls one thing
     * after the other, and so does its CPU. A message that was on its way for so long is no call
     * any more.
     */
    boolean overtaken(Operation operation, long call) {
      return last.entrySet().stream()
          .anyMatch(a -> a.getKey().cpu() == operation.cpu() && a.getValue().call() > call);
    }

    Answers plus(Operation operation, long call, Errno errno) {
      return new Answers(last.plus(operation, new Answer(call, errno)));
    }
  }

  /**
   * {@code struct dma_buf_attachment}.
   *
   * @param mapErrno what every map is answered, if not OK: the devices cannot do peer-to-peer
   * @param pins how often it is pinned
   * @param mapping its mapping for DMA
   * @param cpu its mapping for the CPU
   * @param awaited the fences that its map waits for
   * @param answers its last calls
   */
  public record Attachment(
      int id,
      Importer importer,
      Errno mapErrno,
      int pins,
      Mapping mapping,
      Cpu cpu,
      @Nullable Wait awaited,
      Answers answers) {
    static Attachment fresh(int id, Importer importer, Errno mapErrno) {
      return new Attachment(
          id, importer, mapErrno, 0, new Mapping.None(), Cpu.NONE, null, Answers.NONE);
    }

    /** The importer's process. */
    public int process() {
      return importer.process();
    }

    /** {@code dma_buf_attachment_is_dynamic()}: a static one is pinned for as long as it maps. */
    public boolean dynamic() {
      return importer.offer().dynamic();
    }

    /** {@code dma_buf_attach_revocable()}: it can be told to invalidate. */
    public boolean revocable() {
      return importer.offer().revocable();
    }

    /** What its slots are for. */
    public SlotUse use() {
      return importer.ats() ? SlotUse.ATS : SlotUse.DMA;
    }

    /** Whether it is mapped for DMA. */
    public boolean mapped() {
      return mapping instanceof Mapping.Mapped;
    }

    /** Whether it holds the memory where it is: who cannot be told must not be moved from under. */
    boolean holds() {
      return pins > 0 || (mapped() && !revocable());
    }

    Attachment mapping(Mapping next) {
      return new Attachment(id, importer, mapErrno, pins, next, cpu, awaited, answers);
    }

    Attachment pins(int next) {
      return new Attachment(id, importer, mapErrno, next, mapping, cpu, awaited, answers);
    }

    Attachment cpu(Cpu next) {
      return new Attachment(id, importer, mapErrno, pins, mapping, next, awaited, answers);
    }

    Attachment cpu(Mapping next) {
      return cpu(cpu.slot(next));
    }

    Attachment waits(@Nullable Wait next) {
      return new Attachment(id, importer, mapErrno, pins, mapping, cpu, next, answers);
    }

    Attachment answered(Operation operation, long call, Errno errno) {
      Answers next = answers.plus(operation, call, errno);
      return new Attachment(id, importer, mapErrno, pins, mapping, cpu, awaited, next);
    }
  }

  /**
   * An attachment's mapping for the CPU: one slot, whoever uses it.
   *
   * @param slot where it stands; closed by a revoke, though the two counts stay
   * @param mmaps how many times user space has it mapped
   * @param vmaps how many times the kernel has: {@code vmapping_counter}
   * @param cached what the first vmap answered and every further one does: {@code vmap_ptr}
   * @param awaited the fences that its begin of CPU access waits for
   */
  public record Cpu(
      Mapping slot, int mmaps, int vmaps, @Nullable SgTable cached, @Nullable Wait awaited) {
    static final Cpu NONE = new Cpu(new Mapping.None(), 0, 0, null, null);

    Cpu slot(Mapping next) {
      return new Cpu(next, mmaps, vmaps, cached, awaited);
    }

    Cpu mmaps(int next) {
      return new Cpu(slot, next, vmaps, cached, awaited);
    }

    Cpu vmaps(int next, @Nullable SgTable nextCached) {
      return new Cpu(slot, mmaps, next, nextCached, awaited);
    }

    Cpu waits(@Nullable Wait next) {
      return new Cpu(slot, mmaps, vmaps, cached, next);
    }
  }

  /** Where an attachment's mapping stands. */
  public sealed interface Mapping {
    /** Not mapped. */
    record None() implements Mapping {}

    /** A revoke took it away. The importer has not said that it unmaps, and still may. */
    record Taken() implements Mapping {}

    /** The IOMMU was asked for a slot, on behalf of that call. */
    record Pending(Operation operation, long call, Span span) implements Mapping {}

    /**
     * Mapped, since the given epoch of the buffer.
     *
     * @param counted whether a count of unmaps knows of it
     */
    record Mapped(SgTable table, long epoch, boolean counted) implements Mapping {}

    /** The IOMMU was asked to close that mapping's slot; call 0 if nobody waits for that. */
    record Unmapping(Operation operation, long call, MappingId id) implements Mapping {}

    /** Whether nothing is mapped, nor on its way. */
    default boolean nothing() {
      return this instanceof None || this instanceof Taken;
    }
  }

  /**
   * A call that waits for fences.
   *
   * @param startedNanos since when
   * @param timeoutNanos for how long at most, {@link DmaResv#MAX_SCHEDULE_TIMEOUT} without bound
   */
  public record Wait(long call, FenceUsage usage, long startedNanos, long timeoutNanos) {
    /** How it stands: {@code dma_resv_wait_timeout()}. */
    DmaResv.Wait on(DmaResv resv, long nowNanos, boolean interrupted) {
      return resv.wait(usage, startedNanos, nowNanos, timeoutNanos, interrupted);
    }

    /** What who waited is answered. */
    static Errno answer(DmaResv.Wait over) {
      if (over.interrupted()) {
        return Errno.ERESTARTSYS;
      }
      return over.timedOut() ? Errno.EBUSY : Errno.OK;
    }

    boolean bounded() {
      return timeoutNanos != DmaResv.MAX_SCHEDULE_TIMEOUT;
    }
  }

  /** A buffer that was just exported. */
  public static BufferState exported(Settings settings, int segment, long generation) {
    return new BufferState(
        settings,
        new Memory(segment, generation, generation, false, false),
        0,
        null,
        TreePMap.empty(),
        DmaResv.empty(),
        Detached.NOTHING,
        HashTreePSet.empty(),
        null,
        null,
        false,
        null);
  }

  /** The memory behind it. */
  public int segment() {
    return memory.segment();
  }

  /** That memory's generation. */
  public long generation() {
    return memory.generation();
  }

  /** Whether maps are refused. */
  public boolean revoked() {
    return revokedBy != null;
  }

  /** Whether it is a move that refuses them, so that it is worth while to come again. */
  public boolean moving() {
    return revokedBy != null && revokedBy.after() == RevokeCause.After.MOVED && !memory.severed();
  }

  /**
   * Whether a move has lost it its content, and it has no memory yet: the pool had none to move it
   * to, or the copy took too long.
   */
  public boolean lost() {
    return revokedBy != null && revokedBy.after() == RevokeCause.After.MOVED && memory.severed();
  }

  /** Whether maps are refused for ever. */
  public boolean dead() {
    return revokedBy != null && revokedBy.after() == RevokeCause.After.DEAD;
  }

  /**
   * What a map is answered while {@link #revoked}. In a move the kernel would sleep on the lock;
   * here whoever asks comes again.
   */
  public Errno refusal() {
    return moving() ? Errno.EBUSY : Errno.ENODEV;
  }

  BufferState attachments(TreePMap<Integer, Attachment> next) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        next,
        resv,
        detached,
        deadProcesses,
        revoke,
        queued,
        asked,
        unrevoke);
  }

  BufferState with(Attachment attachment) {
    return attachments(attachments.plus(attachment.id(), attachment));
  }

  BufferState resv(DmaResv next) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        attachments,
        next,
        detached,
        deadProcesses,
        revoke,
        queued,
        asked,
        unrevoke);
  }

  BufferState revoke(@Nullable Revoke next) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        attachments,
        resv,
        detached,
        deadProcesses,
        next,
        queued,
        asked,
        unrevoke);
  }

  BufferState revokedBy(@Nullable RevokeCause cause, long nextEpoch) {
    return new BufferState(
        settings,
        memory,
        nextEpoch,
        cause,
        attachments,
        resv,
        detached,
        deadProcesses,
        revoke,
        queued,
        asked,
        unrevoke);
  }

  BufferState memory(Memory next) {
    return new BufferState(
        settings,
        next,
        epoch,
        revokedBy,
        attachments,
        resv,
        detached,
        deadProcesses,
        revoke,
        queued,
        asked,
        unrevoke);
  }

  BufferState dead(int process) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        attachments,
        resv,
        detached,
        deadProcesses.plus(process),
        revoke,
        queued,
        asked,
        unrevoke);
  }

  /** Mappings whose attachments detached while the IOMMU was closing their slots. */
  public PSet<MappingId> closing() {
    return detached.closing();
  }

  BufferState closing(PSet<MappingId> next) {
    return detached(new Detached(next, detached.owners()));
  }

  BufferState detached(Detached next) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        attachments,
        resv,
        next,
        deadProcesses,
        revoke,
        queued,
        asked,
        unrevoke);
  }

  BufferState requests(@Nullable RevokeCause nextQueued, boolean nextAsked) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        attachments,
        resv,
        detached,
        deadProcesses,
        revoke,
        nextQueued,
        nextAsked,
        unrevoke);
  }

  BufferState unrevoke(@Nullable Unrevoke next) {
    return new BufferState(
        settings,
        memory,
        epoch,
        revokedBy,
        attachments,
        resv,
        detached,
        deadProcesses,
        revoke,
        queued,
        asked,
        next);
  }

  /** How many attachments are mapped. */
  public int mapped() {
    return (int) attachments.values().stream().filter(Attachment::mapped).count();
  }

  /** How many pins are held. */
  public int pins() {
    return attachments.values().stream().mapToInt(Attachment::pins).sum();
  }

  /** Attachments with fences that this contract waits for and that have not signalled. */
  public List<Integer> fenced() {
    return settings.contract().fences().stream()
        .flatMap(usage -> resv.pending(usage).stream())
        .map(DmaFence::context)
        .map(DmaResv::attachment)
        .distinct()
        .toList();
  }

  /** Every attachment that still owes an answer to the revoke in progress. */
  public PSet<Integer> owing() {
    PSet<Integer> none = HashTreePSet.empty();
    return revoke == null ? none : revoke.returns().plusAll(fenced()).plusAll(revoke.unmaps());
  }

  /** Whether something was asked that has not been answered, so that it may have to be repeated. */
  public boolean waiting() {
    return revoke != null
        || unrevoke != null
        || !closing().isEmpty()
        || attachments.values().stream()
            .anyMatch(a ->
                underWay(a.mapping())
                    || underWay(a.cpu().slot())
                    || (a.cpu().awaited() != null && a.cpu().awaited().bounded()));
  }

  /** When the first wait for fences is over that has an end, null if none has. */
  @Nullable Long firstTimeoutNanos(long nowNanos) {
    Long first = null;
    for (Attachment a : attachments.values()) {
      Wait wait = a.cpu().awaited();
      if (wait != null && wait.bounded()) {
        long end = wait.startedNanos() + wait.timeoutNanos();
        // Compared by difference: nanoTime may be negative and may wrap.
        first = first == null || end - nowNanos < first - nowNanos ? Long.valueOf(end) : first;
      }
    }
    return first;
  }

  private static boolean underWay(Mapping mapping) {
    return mapping instanceof Mapping.Pending || mapping instanceof Mapping.Unmapping;
  }
}
