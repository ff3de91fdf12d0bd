package dev.dmabufsim.common.message;

import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.ServiceKey;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import java.util.List;

/** What an exporter node's hub is told by other nodes. */
public sealed interface ExporterMessage extends Wire {
  /** Under which the one hub of each exporter node is registered. */
  ServiceKey<ExporterMessage> KEY = ServiceKey.create(ExporterMessage.class, "exporter-hub");

  /** Importer: which buffers are there? */
  record ListBuffers(Peer from, ActorRef<ImporterMessage> replyTo) implements ExporterMessage {}

  /**
   * Importer: {@code dma_buf_attach()} or {@code dma_buf_dynamic_attach()}, for several attachments
   * of one device.
   *
   * @param device the importer device's name
   * @param deviceKey its key in the fabric
   * @param kind what its driver is called
   * @param offer what its driver offers
   * @param ats whether the device has its translations cached by itself (PCIe ATS)
   * @param cookies the importer's own numbers, never given twice; an exporter answers a repeated
   *     one as before
   */
  record Attach(
      Peer from,
      ActorRef<ImporterMessage> replyTo,
      int buffer,
      String device,
      int deviceKey,
      String kind,
      ImporterOffer offer,
      boolean ats,
      List<Long> cookies)
      implements ExporterMessage {}

  /**
   * Importer: one operation for several attachments of one buffer.
   *
   * @param call the importer's number for it; a repeated call is answered as before
   * @param locked whether the caller holds the reservation lock; see {@link Operation#locked}
   * @param span which part of the buffer, where the operation takes one
   */
  record Call(
      Peer from,
      ActorRef<ImporterMessage> replyTo,
      long call,
      Operation operation,
      int buffer,
      boolean locked,
      Span span,
      List<Integer> attachments)
      implements ExporterMessage {}

  /**
   * A fence that an importer put on the buffer's reservation object.
   *
   * @param attachment whose
   * @param index tells it from others of that attachment in that epoch
   */
  record Fence(int attachment, int index, FenceUsage usage) {}

  /**
   * A fence that has signalled.
   *
   * @param error OK, or the error with which it signalled
   */
  record Signal(int attachment, int index, Errno error) {}

  /**
   * Importer: how far its attachments have come with a revoke.
   *
   * @param epoch the revoke that asked
   * @param returned whose {@code invalidate_mappings()} has returned
   * @param fences what fences they hold since then
   * @param signalled which of those have signalled
   * @param unmapped whose mapping is unmapped
   */
  record RevokeProgress(
      Peer from,
      int buffer,
      long epoch,
      List<Integer> returned,
      List<Fence> fences,
      List<Signal> signalled,
      List<Integer> unmapped)
      implements ExporterMessage {}

  /** IOMMU: here I am, for the fabric in {@code from}. */
  record IommuReady(Peer from, ActorRef<IommuMessage> iommu) implements ExporterMessage {}

  /**
   * IOMMU: slots are open. There is one such answer for each use that was asked for.
   *
   * @param use what the slots are for: an attachment can have one of each use
   * @param tables one for each attachment that got a slot
   * @param refused attachments for which there was none: ENOMEM
   */
  record SlotsMapped(
      Peer from, int buffer, long epoch, SlotUse use, List<SgTable> tables, List<Integer> refused)
      implements ExporterMessage {}

  /** IOMMU: these slots are closed and drained. */
  record SlotsUnmapped(Peer from, int buffer, List<MappingId> mappings)
      implements ExporterMessage {}

  /**
   * IOMMU: every slot of the buffer is closed.
   *
   * @param open attachments whose slots were still open when it was asked
   * @param undrained attachments whose DMA was still in flight when the time for draining was over,
   *     or whose device goes past the IOMMU ({@link SlotUse#ATS}), of which nothing is known
   * @param micros how long closing and draining took
   */
  record BufferClosed(
      Peer from, int buffer, long epoch, List<Integer> open, List<Integer> undrained, long micros)
      implements ExporterMessage {}

  /** IOMMU: a process of this host is dead; its slots are closed. */
  record ProcessDied(Peer from, int process) implements ExporterMessage {}
}
