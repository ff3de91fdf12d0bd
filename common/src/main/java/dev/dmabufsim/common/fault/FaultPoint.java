package dev.dmabufsim.common.fault;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A point that a node passes during a revoke, or in between, and at which a fault can strike
 * exactly: before and after each message of a revoke, in the guard of a DMA, and between any two
 * steps whose order matters. The part of the label before the first dot is the role of the nodes
 * that pass it.
 */
public enum FaultPoint {
  /** The revoke is in the journal and the flag set; no importer has been told yet. */
  EXPORTER_REQUESTED("exporter.requested"),
  /** {@code InvalidateMappings} went to every importer. */
  EXPORTER_INVALIDATE_SENT("exporter.invalidate-sent"),
  /** An importer's {@code RevokeProgress} has come and was not looked at yet. */
  EXPORTER_PROGRESS_RECEIVED("exporter.progress-received"),
  /** The IOMMU was asked to close slots that importers have unmapped. */
  EXPORTER_UNMAP_SENT("exporter.unmap-sent"),
  /** The IOMMU's answer to that has come and was not looked at yet. */
  EXPORTER_UNMAPPED_RECEIVED("exporter.unmapped-received"),
  /** All answers are in, or the deadline is over; the IOMMU was not asked to close yet. */
  EXPORTER_CLOSE("exporter.close"),
  /** The IOMMU was asked to close every slot of the buffer. */
  EXPORTER_CLOSE_SENT("exporter.close-sent"),
  /** The IOMMU's answer has come and was not looked at yet. */
  EXPORTER_CLOSED_RECEIVED("exporter.closed-received"),
  /** The memory is about to be truncated. */
  EXPORTER_SEVER("exporter.sever"),
  /** It is truncated, and the journal does not say so yet. */
  EXPORTER_SEVERED("exporter.severed"),
  /** The revoke is complete and the journal does not say so yet. */
  EXPORTER_COMPLETE("exporter.complete"),
  /** The journal says that the revoke is complete; the memory has no next owner yet. */
  EXPORTER_COMPLETED("exporter.completed"),
  /** The memory has its next owner; whoever asked for the revoke was not told yet. */
  EXPORTER_HANDED_OVER("exporter.handed-over"),
  /** A revoked buffer was given memory; the journal does not say so yet. */
  EXPORTER_RESTORING("exporter.restoring"),
  /** The journal says that the buffer is live again, if it was let to be; nobody was told yet. */
  EXPORTER_RESTORED("exporter.restored"),
  /** A move has copied half of the content. */
  EXPORTER_MOVE_COPYING("exporter.move-copying"),
  /** A move has copied all of the content; the buffer does not know yet. */
  EXPORTER_MOVE_COPIED("exporter.move-copied"),

  /** {@code invalidate_mappings()} was called, and nothing done about it yet. */
  IMPORTER_INVALIDATED("importer.invalidated"),
  /** The engine was told to stop, and has not yet. */
  IMPORTER_STOPPING("importer.stopping"),
  /** The engine has stopped; no fence has signalled yet. */
  IMPORTER_STOPPED("importer.stopped"),
  /** A {@code RevokeProgress} is about to be sent. */
  IMPORTER_PROGRESS("importer.progress"),
  /** A {@code RevokeProgress} was sent. */
  IMPORTER_PROGRESS_SENT("importer.progress-sent"),
  /** A map was called for. */
  IMPORTER_MAP_SENT("importer.map-sent"),
  /** A map succeeded; the engine does not know of it yet. */
  IMPORTER_MAPPED("importer.mapped"),
  /** In the guard: in flight is published, the permission not read yet. */
  IMPORTER_GUARD_PUBLISHED("importer.guard-published"),
  /** In the guard: the permission was read and allows; nothing is copied yet. */
  IMPORTER_GUARD_GRANTED("importer.guard-granted"),
  /** Half of a DMA is copied. */
  IMPORTER_COPYING("importer.copying"),
  /** All of a DMA is copied; it is in flight still. */
  IMPORTER_LEAVING("importer.leaving"),

  /** The IOMMU was asked to close a buffer's slots, and has not yet. */
  IOMMU_CLOSE_RECEIVED("iommu.close-received"),
  /** The slots are written blocked, with the barrier; what is in flight was not looked at yet. */
  IOMMU_BLOCKED("iommu.blocked"),
  /** Nothing is in flight any more, or the time for that is over; the exporter was not told yet. */
  IOMMU_DRAINED("iommu.drained"),
  /** The exporter was told that its buffer is closed. */
  IOMMU_CLOSED_SENT("iommu.closed-sent"),
  /** Slots were opened; the exporter was not told yet. */
  IOMMU_OPENED("iommu.opened"),
  /** Slots were asked to be closed, and are not yet. */
  IOMMU_UNMAP_RECEIVED("iommu.unmap-received"),
  /** The exporter was told that such slots are closed, and nothing is in flight there. */
  IOMMU_UNMAPPED_SENT("iommu.unmapped-sent"),
  /** A process was found dead; nothing of it is closed yet. */
  IOMMU_DEATH_NOTICED("iommu.death-noticed"),
  /** A dead exporter's slots are blocked; its memory is not severed yet. */
  IOMMU_RECLAIMING("iommu.reclaiming"),
  /** A dead exporter's memory is severed; the journal does not say so yet. */
  IOMMU_RECLAIMED("iommu.reclaimed");

  private final String label;

  FaultPoint(String label) {
    this.label = label;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** The label of the role whose nodes pass this point. */
  public String role() {
    return label.substring(0, label.indexOf('.'));
  }

  /** Whether something was sent just before, which then must have left the process. */
  boolean sent() {
    return label.endsWith("-sent");
  }

  /** The point with that label, if there is one. */
  public static Optional<FaultPoint> labelled(String label) {
    return Arrays.stream(values()).filter(p -> p.label.equals(label)).findFirst();
  }

  /** The points that nodes of a role pass. */
  public static List<FaultPoint> of(String role) {
    return Arrays.stream(values()).filter(p -> p.role().equals(role)).toList();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(FaultPoint::label).collect(Collectors.joining(", "));
  }
}
