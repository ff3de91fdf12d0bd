package dev.dmabufsim.common.message;

import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.ServiceKey;
import java.util.List;

/** What the IOMMU of a host is told by the exporters of that host. */
public sealed interface IommuMessage extends Wire {
  /** Under which the IOMMU of each host is registered. */
  ServiceKey<IommuMessage> KEY = ServiceKey.create(IommuMessage.class, "iommu");

  /** Exporter: tell me that you are there, and from now on who dies. */
  record Subscribe(Peer from, ActorRef<ExporterMessage> replyTo) implements IommuMessage {}

  /** Who goes through a slot. */
  enum SlotUse {
    /** A device's DMA, translated by the IOMMU. */
    DMA,
    /** The DMA of a device that caches translations itself (ATS): closing does not stop it. */
    ATS,
    /** A CPU mapping: the MMU's page-table entry, which is checked under every contract. */
    CPU
  }

  /**
   * For whom a slot is wanted; an attachment can have one of each use.
   *
   * @param span the part of the buffer that it must reach, and no more
   */
  record SlotRequest(int attachment, int deviceKey, int process, SlotUse use, Span span) {}

  /**
   * Exporter: {@code dma_map_resource()} for several attachments of one buffer.
   *
   * @param translated false for bus addresses, which the IOMMU does not police; what is asked for
   *     the CPU is checked in any case
   */
  record MapSlots(
      Peer from,
      ActorRef<ExporterMessage> replyTo,
      int buffer,
      long epoch,
      int segment,
      long generation,
      long length,
      boolean translated,
      List<SlotRequest> requests)
      implements IommuMessage {}

  /**
   * Exporter: {@code dma_unmap_resource()}, or what takes a CPU's mapping away, for several
   * attachments of one buffer.
   */
  record UnmapSlots(
      Peer from, ActorRef<ExporterMessage> replyTo, int buffer, List<MappingId> mappings)
      implements IommuMessage {}

  /**
   * Exporter: close every slot of the buffer, and tell me when nothing is in flight.
   *
   * @param drainMicros how long to wait for that
   */
  record CloseBuffer(
      Peer from, ActorRef<ExporterMessage> replyTo, int buffer, long epoch, long drainMicros)
      implements IommuMessage {}
}
