package dev.dmabufsim.common.fault;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Mistakes that can be planted in this program, each in one line of it, to see whether its judge
 * notices: one at most, named by the property {@value #PROPERTY}. For tests; no scenario and no
 * option sets it.
 *
 * <p>Where none is planted, {@link #planted} is constantly false, and compiled to nothing.
 */
public enum Planted {
  /** The guard reads the permission and then publishes that it is in flight. */
  GUARD_READS_FIRST,
  /** The IOMMU closes slots and says at once that all is drained. */
  NO_DRAIN,
  /** The exporter does not wait for fences of usage BOOKKEEP. */
  NO_BOOKKEEP,
  /** The journal says that the memory is severed before it is truncated. */
  STATE_BEFORE_TRUNCATE,
  /** An importer's fences signal before its engine has stopped. */
  ACK_BEFORE_STOP,
  /** An engine goes on with the translation that it has cached. */
  IOTLB_NOT_FLUSHED,
  /** A slot is opened again with the generation that it had. */
  OLD_GENERATION,
  /** An exporter takes an importer's progress for that of whatever revoke is under way. */
  EPOCH_NOT_COMPARED,
  /** The IOMMU does not close the slots, and says it did. */
  NO_BLOCK,
  /** A map succeeds although the buffer is revoked. */
  MAP_WHEN_REVOKED,
  /** The memory goes to its next owner when the importers have been asked. */
  EARLY_HANDOVER,
  /** What does not drain is not severed. */
  NO_SEVER,
  /** The deadline of a revoke's first step is not kept. */
  NO_DEADLINE,
  /** A severed segment's memory is used again. */
  SEVERED_REUSED,
  /** The slots of a dead process stay open. */
  DEAD_KEEP_SLOTS,
  /** An exporter's successor does not look at the journal. */
  JOURNAL_IGNORED,
  /** A dead exporter's memory is not taken back. */
  ORPHANS_KEPT,
  /** An IOMMU's successor begins with an empty table. */
  TABLE_FORGOTTEN,
  /** An importer does not notice its exporter's death. */
  DEAD_EXPORTER_UNSEEN,
  /** A lost message is not sent again. */
  NO_RETRY,
  /** A revoke is lifted while it still waits, as v5 of the series could. */
  RESTORE_EARLY;

  /** The property that plants one. */
  public static final String PROPERTY = "dmabufsim.plant";

  /** A constant to the JIT compiler, as {@code this} is where it is compared with it. */
  private static final @Nullable Planted MISTAKE =
      Arrays.stream(values())
          .filter(p -> p.name().equals(System.getProperty(PROPERTY, "")))
          .findFirst()
          .orElse(null);

  /** Whether this is the mistake of this process. */
  public boolean planted() {
    return this == MISTAKE;
  }
}
