package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.exporter.BufferEffect;
import dev.dmabufsim.exporter.BufferEvent;
import dev.dmabufsim.exporter.BufferState;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Each sequence: what it waits for, what it does not wait for, and what comes of that. */
final class SequenceCases {
  private static final Duration LONG = Duration.ofSeconds(10);
  private static final long SECOND = 1_000_000_000L;

  /** Everything that a deadline allows an enforced revoke, with some messages' time. */
  private static final Duration BOUND = Host.ASK.plus(Host.BLOCK).plusMillis(20);

  /** The weakest usage for whose fences each waits; none for v2. */
  private static final Map<Contract, FenceUsage> WAITS_FOR =
      new EnumMap<>(
          Map.of(
              Contract.V3, FenceUsage.KERNEL,
              Contract.V4, FenceUsage.BOOKKEEP,
              Contract.V5, FenceUsage.BOOKKEEP,
              Contract.V7, FenceUsage.BOOKKEEP,
              Contract.ENFORCED, FenceUsage.BOOKKEEP));

  private SequenceCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("seq");
    for (Contract contract : Contract.values()) {
      waits(b, contract);
    }
    vfioOrder(b);
    exposes(b);
    enforced(b);
    return b.build(
        "Sequences",
        "What each sequence waits for, the order that VFIO keeps, and what comes of it when"
            + " importers are what they are.");
  }

  private static String source(Contract contract) {
    return switch (contract) {
      case V2, V3, V4, V5 ->
          "the series 'dma-buf: Use revoke mechanism to invalidate shared buffers', "
              + contract.label();
      case V7 -> "drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_move()";
      case ENFORCED -> "docs/contract.md: Sequences (this project's own)";
    };
  }

  private static void waits(Section.Builder b, Contract contract) {
    String v = contract.label();
    b.from(source(contract))
        .requires(
            v + ".return",
            v + " waits until every callback has returned.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(contract).mapped(1, 2).revoke();
              buffer.returned(1).unmapped(1, 2);
              assertThat(buffer.revoking()).isTrue();
              assertThat(buffer.returned(2).revoking()).isFalse();
            });
    for (FenceUsage usage : FenceUsage.values()) {
      FenceUsage weakest = WAITS_FOR.get(contract);
      boolean waits = weakest != null && usage.compareTo(weakest) <= 0;
      b.requires(
          v + "." + usage.label() + "-fence",
          "%s %s a %s fence that is there when the callback has returned."
              .formatted(v, waits ? "waits for" : "does not wait for", usage.name()),
          () -> {
            DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke();
            buffer.returned(1, usage).unmapped(1);
            assertThat(buffer.revoking()).isEqualTo(waits);
            if (waits) {
              assertThat(buffer.signalled(1).revoking()).isFalse();
            }
          });
    }
    unmapWait(b, contract);
    deadImporter(b, contract);
    cpuWait(b, contract);
  }

  private static void unmapWait(Section.Builder b, Contract contract) {
    String v = contract.label();
    switch (contract) {
      case V2, V3, V4 ->
          b.requires(
              v + ".unmap",
              v + " waits for no unmap: the outcome is assumed.",
              () -> {
                DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke().returned(1);
                assertThat(buffer.completed()).contains(RevokeOutcome.ASSUMED);
                assertThat(buffer.attachment(1).mapped()).isTrue();
              });
      case V5 ->
          b.requires(
                  "v5.unmap",
                  "v5 waits for every unmap, and is acknowledged if they come.",
                  () -> {
                    DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke().returned(1);
                    buffer.after(SECOND / 2);
                    assertThat(buffer.revoking()).isTrue();
                    assertThat(buffer.unmapped(1).completed()).contains(RevokeOutcome.ACKED);
                  })
              .requires(
                  "v5.one-second",
                  "v5 gives up one second after the last fence, and goes on as if the unmaps had"
                      + " come.",
                  () -> {
                    DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke();
                    buffer.returned(1, FenceUsage.BOOKKEEP);
                    buffer.after(5 * SECOND);
                    assertThat(buffer.revoking()).isTrue();
                    buffer.signalled(1);
                    buffer.after(SECOND - 1);
                    assertThat(buffer.revoking()).isTrue();
                    assertThat(buffer.after(1).completed()).contains(RevokeOutcome.ASSUMED);
                  });
      case V7 ->
          b.requires(
              "v7.unmap",
              "v7 waits for every unmap, without bound.",
              () -> {
                DmaBuf buffer = DmaBuf.vfio(contract).mapped(1, 2).revoke().returned(1, 2);
                buffer.unmapped(1).after(100_000 * SECOND);
                assertThat(buffer.revoking()).isTrue();
                assertThat(buffer.unmapped(2).completed()).contains(RevokeOutcome.ACKED);
              });
      case ENFORCED ->
          b.requires(
                  "enforced.unmap",
                  "enforced waits for every unmap until its deadline, and not longer.",
                  () -> {
                    DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke().returned(1);
                    buffer.after(DmaBuf.ASK - 1);
                    assertThat(buffer.revoking()).isTrue();
                    assertThat(buffer.after(1).completed()).contains(RevokeOutcome.BLOCKED);
                    assertThat(buffer.open(1, SlotUse.DMA)).isFalse();
                  })
              .requires(
                  "enforced.fences-bound",
                  "enforced waits for fences until its deadline, and not longer.",
                  () -> {
                    DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke();
                    buffer.returned(1, FenceUsage.KERNEL).after(DmaBuf.ASK - 1);
                    assertThat(buffer.revoking()).isTrue();
                    assertThat(buffer.after(1).completed()).contains(RevokeOutcome.BLOCKED);
                  });
    }
  }

  private static void deadImporter(Section.Builder b, Contract contract) {
    String v = contract.label();
    boolean hangs = contract == Contract.V4 || contract == Contract.V5 || contract == Contract.V7;
    String what =
        contract.enforced()
            ? "enforced waits for a dead importer no longer than it takes to know of its death."
            : hangs
                ? v + " waits for ever for an importer that died before it had answered."
                : v + " does not wait for an importer that died before it had answered.";
    b.requires(
        v + ".dead-importer",
        what,
        () -> {
          DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).revoke().died();
          if (hangs) {
            buffer.after(100_000 * SECOND);
            assertThat(buffer.revoking()).isTrue();
          } else {
            assertThat(buffer.completed())
                .contains(contract.enforced() ? RevokeOutcome.BLOCKED : RevokeOutcome.ASSUMED);
          }
        });
  }

  private static void cpuWait(Section.Builder b, Contract contract) {
    String v = contract.label();
    b.requires(
        v + ".cpu-drain",
        v + " waits until nobody is within an access of the CPU (unmap_mapping_range()).",
        () -> {
          DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, contract);
          buffer.attach(1).call(Operation.MMAP, 1);
          buffer.iommu = false;
          buffer.revoke(RevokeCause.HOT_UNPLUG).returned(1);
          assertThat(buffer.revoking()).isTrue();
          buffer.iommu = true;
          buffer.after(DmaBuf.RETRY);
          assertThat(buffer.revoking()).isFalse();
        });
  }

  private static void vfioOrder(Section.Builder b) {
    b.from("drivers/vfio/pci/vfio_pci_dmabuf.c: vfio_pci_dma_buf_move()")
        .requires(
            "vfio.skip-unchanged",
            "A revoke of what is revoked is skipped: nobody is told, no epoch begins, and whoever"
                + " asked is told at once.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1).unmapped(1);
              long epoch = buffer.state.epoch();
              buffer.revoke();
              assertThat(buffer.state.epoch()).isEqualTo(epoch);
              assertThat(buffer.invalidated()).isEmpty();
              assertThat(buffer.effects(BufferEffect.Report.class))
                  .extracting(BufferEffect.Report::revoked)
                  .containsExactly(true);
            })
        .requires(
            "vfio.flag-before-invalidate",
            "The flag is set before anybody is told: what an importer asks for in its callback is"
                + " refused.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).attach(2).revoke();
              assertThat(buffer.invalidated()).contains(2);
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.ENODEV);
            })
        .requires(
            "vfio.fences-before-unmaps",
            "Unmaps alone complete nothing while a fence is pending, nor fences alone while"
                + " something is mapped.",
            () -> {
              DmaBuf first = DmaBuf.vfio().mapped(1).revoke().returned(1, FenceUsage.BOOKKEEP);
              assertThat(first.unmapped(1).revoking()).isTrue();
              assertThat(first.signalled(1).revoking()).isFalse();
              DmaBuf second = DmaBuf.vfio().mapped(1).revoke().returned(1, FenceUsage.BOOKKEEP);
              assertThat(second.signalled(1).revoking()).isTrue();
              assertThat(second.unmapped(1).revoking()).isFalse();
            })
        .requires(
            "vfio.uninterruptible",
            "The wait for fences cannot be broken off: neither time nor another request ends it.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1, FenceUsage.BOOKKEEP);
              buffer.unmapped(1).after(1000 * SECOND).revoke(RevokeCause.LAST_CLOSE).restore();
              assertThat(buffer.revoking()).isTrue();
            })
        .requires(
            "vfio.lock-dropped",
            "While it waits for unmaps the lock is free: every other operation is answered.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).attach(2).revoke().returned(1, 2);
              assertThat(buffer.revoking()).isTrue();
              assertThat(buffer.call(Operation.PIN, 2)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.UNPIN, 2)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.ENODEV);
              assertThat(buffer.call(Operation.BEGIN_CPU_ACCESS, 2)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.DETACH, 2)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.UNMAP, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.revoking()).isFalse();
            })
        .requires(
            "vfio.rearmed-before-flag",
            "The count of maps is fresh before the flag is cleared: the first map after an"
                + " un-revoke is one that the next revoke waits for.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().returned(1).unmapped(1).restore();
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
              buffer.revoke().returned(1);
              assertThat(buffer.revoking()).isTrue();
              assertThat(buffer.unmapped(1).completed()).contains(RevokeOutcome.ACKED);
            })
        .requires(
            "vfio.no-early-restore",
            "An un-revoke that comes while the revoke goes on does not clear the flag.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke().restore();
              assertThat(buffer.state.revoked()).isTrue();
              assertThat(buffer.revoking()).isTrue();
            })
        .requires(
            "vfio.old-unmap",
            "An unmap of what was mapped before the last revoke, told late, does not count for what"
                + " is mapped since.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(Contract.V2).mapped(1).revoke().returned(1);
              assertThat(buffer.revoking()).isFalse();
              buffer.unmapped(1).restore();
              assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
              buffer.unmapped(1);
              assertThat(buffer.attachment(1).mapped()).isTrue();
            })
        .requires(
            "vfio.unrevoke-invalidates",
            "An un-revoke calls invalidate_mappings once more, and clears the flag only when every"
                + " callback has returned; no fence is pending by then, and none is added.",
            () -> {
              for (Contract contract : List.of(Contract.V2, Contract.V4, Contract.V7)) {
                DmaBuf buffer = DmaBuf.vfio(contract).mapped(1).attach(2).revoke();
                buffer.returned(1, 2).unmapped(1).restoring();
                assertThat(buffer.invalidated()).containsExactly(1, 2);
                assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
                buffer.returned(1);
                assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
                buffer.returned(2);
                assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
              }
            });
  }

  /** An importer that is revoked once, is restored, and is looked at for seconds. */
  private static final class Trial {
    final Importer importer;
    final boolean complete;
    final Host host;

    Trial(Contract contract, String kind, Behaviour behaviour) {
      ImporterDriver driver = Drivers.of(kind);
      host = Host.meeting(driver, contract);
      importer = host.live(driver, behaviour, Drivers.overrun(behaviour));
      host.run(Duration.ofMillis(5));
      complete = host.revokes(LONG);
      host.run(Duration.ofMillis(100)).restore().run(Duration.ofSeconds(2));
    }
  }

  private static void exposes(Section.Builder b) {
    b.from("the series' threads: what was wrong or disputed with each version");
    exposed(
        b, Contract.V2, "gpu-dynamic", Behaviour.HONEST, "hardware still writes when it returns");
    exposed(b, Contract.V3, "gpu-dynamic", Behaviour.HONEST, "BOOKKEEP fences are missed");
    exposed(
        b,
        Contract.V4,
        "gpu-dynamic",
        Behaviour.HONEST,
        "speculative reads go on after the fences");
    exposed(
        b, Contract.V5, "gpu-dynamic", Behaviour.SLOW, "memory is reused under a slow importer");
    exposed(
        b, Contract.V5, "gpu-dynamic", Behaviour.NEVER_UNMAPS, "memory is reused after one second");
    for (Contract contract :
        List.of(Contract.V2, Contract.V3, Contract.V4, Contract.V5, Contract.V7)) {
      exposed(b, contract, "gpu-dynamic", Behaviour.LYING, "a fence that lies is believed");
    }
    exposed(
        b,
        Contract.V7,
        "iommufd",
        Behaviour.NEVER_UNMAPS,
        "a count of unmaps misses who holds addresses without a map");
    b.requires(
            "v4.exposes-only-reads",
            "What v4 lets through of an honest importer are reads whose data it throws away.",
            () -> {
              Trial trial = new Trial(Contract.V4, "gpu-dynamic", Behaviour.HONEST);
              assertThat(trial.importer.worst()).contains(LateAccess.UAF);
              assertThat(trial.importer.broken()).isEmpty();
            })
        .requires(
            "v7.safe-if-honest",
            "Under v5 and v7 no honest importer reaches memory that is not the buffer's.",
            () -> {
              for (Contract contract : List.of(Contract.V5, Contract.V7)) {
                for (ImporterDriver driver : Drivers.revocable()) {
                  Trial trial = new Trial(contract, driver.kind(), Behaviour.HONEST);
                  assertThat(trial.complete).as("%s %s", contract, trial.importer).isTrue();
                  assertThat(trial.importer.late()).as("%s %s", contract, trial.importer).isEmpty();
                }
              }
            })
        .requires(
            "v7.slow",
            "v7 waits for as long as a slow importer takes, and is safe.",
            () -> {
              Trial trial = new Trial(Contract.V7, "gpu-dynamic", Behaviour.SLOW);
              assertThat(trial.host.last().took()).isGreaterThan(Duration.ofMillis(2900));
              assertThat(trial.importer.late()).isEmpty();
            });
  }

  private static void exposed(
      Section.Builder b, Contract contract, String kind, Behaviour behaviour, String because) {
    b.requires(
        "%s.exposes-%s-%s".formatted(contract.label(), kind, behaviour.label()),
        "Under %s a %s that is %s reaches the next owner's memory: %s."
            .formatted(contract.label(), kind, behaviour.label(), because),
        () -> {
          Trial trial = new Trial(contract, kind, behaviour);
          assertThat(trial.complete).isTrue();
          assertThat(trial.importer.worst()).contains(LateAccess.UAF);
        });
  }

  private static void enforced(Section.Builder b) {
    b.from(source(Contract.ENFORCED));
    for (ImporterDriver driver : Drivers.revocable()) {
      b.requires(
          "enforced.bounded-" + driver.kind(),
          "enforced is complete within its bound whatever a %s does, and none of its accesses"
                  .formatted(driver.kind())
              + " reaches anybody else's memory; an honest one has no late access at all.",
          () -> {
            for (Behaviour behaviour : Behaviour.values()) {
              Trial trial = new Trial(Contract.ENFORCED, driver.kind(), behaviour);
              assertThat(trial.complete).as("%s", trial.importer).isTrue();
              assertThat(trial.host.last().took())
                  .as("%s", trial.importer)
                  .isLessThanOrEqualTo(BOUND);
              assertThat(trial.importer.late())
                  .as("%s", trial.importer)
                  .doesNotContainKey(LateAccess.UAF);
              if (behaviour == Behaviour.HONEST) {
                assertThat(trial.importer.late()).isEmpty();
                assertThat(trial.host.last().outcome()).isEqualTo(RevokeOutcome.ACKED);
              }
            }
          });
    }
    b.requires(
            "enforced.believes-nobody",
            "No acknowledgement is believed: the IOMMU closes every slot, and one that was open"
                + " though its importer had answered makes the outcome blocked.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(Contract.ENFORCED).mapped(1).revoke();
              buffer.iommu = false;
              buffer.progress(List.of(1), List.of(), List.of(), List.of(1));
              assertThat(buffer.effects(BufferEffect.CloseBuffer.class)).hasSize(1);
              assertThat(buffer.revoking()).isTrue();
              buffer.happens(
                  new BufferEvent.BufferClosed(
                      buffer.state.epoch(), List.of(1), List.of(), buffer.now));
              assertThat(buffer.completed()).contains(RevokeOutcome.BLOCKED);
            })
        .requires(
            "enforced.iommufd-closed",
            "What took addresses without a map is closed like everything else.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio(Contract.ENFORCED);
              buffer.mapped(DmaBuf.PROCESS, ImporterOffer.DYNAMIC.pins(true).iommufdMap(true), 1);
              assertThat(buffer.open(1, SlotUse.DMA)).isTrue();
              buffer.revoke().returned(1);
              assertThat(buffer.open(1, SlotUse.DMA)).isFalse();
              assertThat(buffer.completed()).contains(RevokeOutcome.BLOCKED);
            })
        .requires(
            "enforced.severs-stuck-dma",
            "DMA that does not drain in its time is ended by taking the memory away.",
            () -> {
              Host host = Host.vfio(Contract.ENFORCED);
              Importer importer =
                  host.live(Drivers.of("gpu-dynamic"), Behaviour.SILENT, Duration.ofMillis(200));
              host.hangs(importer);
              assertThat(host.revokes(BOUND)).isTrue();
              assertThat(host.last().outcome()).isEqualTo(RevokeOutcome.SEVERED);
              host.run(Duration.ofSeconds(1));
              assertThat(importer.late()).containsOnlyKeys(LateAccess.AER);
            })
        .requires(
            "enforced.drain-time",
            "DMA that is in flight at the deadline has its time to drain, and if it does nothing is"
                + " severed.",
            () -> {
              Host host = Host.vfio(Contract.ENFORCED);
              Importer importer =
                  host.live(Drivers.of("gpu-dynamic"), Behaviour.SILENT, Duration.ofMillis(200));
              host.hangs(importer).revoke().run(Host.ASK.plusMillis(10));
              assertThat(host.revoked).isEmpty();
              host.drains(importer).run(Duration.ofMillis(5));
              assertThat(host.revoked)
                  .extracting(Host.Revoked::outcome)
                  .containsExactly(RevokeOutcome.BLOCKED);
            })
        .requires(
            "enforced.iommu-silent",
            "An IOMMU that does not answer does not unbound it: the memory is the exporter's own to"
                + " take away.",
            () -> {
              Host host = Host.vfio(Contract.ENFORCED);
              Importer importer =
                  host.live(Drivers.of("gpu-dynamic"), Behaviour.SILENT, Duration.ofMillis(200));
              host.iommuDead = true;
              assertThat(host.revokes(BOUND)).isTrue();
              assertThat(host.last().outcome()).isEqualTo(RevokeOutcome.SEVERED);
              assertThat(importer.late()).doesNotContainKey(LateAccess.UAF);
            })
        .requires(
            "enforced.ats",
            "A device that caches translations itself is never proven out by the IOMMU: its memory"
                + " is severed, even if it had unmapped.",
            () -> {
              Trial trial =
                  new Trial(Contract.ENFORCED, "gpu-dynamic", Behaviour.SKIPS_IOTLB_FLUSH);
              assertThat(trial.host.last().outcome()).isEqualTo(RevokeOutcome.SEVERED);
              assertThat(trial.importer.late()).doesNotContainKey(LateAccess.UAF);
            })
        .requires(
            "enforced.severed-for-good",
            "Severed memory never comes back to life, whoever slept with it mapped.",
            SharedMemoryCases::severedMemoryIsGoneForGood)
        .requires(
            "enforced.nobody-mapped",
            "When it is complete nobody is mapped, as the exporter has it and as the IOMMU has it.",
            () -> {
              for (Behaviour behaviour : Behaviour.values()) {
                Host host = Host.vfio(Contract.ENFORCED);
                Importer importer =
                    host.live(Drivers.of("gpu-dynamic"), behaviour, Drivers.overrun(behaviour));
                assertThat(host.revokes(BOUND)).as("%s", importer).isTrue();
                assertThat(host.buffer.mapped()).as("%s", importer).isZero();
                assertThat(host.slotsInUse()).as("%s", importer).isZero();
              }
            })
        .requires(
            "all.epoch",
            "Every revoke raises the epoch, and a restored buffer keeps it.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio();
              BufferState before = buffer.state;
              buffer.revoke();
              assertThat(buffer.state.epoch()).isEqualTo(before.epoch() + 1);
              assertThat(buffer.restore().state.epoch()).isEqualTo(before.epoch() + 1);
            });
  }
}
