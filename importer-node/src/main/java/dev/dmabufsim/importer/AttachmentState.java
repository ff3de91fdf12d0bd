package dev.dmabufsim.importer;

import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.message.SgTable;
import org.jspecify.annotations.Nullable;

/**
 * One attachment, as its importer sees it.
 *
 * @param index the importer's own number for it
 * @param offer what its driver offers
 * @param phase where it stands
 * @param id the exporter's number for it; meaningful from PINNING on
 * @param attempt how often it has attached
 * @param pinned whether it holds a pin
 * @param epoch the newest revoke that it knows of
 * @param table what is mapped, or was last: stale once it is not LIVE
 * @param timeline what it does about an invalidation, while it is STOPPING because of one
 * @param past what it did about the newest revoke that it knows of, once that is over: who asks
 *     again is told again
 * @param call the number of the call that is outstanding
 * @param tries how often it was refused since the last time that it was not
 * @param dueNanos when to try again what has not been answered or was refused, or what is next of
 *     the time line
 * @param hammers whether it attaches and maps without a pause
 * @param ending whether it is to detach
 * @param hopeless whether it is to detach because no map of it will ever succeed
 * @param overtaken whether an invalidation has come while a map was under way, whose answer may be
 *     from before it
 */
public record AttachmentState(
    int index,
    ImporterOffer offer,
    Phase phase,
    int id,
    int attempt,
    boolean pinned,
    long epoch,
    @Nullable SgTable table,
    @Nullable ReactionTimeline timeline,
    @Nullable ReactionTimeline past,
    long call,
    int tries,
    long dueNanos,
    boolean hammers,
    boolean ending,
    boolean hopeless,
    boolean overtaken) {
  /** Of a cookie, those that say whose attempt it is; a scenario has no more attachments. */
  private static final int INDEX_BITS = 16;

  /** Where the attachment stands. */
  public enum Phase {
    /** Not attached. */
    IDLE,
    /** {@code dma_buf_dynamic_attach()} or {@code dma_buf_attach()} was called. */
    ATTACHING,
    /** {@code dma_buf_pin()} was called. */
    PINNING,
    /** {@code dma_buf_map_attachment()} was called, or iommufd's way to addresses. */
    MAPPING,
    /** Mapped: the engine does DMA. */
    LIVE,
    /**
     * Mapped, and a DMA failed: the memory was taken away while nobody here could be told, or the
     * invalidation is on its way. If none comes, it attaches anew.
     */
    FAULTED,
    /** Invalidated, or ending: the engine is stopping, fences signal, it is unmapped. */
    STOPPING,
    /** Attached, but not mapped: a later use tries again. */
    WAITING,
    /** Attached, but not mapped, and it will not be used any more. */
    AWAY,
    /** {@code dma_buf_unmap_attachment()} was called, at the end. */
    UNMAPPING,
    /** {@code dma_buf_unpin()} was called. */
    UNPINNING,
    /** {@code dma_buf_detach()} was called. */
    DETACHING,
    /** Refused for good. */
    REFUSED,
    /** Detached, or its exporter is gone: nothing more happens. */
    DONE
  }

  /** Not attached yet. */
  public static AttachmentState idle(int index, ImporterOffer offer, long nowNanos) {
    return new AttachmentState(
        index,
        offer,
        Phase.IDLE,
        0,
        0,
        false,
        0,
        null,
        null,
        null,
        0,
        0,
        nowNanos,
        false,
        false,
        false,
        false);
  }

  /**
   * The number under which this attempt to attach is known. It never comes again, however often and
   * fast is asked: an exporter would answer it as it did then.
   */
  public long cookie() {
    return index | ((long) attempt << INDEX_BITS);
  }

  /** Whose attempt a cookie is the number of. */
  static int index(long cookie) {
    return (int) (cookie & ((1L << INDEX_BITS) - 1));
  }

  /** Whether, but for revokes, nothing more will happen to it. */
  public boolean settled() {
    return switch (phase) {
      case LIVE, AWAY, REFUSED, DONE -> true;
      case IDLE,
          ATTACHING,
          PINNING,
          MAPPING,
          FAULTED,
          STOPPING,
          WAITING,
          UNMAPPING,
          UNPINNING,
          DETACHING ->
          false;
    };
  }

  /** Whether it was to end, and has come as far as it ever will. */
  public boolean ended() {
    return phase == Phase.DONE || (ending && stuck());
  }

  /** Whether it will never give back what it has. */
  private boolean stuck() {
    return timeline != null && timeline.stuck();
  }

  /** Whether its driver stays away since a revoke. */
  public boolean away() {
    return phase == Phase.AWAY;
  }

  /** Whether it will do no DMA any more, whatever others do. */
  public boolean never() {
    return phase == Phase.REFUSED || away() || stuck();
  }

  /** Whether the exporter has it on its list, as far as this side knows. */
  public boolean attached() {
    return switch (phase) {
      case IDLE, ATTACHING, REFUSED, DONE -> false;
      case PINNING,
          MAPPING,
          LIVE,
          FAULTED,
          STOPPING,
          WAITING,
          AWAY,
          UNMAPPING,
          UNPINNING,
          DETACHING ->
          true;
    };
  }

  /** Whether its engine has a mapping. */
  public boolean mapped() {
    return phase == Phase.LIVE
        || phase == Phase.FAULTED
        || (phase == Phase.STOPPING && (timeline == null || !timeline.released()));
  }

  AttachmentState phase(Phase next, long due) {
    return new AttachmentState(
        index, offer, next, id, attempt, pinned, epoch, table, timeline, past, call, tries, due,
        hammers, ending, hopeless, overtaken);
  }

  AttachmentState asking(Phase next, long newCall, long due) {
    return new AttachmentState(
        index, offer, next, id, attempt, pinned, epoch, table, timeline, past, newCall, tries, due,
        hammers, ending, hopeless, false);
  }

  AttachmentState attempt(int next) {
    return new AttachmentState(
        index, offer, phase, id, next, pinned, epoch, table, timeline, past, call, tries, dueNanos,
        hammers, ending, hopeless, overtaken);
  }

  AttachmentState attached(int newId) {
    return new AttachmentState(
        index, offer, phase, newId, attempt, false, 0, null, null, null, call, 0, dueNanos, hammers,
        ending, hopeless, false);
  }

  AttachmentState pinned(boolean next) {
    return new AttachmentState(
        index, offer, phase, id, attempt, next, epoch, table, timeline, past, call, tries, dueNanos,
        hammers, ending, hopeless, overtaken);
  }

  AttachmentState epoch(long next) {
    ReactionTimeline kept = next == epoch ? past : null;
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, next, table, timeline, kept, call, tries,
        dueNanos, hammers, ending, hopeless, overtaken);
  }

  AttachmentState mapped(SgTable next) {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, next, timeline, past, call, 0, dueNanos,
        false, ending, hopeless, false);
  }

  AttachmentState playing(@Nullable ReactionTimeline next, boolean hammering) {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, table, next, past, call, tries, dueNanos,
        hammering, ending, hopeless, overtaken);
  }

  AttachmentState over(ReactionTimeline done, boolean hammering) {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, table, null, done, call, tries, dueNanos,
        hammering, ending, hopeless, overtaken);
  }

  AttachmentState tried() {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, table, timeline, past, call, tries + 1,
        dueNanos, hammers, ending, hopeless, overtaken);
  }

  AttachmentState givingUp() {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, table, timeline, past, call, tries,
        dueNanos, hammers, ending, true, overtaken);
  }

  AttachmentState toEnd() {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, table, timeline, past, call, tries,
        dueNanos, hammers, true, hopeless, overtaken);
  }

  AttachmentState byRevoke() {
    return new AttachmentState(
        index, offer, phase, id, attempt, pinned, epoch, table, timeline, past, call, tries,
        dueNanos, hammers, ending, hopeless, true);
  }
}
