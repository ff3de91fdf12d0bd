package dev.dmabufsim.common.message;

import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.ServiceKey;
import dev.dmabufsim.common.contract.Errno;
import java.util.List;

/** What an importer node's hub is told by other nodes. */
public sealed interface ImporterMessage extends Wire {
  /** Under which the one hub of each importer node is registered. */
  ServiceKey<ImporterMessage> KEY = ServiceKey.create(ImporterMessage.class, "importer-hub");

  /**
   * A dma-buf on offer.
   *
   * @param buffer its number, unique in its fabric
   * @param device the exporter device
   * @param bytes its size
   */
  record BufferInfo(int buffer, String device, long bytes) {}

  /** Exporter: the buffers that there are. */
  record Buffers(Peer from, ActorRef<ExporterMessage> exporter, List<BufferInfo> buffers)
      implements ImporterMessage {}

  /**
   * Exporter: the answer to an attach, or to a part of it.
   *
   * @param deviceKey the importer device that had asked
   * @param errno OK, or why nobody was attached
   * @param cookies those of the asked that it is about
   * @param attachments one for each cookie, or none
   */
  record AttachReply(
      Peer from,
      int buffer,
      int deviceKey,
      Errno errno,
      List<Long> cookies,
      List<Integer> attachments)
      implements ImporterMessage {}

  /** An attachment for which a call failed. */
  record Failure(int attachment, Errno errno) {}

  /**
   * Exporter: the answer to a call, or to a part of it.
   *
   * @param done attachments for which it succeeded
   * @param failed those for which it failed
   * @param tables for a map, what was mapped
   */
  record CallReply(
      Peer from,
      long call,
      Operation operation,
      int buffer,
      List<Integer> done,
      List<Failure> failed,
      List<SgTable> tables)
      implements ImporterMessage {}

  /**
   * Exporter: {@code dma_buf_invalidate_mappings()}, for all attachments of a node at once.
   *
   * @param epoch of the buffer, raised by each revoke
   */
  record InvalidateMappings(
      Peer from,
      ActorRef<ExporterMessage> replyTo,
      int buffer,
      long epoch,
      List<Integer> attachments)
      implements ImporterMessage {}
}
