package dev.dmabufsim.simulator.explore;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.ImporterMessage.Failure;
import dev.dmabufsim.common.message.IommuMessage.SlotRequest;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.MappingId;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import java.util.List;

/**
 * A message between nodes: those of {@link dev.dmabufsim.common.message}, without the addresses of
 * actors, which do not exist here. {@code from} is the sender's process.
 */
sealed interface Packet {
  int from();

  /** To an exporter. */
  record Attach(int from, long cookie) implements Packet {}

  /** To an exporter. */
  record Call(int from, long call, Operation operation, int id) implements Packet {}

  /** To an exporter. */
  record Progress(
      int from,
      long epoch,
      List<Integer> returned,
      List<Fence> fences,
      List<Signal> signalled,
      List<Integer> unmapped)
      implements Packet {}

  /** To an exporter. */
  record SlotsMapped(
      int from, int buffer, long epoch, SlotUse use, List<SgTable> tables, List<Integer> refused)
      implements Packet {}

  /** To an exporter. */
  record SlotsUnmapped(int from, int buffer, List<MappingId> mappings) implements Packet {}

  /** To an exporter. */
  record BufferClosed(int from, int buffer, long epoch, List<Integer> open, List<Integer> undrained)
      implements Packet {}

  /** To an exporter. */
  record ProcessDied(int from, int process) implements Packet {}

  /** To an exporter: a new IOMMU. */
  record IommuReady(int from) implements Packet {}

  /** To an importer: a new exporter. */
  record Buffers(int from, int buffer) implements Packet {}

  /** To an importer. */
  record AttachReply(int from, int buffer, Errno errno, long cookie, int id) implements Packet {}

  /** To an importer. */
  record CallReply(
      int from,
      long call,
      Operation operation,
      List<Integer> done,
      List<Failure> failed,
      List<SgTable> tables)
      implements Packet {}

  /** To an importer. */
  record InvalidateMappings(int from, int buffer, long epoch, List<Integer> ids)
      implements Packet {}

  /** To an IOMMU: who has died? */
  record Subscribe(int from) implements Packet {}

  /** To an IOMMU. */
  record MapSlots(
      int from,
      int buffer,
      long epoch,
      int segment,
      long generation,
      boolean translated,
      List<SlotRequest> requests)
      implements Packet {}

  /** To an IOMMU. */
  record UnmapSlots(int from, int buffer, List<MappingId> mappings) implements Packet {}

  /** To an IOMMU. */
  record CloseBuffer(int from, int buffer, long epoch, long drainNanos) implements Packet {}

  /** Whether it is said again until it has come, by other means than the cores'. */
  default boolean sure() {
    return this instanceof IommuReady || this instanceof Buffers;
  }
}
