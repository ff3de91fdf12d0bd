package dev.dmabufsim.common.message;

import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.ServiceKey;
import dev.dmabufsim.common.contract.ImporterKind;
import java.util.List;

/** What an exporter node's hub is told by other nodes. */
public sealed interface ExporterMessage extends Wire {
  /** Under which the one hub of each exporter node is registered. */
  ServiceKey<ExporterMessage> KEY = ServiceKey.create(ExporterMessage.class, "exporter-hub");

  /** Who sent it. */
  Peer from();

  /** Importer: which buffers are there? */
  record ListBuffers(Peer from, ActorRef<ImporterMessage> replyTo) implements ExporterMessage {}

  /**
   * Importer: {@code dma_buf_dynamic_attach()}, for several attachments of one device.
   *
   * @param device the importer device's name
   * @param deviceKey its key in the fabric
   * @param cookies the importer's own numbers; an exporter answers a repeated one as before
   */
  record Attach(
      Peer from,
      ActorRef<ImporterMessage> replyTo,
      int buffer,
      String device,
      int deviceKey,
      ImporterKind kind,
      List<Integer> cookies)
      implements ExporterMessage {}

  /**
   * Importer: one operation for several attachments of one buffer.
   *
   * @param call the importer's number for it; a repeated call is answered as before
   */
  record Call(
      Peer from,
      ActorRef<ImporterMessage> replyTo,
      long call,
      Operation operation,
      int buffer,
      List<Integer> attachments)
      implements ExporterMessage {}

  /**
   * Importer: how far its attachments have come with a revoke.
   *
   * @param epoch the revoke that asked
   * @param returned whose {@code invalidate_mappings()} has returned
   * @param fenced whose fences have all signalled, BOOKKEEP included
   * @param unmapped whose mapping is unmapped
   */
  record RevokeProgress(
      Peer from,
      int buffer,
      long epoch,
      List<Integer> returned,
      List<Integer> fenced,
      List<Integer> unmapped)
      implements ExporterMessage {}

  /** IOMMU: here I am, for the fabric in {@code from}. */
  record IommuReady(Peer from, ActorRef<IommuMessage> iommu) implements ExporterMessage {}

  /**
   * IOMMU: slots are open.
   *
   * @param tables one for each attachment that got a slot
   * @param refused attachments for which there was none: ENOMEM
   */
  record SlotsMapped(Peer from, int buffer, long epoch, List<SgTable> tables, List<Integer> refused)
      implements ExporterMessage {}

  /** IOMMU: these slots are closed and drained. */
  record SlotsUnmapped(Peer from, int buffer, List<MappingId> mappings)
      implements ExporterMessage {}

  /**
   * IOMMU: every slot of the buffer is closed.
   *
   * @param open attachments whose slots were still open when it was asked
   * @param undrained attachments whose DMA was still in flight when the time for draining was over
   * @param micros how long closing and draining took
   */
  record BufferClosed(
      Peer from, int buffer, long epoch, List<Integer> open, List<Integer> undrained, long micros)
      implements ExporterMessage {}

  /** IOMMU: a process of this host is dead; its slots are closed. */
  record ProcessDied(Peer from, int process) implements ExporterMessage {}
}
