package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** Why an exporter takes its memory back, and so whether and how the buffer lives on. */
public enum RevokeCause {
  /** VFIO: a function-level reset. The BAR is usable again afterwards. */
  RESET("reset", After.RESTORED),
  /** VFIO: memory-enable was cleared in the command register: the BAR decodes nothing meanwhile. */
  MEMORY_DISABLED("memory-disabled", After.RESTORED),
  /** VFIO, GPU: the device was removed. */
  HOT_UNPLUG("hot-unplug", After.DEAD),
  /** VFIO: the last file reference to the device was closed. */
  LAST_CLOSE("last-close", After.DEAD),
  /** RDMA: the user context that owns the page was destroyed. */
  CONTEXT_DESTROYED("context-destroyed", After.DEAD),
  /** RDMA: the driver was removed. */
  DRIVER_REMOVED("driver-removed", After.DEAD),
  /** GPU: VRAM is needed by somebody else; the content goes to system memory. */
  EVICTION("eviction", After.MOVED),
  /** GPU: the content changes its place, from VRAM to system memory or back. */
  MIGRATION("migration", After.MOVED),
  /**
   * GPU: its memory has an error that cannot be corrected (reliability, availability,
   * serviceability); what was in it is lost.
   */
  RAS_ERROR("ras-error", After.DEAD);

  /** What becomes of the buffer. */
  public enum After {
    /** Temporary: it gets memory again, without the old content, and can be mapped anew. */
    RESTORED,
    /** Permanent: every map is ENODEV from then on. */
    DEAD,
    /** The content survives, byte for byte, in other memory, where it can be mapped at once. */
    MOVED
  }

  private final String label;
  private final After after;

  RevokeCause(String label, After after) {
    this.label = label;
    this.after = after;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** What becomes of the buffer. */
  public After after() {
    return after;
  }

  /**
   * Whether the device's memory answers no request any more, or with errors alone, from the moment
   * of completion: a late access is an unsupported request then, or reads poison, and the memory
   * has no next owner. Pages that fail are retired.
   */
  public boolean decodesNothing() {
    return this == MEMORY_DISABLED || this == HOT_UNPLUG || this == RAS_ERROR;
  }

  /**
   * Whether an exporter that is going to revoke for it lets only those attach who can be told. One
   * that moves can wait until nobody holds the memory; one that revokes on hardware errors alone
   * prefers to wait without bound when it happens, to refusing importers for what hardly ever does.
   */
  public boolean asksRevocable() {
    return after != After.MOVED && this != RAS_ERROR;
  }

  /** The cause with that label, if there is one. */
  public static Optional<RevokeCause> labelled(String label) {
    return Arrays.stream(values()).filter(c -> c.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(RevokeCause::label).collect(Collectors.joining(", "));
  }
}
