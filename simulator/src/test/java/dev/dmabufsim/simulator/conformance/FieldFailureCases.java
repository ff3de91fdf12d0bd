package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.exporter.BufferEffect;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The failures that were seen in the field, the races among them provoked: what has to come in
 * between is held back until it is to come.
 */
final class FieldFailureCases {
  private static final Duration LIMIT = Duration.ofSeconds(2);

  private FieldFailureCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("field");
    exporters(b);
    importersLives(b);
    waits(b);
    return b.build(
        "Failures seen in the field",
        "For each a case that provokes it; the table at the end says what else catches it.");
  }

  private static void exporters(Section.Builder b) {
    b.from("CVE-2026-53322")
        .requires(
            "1.window",
            "1: While an importer may still reach a BAR whose memory-enable is cleared nobody else"
                + " is given its window: the memory is the buffer's until every fence and unmap has"
                + " come, nobody's then, and somebody else's only when it decodes again.",
            () -> {
              Host host = new Host(ExporterKind.VFIO_PCI, Contract.V7, RevokeCause.MEMORY_DISABLED);
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              int bar = host.buffer.segment();
              host.hold(Host.Wire.PROGRESS).revoke().run(LIMIT);
              assertThat(host.memory(bar).owner()).isEqualTo(Host.Owner.SOMEBODY);
              assertThat(host.memory(bar).generation()).isEqualTo(host.buffer.generation());
              host.release(Host.Wire.PROGRESS).run(LIMIT);
              assertThat(host.revoked).hasSize(1);
              assertThat(host.memory(bar).owner()).isEqualTo(Host.Owner.UNREACHABLE);
              host.restore().run(LIMIT);
              assertThat(host.memory(bar).owner()).isEqualTo(Host.Owner.SOMEBODY);
              assertThat(importer.late()).isEmpty();
            })
        .from(
            "drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_move(),"
                + " vfio_pci_dma_buf_cleanup()")
        .requires(
            "2.revoke-then-close",
            "2: A close after a revoke waits for nothing that was waited for before, and gives the"
                + " memory away no second time; it makes the revoke permanent.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1).unmapped(1);
              assertThat(buffer.completed()).isPresent();
              buffer.revoke(RevokeCause.LAST_CLOSE);
              assertThat(buffer.revoking()).isFalse();
              assertThat(buffer.completed()).isEmpty();
              assertThat(buffer.effects(BufferEffect.Disown.class)).isEmpty();
              assertThat(buffer.effects(BufferEffect.Report.class)).hasSize(1);
              assertThat(buffer.state.dead()).isTrue();
            })
        .requires(
            "2.close-during-revoke",
            "2: A close that comes while the revoke still waits is over when that is: one"
                + " completion, one report.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1);
              buffer.revoke(RevokeCause.LAST_CLOSE);
              assertThat(buffer.revoking()).isTrue();
              buffer.unmapped(1);
              assertThat(buffer.effects(BufferEffect.Complete.class)).hasSize(1);
              assertThat(buffer.effects(BufferEffect.Report.class)).hasSize(1);
              assertThat(buffer.state.dead()).isTrue();
            })
        .from("CVE-2026-31468")
        .requires(
            "3.failed-export",
            "3: An export that fails frees nothing of another's, and leaves nothing that is in the"
                + " way of the next one; there are no descriptors here that could not be handed"
                + " out.",
            SharedMemoryCases::aFailedExportFreesNothingOfAnothers)
        .from("CVE-2026-64042")
        .requires(
            "4.not-reserved",
            "4: Memory that is somebody's already is not exported a second time.",
            SharedMemoryCases::memoryIsExportedOnce)
        .from("CVE-2026-80633")
        .requires(
            "5.unpin-without-lock",
            "5: An unpin without the lock is refused and counted, and the pin stays.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().attach(1);
              buffer.call(Operation.PIN, 1);
              assertThat(buffer.call(Operation.UNPIN, false, 1)).isEqualTo(Errno.EINVAL);
              assertThat(buffer.state.pins()).isEqualTo(1);
              assertThat(buffer.notes(HistoryEvent.IllegalCall.class)).hasSize(1);
            })
        .from("drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_move(), v5 of the series")
        .requires(
            "10.rearmed-late",
            "10: A map that is under way when the flag is cleared is counted: the next revoke, come"
                + " at once, waits for it.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              assertThat(host.revokes(LIMIT)).isTrue();
              host.restore();
              assertThat(host.until(importer::live, LIMIT)).isTrue();
              host.hold(Host.Wire.INVALIDATE).revoke().run(LIMIT);
              assertThat(host.revoked).hasSize(1);
              assertThat(importer.running()).isTrue();
              host.release(Host.Wire.INVALIDATE).run(LIMIT);
              assertThat(host.revoked).hasSize(2);
              assertThat(host.last().outcome()).isEqualTo(RevokeOutcome.ACKED);
              assertThat(importer.late()).isEmpty();
            });
  }

  private static void importersLives(Section.Builder b) {
    b.from("CVE-2026-74328")
        .requires(
            "6.callback-after-detach",
            "6: An invalidation that arrives when the importer has detached does nothing,"
                + " and nobody"
                + " waits for it.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("rdma-odp"));
              host.hold(Host.Wire.INVALIDATE).revoke();
              importer.ends();
              host.run(LIMIT);
              assertThat(importer.state().phase()).isEqualTo(Phase.DONE);
              assertThat(host.buffer.attachments()).isEmpty();
              assertThat(host.revoked).hasSize(1);
              assertThat(host.heldBack(Host.Wire.INVALIDATE)).isPositive();
              host.release(Host.Wire.INVALIDATE).run(LIMIT);
              assertThat(importer.state().phase()).isEqualTo(Phase.DONE);
              assertThat(host.illegalCalls()).isZero();
              assertThat(importer.late()).isEmpty();
            })
        .from("CVE-2026-52951")
        .requires(
            "7.visible-before-ready",
            "7: An attachment that is on the list before its importer knows of it can be told to"
                + " invalidate: the revoke is complete once the importer has heard, and its map is"
                + " refused.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              host.hold(Host.Wire.REPLY);
              Importer importer =
                  host.importer(Drivers.of("gpu-dynamic"), Behaviour.HONEST, Duration.ZERO);
              assertThat(host.until(() -> !host.buffer.attachments().isEmpty(), LIMIT)).isTrue();
              host.revoke().run(LIMIT);
              assertThat(importer.state().phase()).isEqualTo(Phase.ATTACHING);
              assertThat(host.revoked).isEmpty();
              host.release(Host.Wire.REPLY).run(LIMIT);
              assertThat(host.revoked).hasSize(1);
              assertThat(importer.live()).isFalse();
              assertThat(importer.maps()).containsOnly(Errno.ENODEV);
            })
        .requires(
            "7.used-after-freed",
            "7: Of an attachment that is off the list no answer is taken, and none is waited for.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).attach(2).revoke();
              buffer.call(Operation.DETACH, 2);
              buffer.returned(2).unmapped(2);
              assertThat(buffer.state.attachments()).containsOnlyKeys(1);
              buffer.returned(1).unmapped(1);
              assertThat(buffer.revoking()).isFalse();
            })
        .from("CVE-2026-43128")
        .requires(
            "8.unpinned-once",
            "8: An importer that has pinned and whose map fails unpins once.",
            () -> {
              Host host =
                  new Host(
                      ExporterKind.VFIO_PCI,
                      Contract.V7,
                      RevokeCause.RESET,
                      Map.of("device", Errno.EINVAL));
              Importer importer =
                  host.importer(
                      Drivers.of("rdma-pinned-revocable"), Behaviour.HONEST, Duration.ZERO);
              host.run(LIMIT);
              assertThat(importer.maps()).containsExactly(Errno.EINVAL);
              assertThat(operated(host, Operation.PIN)).isEqualTo(1);
              assertThat(operated(host, Operation.UNPIN)).isEqualTo(1);
              assertThat(host.illegalCalls()).isZero();
              assertThat(host.buffer.attachments()).isEmpty();
            })
        .from(
            "drivers/infiniband/hw/mlx5/mr.c: deregistration against"
                + " mlx5_ib_dmabuf_invalidate_cb()")
        .requires(
            "9.deregistration-first",
            "9: A deregistration that is under way when the invalidation comes unmaps and unpins"
                + " once, and the revoke is complete.",
            () -> deregistrationRaces(true))
        .requires(
            "9.invalidation-first",
            "9: An invalidation that is under way when the deregistration comes likewise.",
            () -> deregistrationRaces(false))
        .from("drivers/infiniband/core/umem_dmabuf.c")
        .requires(
            "11.revoke-during-set-up",
            "11: A revoke that comes while an importer's map is being set up refuses it; addresses"
                + " that arrive late start no engine.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              host.hold(Host.Wire.CLOSED);
              Importer importer =
                  host.importer(
                      Drivers.of("rdma-pinned-revocable"), Behaviour.HONEST, Duration.ZERO);
              assertThat(host.until(() -> importer.state().phase() == Phase.MAPPING, LIMIT))
                  .isTrue();
              host.run(Duration.ofMillis(5));
              assertThat(host.heldBack(Host.Wire.CLOSED)).isPositive();
              host.revoke().run(Duration.ofMillis(5));
              host.release(Host.Wire.CLOSED).run(LIMIT);
              assertThat(host.revoked).hasSize(1);
              assertThat(importer.running()).isFalse();
              assertThat(importer.maps()).isNotEmpty().containsOnly(Errno.ENODEV);
              assertThat(host.slotsInUse()).isZero();
              host.restore();
              assertThat(host.until(importer::live, LIMIT)).isTrue();
            })
        .from(
            "drivers/dma-buf/dma-buf.c: dma_buf_invalidate_mappings() against"
                + " dma_buf_detach()")
        .requires(
            "15.teardown-first",
            "15: A teardown that has begun when the invalidation comes answers it, and is"
                + " not waited"
                + " for after its unmap.",
            () -> {
              for (ImporterDriver driver : Drivers.revocable()) {
                Host host = Host.meeting(driver, Contract.V7);
                Importer importer = host.live(driver);
                host.hold(Host.Wire.ENGINE);
                importer.ends();
                host.revoke().run(Duration.ofMillis(50));
                assertThat(host.buffer.revoke()).as("%s", importer).isNotNull();
                host.release(Host.Wire.ENGINE).run(LIMIT);
                tornDown(host, importer);
              }
            })
        .requires(
            "15.invalidation-first",
            "15: A teardown that comes while the invalidation is being answered ends when that is"
                + " over.",
            () -> {
              for (ImporterDriver driver : Drivers.revocable()) {
                Host host = Host.meeting(driver, Contract.V7);
                Importer importer = host.live(driver);
                host.hold(Host.Wire.ENGINE).revoke().run(Duration.ofMillis(50));
                importer.ends();
                host.run(Duration.ofMillis(50));
                host.release(Host.Wire.ENGINE).run(LIMIT);
                tornDown(host, importer);
              }
            })
        .from("drivers/infiniband/core/umem_dmabuf.c: revoked memory keys")
        .requires(
            "18.key-reused",
            "18: A key that was revoked is no key any more: its addresses lead nowhere, also after"
                + " the restore, until the memory is registered anew under another.",
            () -> {
              Host host = Host.vfio(Contract.ENFORCED);
              Importer importer =
                  host.live(
                      Drivers.of("rdma-pinned-revocable"),
                      Behaviour.KEEPS_ADDRESS,
                      Duration.ofMillis(300));
              int key = importer.id();
              assertThat(host.revokes(LIMIT)).isTrue();
              host.restore();
              assertThat(host.until(importer::live, LIMIT)).isTrue();
              host.run(LIMIT);
              assertThat(importer.id()).isNotEqualTo(key);
              assertThat(importer.broken()).contains(Importer.Use.OLD_ADDRESS);
              assertThat(importer.late()).containsOnlyKeys(LateAccess.IOMMU_FAULT);
            });
  }

  private static long operated(Host host, Operation operation) {
    return host.notes.stream()
        .filter(HistoryEvent.Operated.class::isInstance)
        .map(HistoryEvent.Operated.class::cast)
        .filter(o -> o.operation() == operation)
        .count();
  }

  private static void deregistrationRaces(boolean first) {
    Host host = Host.vfio(Contract.V7);
    Importer importer = host.live(Drivers.of("rdma-pinned-revocable"));
    host.hold(Host.Wire.INVALIDATE).hold(Host.Wire.CALL).revoke();
    if (first) {
      // What an importer sends arrives in its order: calls do not let answers pass.
      host.hold(Host.Wire.PROGRESS);
      importer.ends();
      host.run(Duration.ofMillis(50)).release(Host.Wire.INVALIDATE).run(Duration.ofMillis(50));
    } else {
      host.release(Host.Wire.INVALIDATE).run(Duration.ofMillis(50));
      importer.ends();
    }
    host.release(Host.Wire.CALL).release(Host.Wire.PROGRESS).run(LIMIT);
    assertThat(operated(host, Operation.UNPIN)).isEqualTo(1);
    tornDown(host, importer);
  }

  private static void tornDown(Host host, Importer importer) {
    assertThat(host.buffer.revoke()).as("%s", importer).isNull();
    assertThat(importer.state().phase()).as("%s", importer).isEqualTo(Phase.DONE);
    assertThat(host.buffer.attachments()).as("%s", importer).isEmpty();
    assertThat(host.buffer.pins()).as("%s", importer).isZero();
    assertThat(host.slotsInUse()).as("%s", importer).isZero();
    assertThat(host.illegalCalls()).as("%s", importer).isZero();
    assertThat(importer.late()).as("%s", importer).isEmpty();
    assertThat(importer.broken()).as("%s", importer).isEmpty();
  }

  private static void waits(Section.Builder b) {
    b.from("drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_unmap() needs the resv lock")
        .requires(
            "12.unmap-needs-the-lock",
            "12: An unmap that comes on its own, while the exporter waits for it, gets through and"
                + " ends that wait.",
            () -> {
              for (Contract contract : List.of(Contract.V5, Contract.V7, Contract.ENFORCED)) {
                DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke().returned(1);
                assertThat(buffer.revoking()).as("%s", contract).isTrue();
                assertThat(buffer.call(Operation.UNMAP, 1)).as("%s", contract).isEqualTo(Errno.OK);
                assertThat(buffer.completed()).as("%s", contract).contains(RevokeOutcome.ACKED);
              }
            })
        .from("the series' threads: v3")
        .requires(
            "13.kernel-fences-only",
            "13: Waiting for KERNEL fences alone gives memory away while an honest GPU's"
                + " page tables"
                + " still lead to it.",
            () -> {
              Host host = Host.vfio(Contract.V3);
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(importer.use()).isEqualTo(Importer.Use.LIVE);
              host.run(LIMIT);
              assertThat(importer.worst()).contains(LateAccess.UAF);
            })
        .from("the series' threads: v2")
        .requires(
            "14.no-fence-wait",
            "14: Without any wait for fences memory is given away under every importer whose engine"
                + " goes on after its callback.",
            () -> {
              Host host = Host.vfio(Contract.V2);
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(importer.use()).isEqualTo(Importer.Use.LIVE);
              host.run(LIMIT);
              assertThat(importer.worst()).contains(LateAccess.UAF);
            })
        .from("the series' threads: v7")
        .requires(
            "16.dead-importer",
            "16: An importer that is killed between its callback and its fences hangs v7 for ever;"
                + " enforced is complete as soon as its death is known.",
            () -> {
              assertThat(killed(Contract.V7)).isFalse();
              assertThat(killed(Contract.ENFORCED)).isTrue();
            })
        .from("drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.c: amdgpu_dma_buf_move_notify(), trylock")
        .requires(
            "17.vm-skipped",
            "17: An importer that skips a VM whose lock is taken leaves it mapped and running: v4"
                + " gives the memory away under it, v7 hangs, enforced blocks it.",
            () -> {
              Host v4 = Host.vfio(Contract.V4);
              Importer importer = v4.live(Drivers.SKIPPED_VM);
              assertThat(v4.revokes(LIMIT)).isTrue();
              v4.run(LIMIT);
              assertThat(importer.worst()).contains(LateAccess.UAF);

              Host v7 = Host.vfio(Contract.V7);
              v7.live(Drivers.SKIPPED_VM);
              assertThat(v7.revokes(Duration.ofSeconds(60))).isFalse();

              Host enforced = Host.vfio(Contract.ENFORCED);
              Importer blocked = enforced.live(Drivers.SKIPPED_VM);
              assertThat(enforced.revokes(LIMIT)).isTrue();
              assertThat(enforced.last().outcome()).isEqualTo(RevokeOutcome.BLOCKED);
              enforced.run(LIMIT);
              assertThat(blocked.late()).containsOnlyKeys(LateAccess.IOMMU_FAULT);
            })
        .from("drivers/iommu: IOTLB invalidation after an unmap")
        .requires(
            "19.flush-skipped",
            "19: A device that goes on using its cached translation after its unmap reaches"
                + " the next"
                + " owner under v7; under enforced its memory is severed first.",
            () -> {
              assertThat(worst(Contract.V7, Behaviour.SKIPS_IOTLB_FLUSH)).isEqualTo(LateAccess.UAF);
              assertThat(worst(Contract.ENFORCED, Behaviour.SKIPS_IOTLB_FLUSH))
                  .isEqualTo(LateAccess.AER);
            })
        .from("the series' threads: a fence that signals before the hardware has stopped")
        .requires(
            "20.lying-fence",
            "20: A fence that signals before the hardware has stopped lets it reach the next owner"
                + " under v7; under enforced it gets faults.",
            () -> {
              assertThat(worst(Contract.V7, Behaviour.LYING)).isEqualTo(LateAccess.UAF);
              assertThat(worst(Contract.ENFORCED, Behaviour.LYING))
                  .isEqualTo(LateAccess.IOMMU_FAULT);
            });
  }

  private static boolean killed(Contract contract) {
    Host host = Host.vfio(contract);
    Importer importer = host.live(Drivers.of("gpu-dynamic"));
    host.hold(Host.Wire.ENGINE).revoke();
    assertThat(host.until(() -> importer.told().stream().anyMatch(p -> p.returned()), LIMIT))
        .isTrue();
    host.kill(importer);
    return host.until(() -> !host.revoked.isEmpty(), Duration.ofSeconds(60));
  }

  private static LateAccess worst(Contract contract, Behaviour behaviour) {
    Host host = Host.vfio(contract);
    Importer importer = host.live(Drivers.of("rdma-odp"), behaviour, Duration.ofMillis(300));
    assertThat(host.revokes(LIMIT)).isTrue();
    host.run(LIMIT);
    return importer.worst().orElseThrow(() -> new AssertionError("no late access"));
  }
}
