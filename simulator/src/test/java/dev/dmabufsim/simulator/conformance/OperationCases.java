package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.DmaBufOp;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.ExporterMessage.Fence;
import dev.dmabufsim.common.message.ExporterMessage.Signal;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import dev.dmabufsim.exporter.AttachCore;
import dev.dmabufsim.exporter.AttachRules;
import dev.dmabufsim.exporter.BufferEffect;
import dev.dmabufsim.exporter.BufferEvent;
import dev.dmabufsim.exporter.BufferState;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Each operation: its lock rule, its errors before a revoke, what it does after one. */
final class OperationCases {
  private static final ImporterOffer STATIC = ImporterOffer.DYNAMIC.asStatic();
  private static final ImporterOffer NO_P2P = ImporterOffer.DYNAMIC.peer2peer(false);
  private static final ImporterOffer NO_CALLBACK =
      ImporterOffer.DYNAMIC.pins(true).invalidateMappings(false);
  private static final List<RevokeCause> RESET = List.of(RevokeCause.RESET);

  private OperationCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("op");
    export(b);
    attach(b);
    pin(b);
    map(b);
    unmap(b);
    detach(b);
    invalidate(b);
    cpuAccess(b);
    mmap(b);
    vmap(b);
    release(b);
    moveAndRestore(b);
    lockRule(b);
    badInput(b);
    return b.build(
        "Operations",
        "Each operation's row: the lock, the errors before a revoke, what it does after one.");
  }

  private static void export(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_export()")
        .requires(
            "export.fresh",
            "A buffer that was just exported is not revoked, has no attachments, and no fences.",
            () -> {
              BufferState fresh = DmaBuf.vfio().state;
              assertThat(fresh.revoked()).isFalse();
              assertThat(fresh.attachments()).isEmpty();
              assertThat(fresh.resv().fences(FenceUsage.BOOKKEEP)).isEmpty();
            })
        .requires(
            "export.enomem",
            "An export for which there is no memory fails, and leaves nothing behind.",
            SharedMemoryCases::exportWithoutRoomFails)
        .requires(
            "export.einval",
            "An export without a map, unmap or release op, or with one of pin and unpin, is"
                + " EINVAL; what each of the five exporters provides is accepted.",
            OperationCases::exportNeedsItsOps)
        .from("Documentation/driver-api/dma-buf.rst: locking convention")
        .notModelled(
            "export.lock",
            "An export does not hold the reservation lock.",
            "a scenario lists what a device exports; nobody calls it, and nobody can hold the lock"
                + " of a buffer that is not there yet");
  }

  private static void exportNeedsItsOps() {
    for (ExporterKind kind : ExporterKind.values()) {
      assertThat(DmaBufOp.export(kind.ops())).as("%s", kind).isEqualTo(Errno.OK);
      for (DmaBufOp op : kind.ops()) {
        Set<DmaBufOp> rest = EnumSet.copyOf(kind.ops());
        rest.remove(op);
        boolean needed =
            switch (op) {
              case MAP, UNMAP, RELEASE, PIN, UNPIN -> true;
              case ATTACH, DETACH, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, VMAP, VUNMAP -> false;
            };
        assertThat(DmaBufOp.export(rest))
            .as("%s without %s", kind, op)
            .isEqualTo(needed ? Errno.EINVAL : Errno.OK);
      }
    }
  }

  private static Errno attach(
      ExporterKind exporter, List<RevokeCause> causes, ImporterOffer importer, boolean revoked) {
    return AttachRules.decide(
        exporter, AttachRules.forced(exporter, causes), importer, revoked, null, true);
  }

  private static void attach(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_dynamic_attach()")
        .requires(
            "attach.unlocked",
            "An attach is answered while the buffer's lock is held by a revoke that waits: the"
                + " exporter's attach op looks at its own flag and at nothing that the lock"
                + " guards.",
            () -> {
              AttachRace race = new AttachRace();
              race.buffer.mapped(1).revoke();
              assertThat(race.buffer.revoking()).isTrue();
              assertThat(race.attach(2)).isEqualTo(Errno.OK);
            })
        .requires(
            "attach.race",
            "A revoke between the exporter's answer and the list never calls that importer; its"
                + " map is ENODEV, and that alone protects.",
            () -> {
              AttachRace race = new AttachRace();
              assertThat(race.attach(1)).isEqualTo(Errno.OK);
              race.buffer.revoke();
              assertThat(race.buffer.invalidated()).isEmpty();
              assertThat(race.buffer.completed()).isPresent();
              race.listed();
              assertThat(race.buffer.invalidated()).isEmpty();
              assertThat(race.buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
              assertThat(race.buffer.after(DmaBuf.RETRY).invalidated()).isEmpty();
            })
        .requires(
            "attach.static",
            "An attach without importer_ops is accepted where neither peer2peer nor a callback is"
                + " needed.",
            () ->
                assertThat(attach(ExporterKind.SYSTEM_HEAP, List.of(), STATIC, false))
                    .isEqualTo(Errno.OK))
        .requires(
            "attach.ebusy",
            "Attaching to memory that the device cannot reach is EBUSY, whatever else is wrong.",
            () -> {
              for (ImporterOffer offer : List.of(ImporterOffer.DYNAMIC, NO_P2P, NO_CALLBACK)) {
                assertThat(
                        AttachRules.decide(ExporterKind.VFIO_PCI, true, offer, true, null, false))
                    .isEqualTo(Errno.EBUSY);
              }
              assertThat(
                      AttachRules.decide(
                          ExporterKind.VFIO_PCI,
                          true,
                          ImporterOffer.DYNAMIC,
                          false,
                          Errno.EBUSY,
                          true))
                  .isEqualTo(Errno.EBUSY);
            })
        .requires(
            "attach.einval",
            "Attaching to no dma-buf, or for no device, is EINVAL, whatever else is wrong.",
            () -> {
              AttachRace race = new AttachRace();
              for (ImporterOffer offer : List.of(ImporterOffer.DYNAMIC, NO_P2P, NO_CALLBACK)) {
                assertThat(race.attach(DmaBuf.BUFFER + 1, "nic", offer, 1)).isEqualTo(Errno.EINVAL);
                assertThat(race.attach(DmaBuf.BUFFER, "", offer, 2)).isEqualTo(Errno.EINVAL);
              }
              assertThat(race.buffer.state.attachments()).isEmpty();
            })
        .requires(
            "attach.enomem",
            "An attach for which there is no room is ENOMEM: an exporter has 16,777,215 numbers for"
                + " attachments, and the next would be another's.",
            () -> {
              AttachRace race = new AttachRace((1 << AttachCore.ID_BITS) - 1);
              assertThat(race.attach(1)).isEqualTo(Errno.OK);
              assertThat(race.attach(2)).isEqualTo(Errno.ENOMEM);
              assertThat(race.attach(1)).as("repeated").isEqualTo(Errno.OK);
            })
        .from("drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_attach()")
        .requires(
            "attach.eopnotsupp-peer2peer",
            "Attaching to a BAR without peer2peer is EOPNOTSUPP.",
            () -> {
              assertThat(attach(ExporterKind.VFIO_PCI, RESET, NO_P2P, false))
                  .isEqualTo(Errno.EOPNOTSUPP);
              assertThat(attach(ExporterKind.VFIO_PCI, RESET, ImporterOffer.DYNAMIC, false))
                  .isEqualTo(Errno.OK);
            })
        .requires(
            "attach.eopnotsupp-revocable",
            "Attaching to a BAR without invalidate_mappings is EOPNOTSUPP.",
            () ->
                assertThat(attach(ExporterKind.VFIO_PCI, RESET, NO_CALLBACK, false))
                    .isEqualTo(Errno.EOPNOTSUPP))
        .requires(
            "attach.revoked",
            "Attaching to a revoked BAR is ENODEV.",
            () ->
                assertThat(attach(ExporterKind.VFIO_PCI, RESET, ImporterOffer.DYNAMIC, true))
                    .isEqualTo(Errno.ENODEV))
        .from("drivers/infiniband/core/uverbs_std_types_dmabuf.c")
        .requires(
            "attach.revoked-rdma",
            "An RDMA exporter does not look at its flag in attach: that succeeds after the revoke,"
                + " and the map is ENODEV.",
            () -> {
              assertThat(
                      attach(
                          ExporterKind.RDMA_MMIO,
                          List.of(RevokeCause.CONTEXT_DESTROYED),
                          ImporterOffer.DYNAMIC,
                          true))
                  .isEqualTo(Errno.OK);
              DmaBuf buffer = new DmaBuf(ExporterKind.RDMA_MMIO, Contract.V7);
              buffer.revoke(RevokeCause.CONTEXT_DESTROYED).attach(1);
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
            });
  }

  private static void pin(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_pin()")
        .requires(
            "pin.no-op",
            "Pinning where the exporter has no pin op succeeds.",
            () -> assertThat(DmaBuf.vfio().attach(1).call(Operation.PIN, 1)).isEqualTo(Errno.OK))
        .requires(
            "pin.counts",
            "Each pin is undone by one unpin, and not by two.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1);
              buffer.call(Operation.PIN, 1);
              buffer.call(Operation.PIN, 1);
              assertThat(buffer.call(Operation.UNPIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.pins()).isEqualTo(1);
              assertThat(buffer.call(Operation.UNPIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.UNPIN, 1)).isEqualTo(Errno.EINVAL);
            })
        .requires(
            "pin.after-revoke",
            "After a revoke pin and unpin succeed, and change neither the flag, nor the memory,"
                + " nor what is mapped.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(Contract.ENFORCED).mapped(1).revoke();
              buffer.returned(1).unmapped(1);
              assertThat(buffer.revoking()).isFalse();
              BufferState before = buffer.state;
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.revokedBy()).isEqualTo(before.revokedBy());
              assertThat(buffer.state.memory()).isEqualTo(before.memory());
              assertThat(buffer.state.mapped()).isZero();
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
              assertThat(buffer.call(Operation.UNPIN, 1)).isEqualTo(Errno.OK);
            })
        .from("drivers/infiniband/core/uverbs_std_types_dmabuf.c")
        .requires(
            "pin.rdma-eopnotsupp",
            "Pinning an RDMA exporter's page is EOPNOTSUPP, and pins nothing.",
            () -> {
              DmaBuf buffer = new DmaBuf(ExporterKind.RDMA_MMIO, Contract.V7).attach(1);
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.EOPNOTSUPP);
              assertThat(buffer.state.pins()).isZero();
            })
        .from("drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.c: amdgpu_dma_buf_pin()")
        .requires(
            "pin.vram",
            "A GPU's buffer is pinned in VRAM only if every attachment does peer2peer: otherwise it"
                + " goes to system memory first.",
            () -> {
              DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, Contract.V7).attach(1);
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.UNPIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.memory().system()).isFalse();

              // It is pinned when the other attaches, and so stays where it is.
              buffer.call(Operation.PIN, 1);
              buffer.attach(DmaBuf.PROCESS, NO_P2P, 2);
              assertThat(buffer.state.memory().system()).isFalse();
              buffer.call(Operation.UNPIN, 1);
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.EBUSY);
              buffer.returned(1, 2);
              assertThat(buffer.state.memory().system()).isTrue();
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.OK);
            })
        .from(
            "drivers/gpu/drm/xe/xe_dma_buf.c: xe_dma_buf_pin();"
                + " drivers/gpu/drm/amd/amdgpu/amdgpu_object.c: amdgpu_bo_pin()")
        .requires(
            "pin.gpu-einval",
            "Pinning a GPU's buffer that would have to be in system memory, and cannot go there, is"
                + " EINVAL.",
            () -> {
              DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, Contract.V7).attach(1);
              buffer.call(Operation.PIN, 1);
              buffer.attach(DmaBuf.PROCESS, NO_P2P, 2);
              assertThat(buffer.call(Operation.PIN, 2)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.state.pins()).isEqualTo(1);
            });
  }

  private static void map(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_map_attachment()")
        .requires(
            "map.ok",
            "A map answers addresses of the memory that the buffer has now, for all of it.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1);
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
              SgTable table = buffer.table();
              assertThat(table.segment()).isEqualTo(buffer.state.segment());
              assertThat(table.generation()).isEqualTo(buffer.state.generation());
              assertThat(table.length()).isEqualTo(DmaBuf.BYTES);
            })
        .requires(
            "map.enomem",
            "A map for which the IOMMU has no room is ENOMEM, and a later one succeeds.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1);
              buffer.noSlot.add(1);
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENOMEM);
              buffer.noSlot.clear();
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
            })
        .requires(
            "map.twice",
            "A map of what is mapped is EINVAL, and the mapping stays.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1);
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.attachment(1).mapped()).isTrue();
              assertThat(buffer.call(Operation.UNMAP, 1)).isEqualTo(Errno.OK);
            })
        .requires(
            "map.static-pins",
            "A static attachment is pinned by its map: where pin is EOPNOTSUPP, so is the map.",
            () -> {
              DmaBuf buffer = new DmaBuf(ExporterKind.RDMA_MMIO, Contract.V7);
              buffer.attach(DmaBuf.PROCESS, STATIC, 1);
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.EOPNOTSUPP);
            })
        .requires(
            "map.static-waits",
            "The map of a static attachment waits for KERNEL fences, and for no others.",
            () -> {
              assertThat(mapIsAnsweredWith(FenceUsage.KERNEL, STATIC)).isFalse();
              assertThat(mapIsAnsweredWith(FenceUsage.WRITE, STATIC)).isTrue();
              assertThat(mapIsAnsweredWith(FenceUsage.BOOKKEEP, STATIC)).isTrue();
            })
        .requires(
            "map.static-goes-on",
            "The map of a static attachment that waited is answered when the fence has signalled.",
            () -> {
              DmaBuf buffer = withFence(FenceUsage.KERNEL);
              buffer.attach(DmaBuf.PROCESS, STATIC, 2);
              long call = buffer.ask(Operation.MAP, 2);
              assertThat(buffer.answer(call)).isEmpty();
              buffer.progress(
                  1, List.of(), List.of(), List.of(new Signal(1, 0, Errno.OK)), List.of());
              assertThat(buffer.answer(call)).contains(Errno.OK);
            })
        .requires(
            "map.dynamic-waits-itself",
            "The map of a dynamic attachment waits for no fence: the importer does so itself.",
            () -> {
              for (FenceUsage usage : FenceUsage.values()) {
                assertThat(mapIsAnsweredWith(usage, ImporterOffer.DYNAMIC))
                    .as("%s", usage)
                    .isTrue();
              }
            })
        .requires(
            "map.exporter-errno",
            "A map is answered what the exporter says of the pair of devices.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio();
              buffer.happens(
                  new BufferEvent.Attached(
                      new BufferState.Importer(
                          DmaBuf.PROCESS, 1, "importer", ImporterOffer.DYNAMIC, false),
                      List.of(1),
                      Errno.EINVAL,
                      buffer.now));
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.notes(HistoryEvent.MapRefused.class)).hasSize(1);
            })
        .requires(
            "map.ebusy",
            "A map during a move is EBUSY, since the importer here does not sleep on the lock; it"
                + " succeeds when the move is over.",
            () -> {
              DmaBuf buffer = gpu().mapped(1).attach(2);
              buffer.revoke(RevokeCause.EVICTION);
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.EBUSY);
              buffer.returned(1, 2).unmapped(1);
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.OK);
            })
        .requires(
            "map.eintr",
            "A map that waits for fences and gets a signal is EINTR: its caller goes on, and what"
                + " it did not get it cannot unmap.",
            () -> {
              DmaBuf buffer = withFence(FenceUsage.KERNEL);
              buffer.attach(DmaBuf.PROCESS, STATIC, 2);
              long call = buffer.ask(Operation.MAP, 2);
              assertThat(buffer.answer(call)).isEmpty();
              assertThat(buffer.call(Operation.UNMAP, 2)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.answer(call)).contains(Errno.EINTR);
              assertThat(buffer.repeat(call, Operation.MAP, 2)).isEqualTo(Errno.EINTR);
              long again = buffer.ask(Operation.MAP, 2);
              long third = buffer.ask(Operation.MAP, 2);
              assertThat(buffer.answer(again)).contains(Errno.EINTR);
              buffer.progress(
                  1, List.of(), List.of(), List.of(new Signal(1, 0, Errno.OK)), List.of());
              assertThat(buffer.answer(third)).contains(Errno.OK);
            })
        .from("drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_map()")
        .requires(
            "map.revoked",
            "A map after the flag is set is ENODEV under every sequence: during the revoke, after"
                + " it, and when the memory is gone for ever.",
            () -> {
              for (Contract contract : Contract.values()) {
                DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).attach(2);
                buffer.revoke();
                assertThat(buffer.call(Operation.MAP, 2))
                    .as("%s", contract)
                    .isEqualTo(Errno.ENODEV);
                buffer.returned(1, 2).unmapped(1);
                assertThat(buffer.revoking()).isFalse();
                assertThat(buffer.call(Operation.MAP, 2))
                    .as("%s", contract)
                    .isEqualTo(Errno.ENODEV);
                buffer.revoke(RevokeCause.HOT_UNPLUG).restore();
                assertThat(buffer.call(Operation.MAP, 2))
                    .as("%s", contract)
                    .isEqualTo(Errno.ENODEV);
              }
            })
        .requires(
            "map.overtaken",
            "A map that a revoke overtakes is ENODEV, and the addresses that were about to be"
                + " answered are closed.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1);
              buffer.iommu = false;
              long call = buffer.ask(Operation.MAP, 1);
              buffer.iommu = true;
              buffer.revoke();
              assertThat(buffer.answer(call)).contains(Errno.ENODEV);
              assertThat(buffer.effects(BufferEffect.UnmapSlots.class)).hasSize(1);
              assertThat(buffer.attachment(1).mapped()).isFalse();
            })
        .requires(
            "map.answer-lost",
            "A map that had succeeded, and is asked for again after the revoke since its answer was"
                + " lost, is ENODEV.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1);
              long call = buffer.lastCall();
              buffer.revoke();
              assertThat(buffer.repeat(call, Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
            });
  }

  /** A buffer on which there is a fence, of a revoke that was lifted. */
  static DmaBuf withFence(FenceUsage usage) {
    // Under v2 a revoke is over though its fences are not: they stay on the buffer.
    DmaBuf buffer = DmaBuf.vfio(Contract.V2);
    buffer.mapped(1).revoke().returned(1, usage).unmapped(1);
    assertThat(buffer.revoking()).isFalse();
    return buffer.restore();
  }

  private static boolean mapIsAnsweredWith(FenceUsage usage, ImporterOffer offer) {
    DmaBuf buffer = withFence(usage).attach(DmaBuf.PROCESS, offer, 2);
    long call = buffer.ask(Operation.MAP, 2);
    return buffer.answer(call).isPresent();
  }

  private static DmaBuf gpu() {
    return new DmaBuf(ExporterKind.GPU_VRAM, Contract.V7);
  }

  private static void unmap(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_unmap_attachment()")
        .requires(
            "unmap.ok",
            "An unmap of what is mapped does not fail.",
            () -> assertThat(DmaBuf.vfio().mapped(1).call(Operation.UNMAP, 1)).isEqualTo(Errno.OK))
        .requires(
            "unmap.not-mapped",
            "An unmap of what is not mapped, or a second one, is EINVAL and changes nothing; the"
                + " kernel would warn.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1);
              buffer.call(Operation.UNMAP, 1);
              assertThat(buffer.call(Operation.UNMAP, 1)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.notes(HistoryEvent.IllegalCall.class)).hasSize(1);
            })
        .requires(
            "unmap.after-revoke",
            "An unmap after a revoke is legal, once, under every sequence: while it waits, and"
                + " after it took the memory away; to say so in a late answer is that once.",
            () -> {
              for (Contract contract : Contract.values()) {
                DmaBuf buffer = DmaBuf.vfio(contract).mapped(1, 2).revoke();
                assertThat(buffer.call(Operation.UNMAP, 1)).as("%s", contract).isEqualTo(Errno.OK);
                buffer.returned(1, 2).after(DmaBuf.ASK).after(2_000_000_000L);
                assertThat(buffer.revoking()).isEqualTo(contract == Contract.V7);
                assertThat(buffer.call(Operation.UNMAP, 2)).as("%s", contract).isEqualTo(Errno.OK);
                assertThat(buffer.call(Operation.UNMAP, 2))
                    .as("%s", contract)
                    .isEqualTo(Errno.EINVAL);
              }
              DmaBuf late = DmaBuf.vfio(Contract.ENFORCED).mapped(1).revoke().after(DmaBuf.ASK);
              assertThat(late.revoking()).isFalse();
              assertThat(late.returned(1).unmapped(1).call(Operation.UNMAP, 1))
                  .isEqualTo(Errno.EINVAL);
            })
        .requires(
            "unmap.counts",
            "An unmap that is called during a revoke counts for it like one that the answer to the"
                + " invalidation tells of.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1);
              assertThat(buffer.revoking()).isTrue();
              buffer.call(Operation.UNMAP, 1);
              assertThat(buffer.completed()).contains(RevokeOutcome.ACKED);
            })
        .requires(
            "unmap.counts-when-done",
            "An unmap counts when the exporter's unmap op is over, and not when it is called.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1);
              buffer.iommu = false;
              long call = buffer.ask(Operation.UNMAP, 1);
              assertThat(buffer.answer(call)).isEmpty();
              assertThat(buffer.revoking()).isTrue();
              buffer.iommu = true;
              buffer.after(DmaBuf.RETRY);
              assertThat(buffer.completed()).contains(RevokeOutcome.ACKED);
            });
  }

  private static void detach(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_detach()")
        .requires(
            "detach.ok",
            "A detach of what is not mapped takes it off the list.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1);
              assertThat(buffer.call(Operation.DETACH, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.attachments()).isEmpty();
            })
        .requires(
            "detach.mapped",
            "A detach of what is mapped, or about to be, is EINVAL and changes nothing.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1);
              assertThat(buffer.call(Operation.DETACH, 1)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.attachment(1).mapped()).isTrue();
              buffer.attach(2);
              buffer.iommu = false;
              buffer.ask(Operation.MAP, 2);
              assertThat(buffer.call(Operation.DETACH, 2)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.state.attachments()).containsKey(2);
            })
        .requires(
            "detach.cpu-mapped",
            "A detach of what the CPU has mapped is EINVAL.",
            () -> {
              DmaBuf buffer = heap().attach(1);
              buffer.call(Operation.VMAP, 1);
              assertThat(buffer.call(Operation.DETACH, 1)).isEqualTo(Errno.EINVAL);
              buffer.call(Operation.VUNMAP, 1);
              assertThat(buffer.call(Operation.DETACH, 1)).isEqualTo(Errno.OK);
            })
        .requires(
            "detach.after-revoke",
            "A detach after a revoke is legal, during one as well, and is waited for no more.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).attach(2).revoke();
              assertThat(buffer.call(Operation.DETACH, 2)).isEqualTo(Errno.OK);
              buffer.returned(1).unmapped(1);
              assertThat(buffer.revoking()).isFalse();
              assertThat(buffer.call(Operation.DETACH, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.attachments()).isEmpty();
            });
  }

  private static void invalidate(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_invalidate_mappings()")
        .requires(
            "invalidate.lock",
            "The exporter calls every importer in the same critical section in which it sets the"
                + " flag: no call of an importer is handled in between.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1, 2).revoke();
              assertThat(buffer.state.revoked()).isTrue();
              assertThat(buffer.invalidated()).containsExactly(1, 2);
            })
        .requires(
            "invalidate.void",
            "The callback answers nothing that could refuse: a revoke goes on with its return.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(Contract.V2).mapped(1).revoke();
              assertThat(buffer.returned(1).completed()).isPresent();
            })
        .requires(
            "invalidate.skips",
            "An attachment without importer_ops, or without the callback, is skipped and owes no"
                + " return.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(Contract.V4);
              buffer.mapped(DmaBuf.PROCESS, STATIC, 1);
              buffer.mapped(DmaBuf.PROCESS, NO_CALLBACK, 2);
              buffer.mapped(3).revoke();
              assertThat(buffer.invalidated()).containsExactly(3);
              assertThat(buffer.returned(3).completed()).isPresent();
            })
        .requires(
            "invalidate.repeatable",
            "It may be called again, and an importer that has answered says the same once more:"
                + " nothing is counted twice.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1, 2).revoke();
              buffer.returned(1, FenceUsage.BOOKKEEP);
              assertThat(buffer.after(DmaBuf.RETRY).invalidated()).containsExactly(1, 2);
              buffer.returned(1, FenceUsage.BOOKKEEP);
              assertThat(buffer.state.resv().fences(FenceUsage.BOOKKEEP)).hasSize(1);
              buffer.signalled(1).unmapped(1).unmapped(1).returned(2);
              assertThat(buffer.revoking()).isTrue();
              assertThat(buffer.unmapped(2).completed()).contains(RevokeOutcome.ACKED);
            });
  }

  private static DmaBuf heap() {
    return new DmaBuf(ExporterKind.SYSTEM_HEAP, Contract.V7);
  }

  private static void cpuAccess(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_begin_cpu_access()")
        .requires(
            "begin-cpu-access.ok",
            "With no fence pending the CPU may begin, and end, at once.",
            () -> {
              DmaBuf buffer = heap().attach(1);
              assertThat(buffer.call(Operation.BEGIN_CPU_ACCESS, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.END_CPU_ACCESS, 1)).isEqualTo(Errno.OK);
            })
        .requires(
            "begin-cpu-access.waits",
            "The CPU waits for KERNEL and WRITE fences, and not for READ and BOOKKEEP ones.",
            () -> {
              for (FenceUsage usage : FenceUsage.values()) {
                DmaBuf buffer = withFence(usage);
                long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
                assertThat(buffer.answer(call).isEmpty())
                    .as("%s", usage)
                    .isEqualTo(FenceUsage.WRITE.waitsFor(usage));
                if (buffer.answer(call).isEmpty()) {
                  buffer.progress(
                      1, List.of(), List.of(), List.of(new Signal(1, 0, Errno.OK)), List.of());
                  assertThat(buffer.answer(call)).as("%s", usage).contains(Errno.OK);
                }
              }
            })
        .requires(
            "begin-cpu-access.after-revoke",
            "The core does not look at a revoked flag: the CPU may begin, and end.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1).revoke();
              assertThat(buffer.call(Operation.BEGIN_CPU_ACCESS, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.END_CPU_ACCESS, 1)).isEqualTo(Errno.OK);
            })
        .requires(
            "begin-cpu-access.interrupted",
            "A signal breaks the wait off: -ERESTARTSYS.",
            () -> {
              DmaBuf buffer = withFence(FenceUsage.WRITE);
              long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
              buffer.ask(Operation.END_CPU_ACCESS, 1);
              assertThat(buffer.answer(call)).contains(Errno.ERESTARTSYS);
            })
        .from("drivers/gpu/drm/ttm/ttm_bo.c: ttm_bo_wait_ctx()")
        .requires(
            "begin-cpu-access.exporter-errno",
            "The exporter's begin_cpu_access op may fail: a GPU's waits for 15 seconds, and is then"
                + " EBUSY.",
            () -> {
              DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, Contract.V2).mapped(1);
              buffer.revoke(RevokeCause.HOT_UNPLUG).returned(1, FenceUsage.WRITE).unmapped(1);
              long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
              buffer.after(14_999_999_999L);
              assertThat(buffer.answer(call)).isEmpty();
              buffer.after(1);
              assertThat(buffer.answer(call)).contains(Errno.EBUSY);
            });
  }

  private static void mmap(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_mmap()")
        .requires(
            "mmap.ok",
            "A part of the buffer is mapped at the address of that part.",
            () -> {
              DmaBuf buffer = heap().attach(1);
              assertThat(buffer.call(Operation.MMAP, new Span(4096, 8192), 1)).isEqualTo(Errno.OK);
              SgTable part = buffer.table();
              assertThat(part.length()).isEqualTo(8192);
              assertThat(part.iova() - SgTable.iovaOf(part.slot())).isEqualTo(4096);
              assertThat(part.use()).isEqualTo(SlotUse.CPU);
            })
        .requires(
            "mmap.einval-no-op",
            "Mapping for user space where the exporter has no mmap op is EINVAL; VFIO as merged has"
                + " none.",
            () -> {
              for (ExporterKind kind : List.of(ExporterKind.VFIO_PCI, ExporterKind.RDMA_MMIO)) {
                DmaBuf buffer = new DmaBuf(kind, Contract.V7).attach(1);
                assertThat(buffer.call(Operation.MMAP, 1)).as("%s", kind).isEqualTo(Errno.EINVAL);
              }
            })
        .requires(
            "mmap.einval-too-large",
            "Mapping more than the buffer has is EINVAL.",
            () -> {
              DmaBuf buffer = heap().attach(1);
              assertThat(buffer.call(Operation.MMAP, new Span(0, DmaBuf.BYTES + 1), 1))
                  .isEqualTo(Errno.EINVAL);
              assertThat(buffer.call(Operation.MMAP, new Span(4096, DmaBuf.BYTES), 1))
                  .isEqualTo(Errno.EINVAL);
              assertThat(buffer.call(Operation.MMAP, new Span(0, DmaBuf.BYTES), 1))
                  .isEqualTo(Errno.OK);
            })
        .requires(
            "mmap.eoverflow",
            "An offset that wraps around with the length is EOVERFLOW.",
            () ->
                assertThat(heap().attach(1).call(Operation.MMAP, new Span(Long.MAX_VALUE, 4096), 1))
                    .isEqualTo(Errno.EOVERFLOW))
        .requires(
            "mmap.after-revoke",
            "A revoke takes the page-table entry of a CPU mapping away under every sequence, before"
                + " it is complete.",
            () -> {
              for (Contract contract : Contract.values()) {
                DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, contract).attach(1);
                buffer.call(Operation.MMAP, 1);
                assertThat(buffer.open(1, SlotUse.CPU)).isTrue();
                buffer.iommu = false;
                buffer.revoke(RevokeCause.HOT_UNPLUG).returned(1);
                assertThat(buffer.revoking()).as("%s", contract).isTrue();
                buffer.iommu = true;
                buffer.after(DmaBuf.RETRY);
                assertThat(buffer.open(1, SlotUse.CPU)).as("%s", contract).isFalse();
                assertThat(buffer.revoking()).as("%s", contract).isFalse();
              }
            })
        .requires(
            "mmap.faults",
            "An access through a CPU mapping whose page-table entry is gone, or whose memory is,"
                + " ends in an error for the reader (SIGBUS) and not in a crash.",
            SharedMemoryCases::cpuAccessFaults)
        .requires(
            "mmap.counts",
            "Several may map the buffer for the CPU, and the entry goes with the last.",
            () -> {
              DmaBuf buffer = heap().attach(1);
              buffer.call(Operation.MMAP, 1);
              buffer.call(Operation.MMAP, 1);
              assertThat(buffer.call(Operation.MUNMAP, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.open(1, SlotUse.CPU)).isTrue();
              assertThat(buffer.call(Operation.MUNMAP, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.open(1, SlotUse.CPU)).isFalse();
              assertThat(buffer.call(Operation.MUNMAP, 1)).isEqualTo(Errno.EINVAL);
            });
  }

  private static void vmap(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_vmap()")
        .requires(
            "vmap.einval-no-op",
            "Mapping for the kernel where the exporter has no vmap op is EINVAL.",
            () -> {
              for (ExporterKind kind : List.of(ExporterKind.VFIO_PCI, ExporterKind.RDMA_MMIO)) {
                DmaBuf buffer = new DmaBuf(kind, Contract.V7).attach(1);
                assertThat(buffer.call(Operation.VMAP, 1)).as("%s", kind).isEqualTo(Errno.EINVAL);
              }
            })
        .requires(
            "vmap.cached",
            "A second vmap hands out what the first has cached, and each is undone by itself.",
            () -> {
              DmaBuf buffer = heap().attach(1);
              buffer.call(Operation.VMAP, 1);
              SgTable first = buffer.table();
              buffer.call(Operation.VMAP, 1);
              assertThat(buffer.table()).isEqualTo(first);
              buffer.call(Operation.VUNMAP, 1);
              assertThat(buffer.open(1, SlotUse.CPU)).isTrue();
              buffer.call(Operation.VUNMAP, 1);
              assertThat(buffer.open(1, SlotUse.CPU)).isFalse();
              assertThat(buffer.call(Operation.VUNMAP, 1)).isEqualTo(Errno.EINVAL);
            })
        .requires(
            "vmap.after-revoke",
            "A vmap after a revoke hands out the cached pointer still, which leads nowhere: the"
                + " trap.",
            () -> {
              DmaBuf buffer = gpu().attach(1);
              buffer.call(Operation.VMAP, 1);
              SgTable cached = buffer.table();
              buffer.revoke(RevokeCause.HOT_UNPLUG).returned(1);
              assertThat(buffer.revoking()).isFalse();
              assertThat(buffer.call(Operation.VMAP, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.table()).isEqualTo(cached);
              assertThat(buffer.open(1, SlotUse.CPU)).isFalse();
            });
  }

  private static void release(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_release()")
        .requires(
            "release.warns",
            "At the last reference it is told how many attachments remain, which the kernel warns"
                + " of.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1, 2);
              buffer.happens(new BufferEvent.Released(buffer.now));
              assertThat(buffer.notes(HistoryEvent.BufferReleased.class))
                  .extracting(HistoryEvent.BufferReleased::attachments)
                  .containsExactly(2);
            })
        .requires(
            "release.unfinished",
            "A revoke that is not complete at the last reference is told of, with those who owe"
                + " something.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1);
              buffer.happens(new BufferEvent.Released(buffer.now));
              assertThat(buffer.notes(HistoryEvent.RevokeUnfinished.class))
                  .singleElement()
                  .satisfies(u -> assertThat(u.unmaps()).containsExactly(1));
            });
  }

  private static void moveAndRestore(Section.Builder b) {
    b.from("drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_move()")
        .requires(
            "restore.ok",
            "When a temporary revoke is lifted a map succeeds, in the memory that was given.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1).unmapped(1);
              long before = buffer.state.generation();
              buffer.restore();
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.table().generation()).isGreaterThan(before);
            })
        .requires(
            "restore.nobody-told",
            "Nobody is told that mapping is possible again.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1).unmapped(1).restoring();
              assertThat(buffer.state.revoked()).as("until its callback returns").isTrue();
              buffer.returned(1);
              assertThat(buffer.state.revoked()).isFalse();
              assertThat(buffer.effects())
                  .allSatisfy(e ->
                      assertThat(e)
                          .as("what tells no importer")
                          .isInstanceOfAny(
                              BufferEffect.Note.class,
                              BufferEffect.Journal.class,
                              BufferEffect.Lifted.class));
            })
        .from("drivers/gpu/drm/ttm: ttm_bo_handle_move_mem()")
        .requires(
            "move.content",
            "A move keeps the content: it is copied before the memory is given away, and what is"
                + " mapped afterwards is of the same content in other memory.",
            () -> {
              DmaBuf buffer = gpu().mapped(1).revoke(RevokeCause.EVICTION);
              BufferState before = buffer.state;
              buffer.returned(1).unmapped(1);
              assertThat(buffer.completed()).isPresent();
              List<BufferEffect> effects = buffer.effects();
              assertThat(effects.indexOf(effect(buffer, BufferEffect.CopyOut.class)))
                  .isLessThan(effects.indexOf(effect(buffer, BufferEffect.Disown.class)));
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.table().content()).isEqualTo(before.memory().content());
              assertThat(buffer.table().generation()).isNotEqualTo(before.generation());
              assertThat(buffer.table().segment()).isNotEqualTo(before.segment());
            })
        .requires(
            "move.content-severed",
            "A move whose memory has to be severed copies the content out first.",
            () -> {
              DmaBuf buffer =
                  new DmaBuf(ExporterKind.GPU_VRAM, Contract.ENFORCED)
                      .mapped(1)
                      .revoke(RevokeCause.EVICTION);
              buffer.stuck.add(1);
              buffer.after(DmaBuf.ASK);
              List<BufferEffect> effects = buffer.effects();
              assertThat(effects.indexOf(effect(buffer, BufferEffect.CopyOut.class)))
                  .isLessThan(effects.indexOf(effect(buffer, BufferEffect.Sever.class)));
              assertThat(buffer.completed()).contains(RevokeOutcome.SEVERED);
              assertThat(buffer.state.revoked()).isFalse();
            })
        .requires(
            "move.pinned",
            "A pinned buffer is not moved, and nobody is told to invalidate.",
            () -> {
              DmaBuf buffer = gpu().mapped(1);
              buffer.call(Operation.PIN, 1);
              buffer.revoke(RevokeCause.EVICTION);
              assertThat(buffer.invalidated()).isEmpty();
              assertThat(buffer.notes(HistoryEvent.MoveRefused.class)).hasSize(1);
              assertThat(buffer.state.revoked()).isFalse();
            });
  }

  private static <T extends BufferEffect> T effect(DmaBuf buffer, Class<T> kind) {
    return buffer.effects(kind).getFirst();
  }

  private static void lockRule(Section.Builder b) {
    for (Operation operation : Operation.values()) {
      String name = operation.name().toLowerCase(Locale.ROOT).replace('_', '-');
      b.from(
              operation.locked()
                  ? "drivers/dma-buf/dma-buf.c: dma_resv_assert_held()"
                  : "drivers/dma-buf/dma-buf.c: DOC: locking convention")
          .requires(
              name + ".lock",
              ("A caller of %s %s; if it does the opposite the call is EINVAL, counted, and"
                      + " changes nothing.")
                  .formatted(
                      name,
                      operation.locked()
                          ? "holds the reservation lock"
                          : "does not hold the reservation lock"),
              () -> {
                DmaBuf buffer = heapInAnyState(operation);
                BufferState before = buffer.state;
                assertThat(buffer.call(operation, !operation.locked(), 1)).isEqualTo(Errno.EINVAL);
                assertThat(buffer.state).isEqualTo(before);
                assertThat(buffer.notes(HistoryEvent.IllegalCall.class)).hasSize(1);
                assertThat(buffer.call(operation, operation.locked(), 1)).isEqualTo(Errno.OK);
              });
    }
  }

  /** A buffer on which that operation is legal. */
  private static DmaBuf heapInAnyState(Operation operation) {
    ExporterKind kind =
        operation == Operation.IOMMUFD_MAP ? ExporterKind.VFIO_PCI : ExporterKind.SYSTEM_HEAP;
    DmaBuf buffer = new DmaBuf(kind, Contract.V7);
    switch (operation) {
      case UNMAP -> buffer.mapped(1);
      case UNPIN -> buffer.attach(1).call(Operation.PIN, 1);
      case MUNMAP -> buffer.attach(1).call(Operation.MMAP, 1);
      case VUNMAP -> buffer.attach(1).call(Operation.VMAP, 1);
      case PIN, MAP, IOMMUFD_MAP, BEGIN_CPU_ACCESS, END_CPU_ACCESS, MMAP, VMAP, DETACH ->
          buffer.attach(1);
    }
    return buffer;
  }

  private static void badInput(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: WARN_ON() of each function")
        .requires(
            "bad.no-attachment",
            "A call for an attachment that is not there, or is another process's, is EINVAL.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio();
              buffer.attach(DmaBuf.PROCESS + 1, ImporterOffer.DYNAMIC, 2);
              for (Operation operation : Operation.values()) {
                if (operation != Operation.DETACH) {
                  assertThat(buffer.call(operation, 1)).as("%s", operation).isEqualTo(Errno.EINVAL);
                }
                assertThat(buffer.call(operation, 2)).as("%s", operation).isEqualTo(Errno.EINVAL);
              }
              assertThat(buffer.state.attachments()).containsOnlyKeys(2);
            })
        .requires(
            "bad.old-epoch",
            "An answer to an older invalidation unmaps nothing, counts for nothing, and is counted"
                + " as dropped.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1).unmapped(1).restore();
              buffer.call(Operation.MAP, 1);
              buffer.revoke();
              BufferState before = buffer.state;
              buffer.progress(1, List.of(1), List.of(), List.of(), List.of(1));
              assertThat(buffer.state).isEqualTo(before);
              assertThat(buffer.notes(HistoryEvent.Dropped.class)).hasSize(1);
            })
        .from("drivers/dma-buf/dma-fence.c: dma_fence_signal()")
        .requires(
            "bad.signalled-twice",
            "A fence that signals twice, or was never there, is ignored and counted.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1, 2).revoke();
              buffer.progress(
                  List.of(1, 2), List.of(new Fence(1, 0, FenceUsage.READ)), List.of(), List.of());
              buffer.signalled(1);
              BufferState before = buffer.state;
              buffer.signalled(1);
              assertThat(buffer.state).isEqualTo(before);
              assertThat(buffer.notes(HistoryEvent.Dropped.class)).hasSize(1);
              buffer.signalled(2);
              assertThat(buffer.state).isEqualTo(before);
            });
  }
}
