package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.fence.DmaFence;
import dev.dmabufsim.common.fence.DmaResv;
import dev.dmabufsim.common.message.ExporterMessage;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.common.message.Span;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The cases of suites that exist, as far as they concern what is modelled. */
final class SelftestCases {
  private static final Duration LIMIT = Duration.ofSeconds(1);

  private SelftestCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("kernel");
    iommufd(b);
    xe(b);
    fence(b);
    resv(b);
    others(b);
    return b.build(
        "Cases of the kernel's suites",
        "iommufd's selftests, xe's KUnit cases, the selftests of dma_fence and dma_resv, IGT and"
            + " rdma-core, as far as they apply.");
  }

  private static DmaBuf iommufd() {
    return DmaBuf.vfio().attach(DmaBuf.PROCESS, Drivers.of("iommufd").offer(), 1);
  }

  private static Errno map(DmaBuf buffer, long offset, long length) {
    return buffer.call(Operation.IOMMUFD_MAP, new Span(offset, length), 1);
  }

  private static void iommufd(Section.Builder b) {
    b.from("tools/testing/selftests/iommu/iommufd.c: dmabuf_simple")
        .requires(
            "iommufd.simple-zero-length",
            "A map of no bytes is EINVAL.",
            () -> assertThat(map(iommufd(), 0, 0)).isEqualTo(Errno.EINVAL))
        .requires(
            "iommufd.simple-start-at-end",
            "A map that begins where the buffer ends, or beyond, is EINVAL.",
            () -> {
              assertThat(map(iommufd(), DmaBuf.BYTES, 1)).isEqualTo(Errno.EINVAL);
              assertThat(map(iommufd(), DmaBuf.BYTES + 4096, 4096)).isEqualTo(Errno.EINVAL);
            })
        .requires(
            "iommufd.simple-length-plus-one",
            "A map that ends beyond the buffer, even by one, is EINVAL; so is one that wraps.",
            () -> {
              assertThat(map(iommufd(), 0, DmaBuf.BYTES + 1)).isEqualTo(Errno.EINVAL);
              assertThat(map(iommufd(), 1, DmaBuf.BYTES)).isEqualTo(Errno.EINVAL);
              assertThat(map(iommufd(), 4096, Long.MAX_VALUE)).isEqualTo(Errno.EINVAL);
            })
        .requires(
            "iommufd.simple-full",
            "A map of the whole buffer succeeds.",
            () -> assertThat(map(iommufd(), 0, DmaBuf.BYTES)).isEqualTo(Errno.OK))
        .from("tools/testing/selftests/iommu/iommufd.c: dmabuf_revoke")
        .requires(
            "iommufd.revoke-map",
            "After a revoke a new map is ENODEV.",
            () -> {
              DmaBuf buffer = iommufd().revoke().returned(1);
              assertThat(buffer.revoking()).isFalse();
              assertThat(map(buffer, 0, DmaBuf.BYTES)).isEqualTo(Errno.ENODEV);
            })
        .requires(
            "iommufd.revoke-mapped",
            "A map that was there before the revoke is gone after it.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("iommufd"));
              assertThat(host.revokes(LIMIT)).isTrue();
              host.run(LIMIT);
              assertThat(importer.running()).isFalse();
              assertThat(host.slotsInUse()).isZero();
            })
        .requires(
            "iommufd.unrevoke-map",
            "After an un-revoke a map works.",
            () -> {
              DmaBuf buffer = iommufd().revoke().returned(1).restore();
              assertThat(map(buffer, 0, DmaBuf.BYTES)).isEqualTo(Errno.OK);
            })
        .requires(
            "iommufd.unrevoke-remap",
            "After an un-revoke an unmap works, and a map anew of the same part.",
            () -> {
              DmaBuf buffer = iommufd().revoke().returned(1).restore();
              assertThat(map(buffer, 4096, 4096)).isEqualTo(Errno.OK);
              assertThat(buffer.call(Operation.UNMAP, 1)).isEqualTo(Errno.OK);
              assertThat(map(buffer, 4096, 4096)).isEqualTo(Errno.OK);
            })
        .from("tools/testing/selftests/iommu/iommufd.c: dmabuf_multi_page")
        .requires(
            "iommufd.multi-page",
            "A map of several pages within the buffer answers addresses of just those.",
            () -> {
              for (long offset = 0; offset < DmaBuf.BYTES; offset += 4096) {
                for (long length = 4096; offset + length <= DmaBuf.BYTES; length += 4096) {
                  DmaBuf buffer = iommufd();
                  assertThat(map(buffer, offset, length)).isEqualTo(Errno.OK);
                  SgTable table = buffer.table();
                  assertThat(table.length()).isEqualTo(length);
                  assertThat(table.iova() - SgTable.iovaOf(table.slot())).isEqualTo(offset);
                }
              }
            })
        .notModelled(
            "iommufd.multi-area",
            "Several areas of one dma-buf can be mapped at once in one I/O address space.",
            "an attachment has one mapping here; several are several attachments");
  }

  private static void xe(Section.Builder b) {
    b.from("drivers/gpu/drm/xe/tests/xe_dma_buf.c: xe_test_dmabuf_import_same_driver()");
    for (boolean system : List.of(false, true)) {
      String memory = system ? "system" : "vram";
      b.requires(
              "xe.%s-peer2peer".formatted(memory),
              ("Imported dynamically with peer-to-peer by another device, a buffer in %s"
                      + " stays there.")
                  .formatted(memory),
              () -> {
                DmaBuf buffer = in(system).mapped(1);
                assertThat(buffer.attachment(1).mapped()).isTrue();
                assertThat(buffer.state.memory().system()).isEqualTo(system);
              })
          .requires(
              "xe.%s-no-peer2peer".formatted(memory),
              "Imported dynamically without peer-to-peer by another device, a buffer in %s is in"
                      .formatted(memory)
                  + " system memory.",
              () -> {
                DmaBuf buffer =
                    in(system).mapped(DmaBuf.PROCESS, ImporterOffer.DYNAMIC.peer2peer(false), 1);
                assertThat(buffer.attachment(1).mapped()).isTrue();
                assertThat(buffer.state.memory().system()).isTrue();
              })
          .requires(
              "xe.%s-static".formatted(memory),
              ("Imported statically by another device, a buffer in %s is in system memory,"
                      + " and does not move while it is mapped.")
                  .formatted(memory),
              () -> {
                DmaBuf buffer =
                    in(system).mapped(DmaBuf.PROCESS, ImporterOffer.DYNAMIC.asStatic(), 1);
                assertThat(buffer.attachment(1).mapped()).isTrue();
                assertThat(buffer.state.memory().system()).isTrue();
                buffer.revoke(RevokeCause.MIGRATION);
                assertThat(buffer.revoking()).isFalse();
                assertThat(buffer.state.memory().system()).isTrue();
              })
          .requires(
              "xe.%s-evicted".formatted(memory),
              ("Evicted while it is imported, a buffer in %s is unmapped by its importer"
                      + " first, and mapped anew afterwards.")
                  .formatted(memory),
              () -> {
                Host host = new Host(ExporterKind.GPU_VRAM, Contract.V7, RevokeCause.EVICTION);
                Importer importer = host.live(Drivers.of("gpu-dynamic"));
                if (system) {
                  host.revokes(LIMIT);
                  host.until(importer::live, LIMIT);
                }
                int maps = importer.maps().size();
                assertThat(host.revokes(LIMIT)).isTrue();
                assertThat(host.until(importer::live, LIMIT)).isTrue();
                assertThat(importer.maps().size()).isGreaterThan(maps);
                assertThat(importer.late()).isEmpty();
              });
    }
    b.notModelled(
        "xe.same-device",
        "Imported by the device that exports it, a buffer is the same object, without an"
            + " attachment.",
        "importers and exporters are different devices here; without an attachment there is nothing"
            + " to revoke");
  }

  /** A GPU's buffer without importers, in VRAM or in system memory. */
  private static DmaBuf in(boolean system) {
    DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, Contract.V7);
    if (system) {
      buffer.revoke(RevokeCause.EVICTION);
    }
    assertThat(buffer.state.memory().system()).isEqualTo(system);
    return buffer;
  }

  private static DmaFence pending() {
    return DmaFence.pending(1, 1);
  }

  private static DmaResv held(FenceUsage usage) {
    return DmaResv.empty().add(pending(), usage);
  }

  /** The fence of {@link OperationCases#withFence} signals. */
  private static DmaBuf signal(DmaBuf buffer) {
    return buffer.progress(
        1, List.of(), List.of(), List.of(new ExporterMessage.Signal(1, 0, Errno.OK)), List.of());
  }

  private static void fence(Section.Builder b) {
    b.from("drivers/dma-buf/st-dma-fence.c")
        .requires(
            "fence.sanitycheck",
            "A fence can be made and signalled.",
            () -> assertThat(pending().signal(Errno.OK).signaled()).isTrue())
        .requires(
            "fence.signaling",
            "A fence is not signalled until it is, and for ever after.",
            () -> {
              assertThat(pending().signaled()).isFalse();
              DmaFence signalled = pending().signal(Errno.OK);
              assertThat(signalled.signaled()).isTrue();
              assertThat(signalled.signal(Errno.ENODEV)).isEqualTo(signalled);
            })
        .requires(
            "fence.add-callback",
            "Who waits when a fence signals is called by it, once.",
            () -> {
              DmaBuf buffer = OperationCases.withFence(FenceUsage.WRITE);
              long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
              assertThat(buffer.answer(call)).isEmpty();
              assertThat(signal(buffer).answer(call)).contains(Errno.OK);
              assertThat(signal(buffer).answer(call)).isEmpty();
            })
        .requires(
            "fence.late-add-callback",
            "Who comes after the signal does not wait, and is told so.",
            () -> {
              DmaBuf buffer = signal(OperationCases.withFence(FenceUsage.WRITE));
              long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
              assertThat(buffer.answer(call)).contains(Errno.OK);
              assertThat(signal(buffer).answer(call)).isEmpty();
            })
        .requires(
            "fence.rm-callback",
            "Who gives up his wait before the signal is not called by it.",
            () -> {
              DmaBuf buffer = OperationCases.withFence(FenceUsage.WRITE);
              long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
              buffer.ask(Operation.END_CPU_ACCESS, 1);
              assertThat(buffer.answer(call)).contains(Errno.ERESTARTSYS);
              assertThat(signal(buffer).answer(call)).isEmpty();
            })
        .requires(
            "fence.late-rm-callback",
            "Who was called cannot give up his wait any more.",
            () -> {
              DmaBuf buffer = OperationCases.withFence(FenceUsage.WRITE);
              long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
              assertThat(signal(buffer).answer(call)).contains(Errno.OK);
              buffer.ask(Operation.END_CPU_ACCESS, 1);
              assertThat(buffer.answer(call)).isEmpty();
            })
        .requires(
            "fence.status",
            "A fence's status is 0 while it is pending, and 1 once it has signalled.",
            () -> {
              assertThat(pending().statusCode()).isZero();
              assertThat(pending().signal(Errno.OK).statusCode()).isEqualTo(1);
            })
        .requires(
            "fence.error",
            "An error that is set is the status once the fence has signalled, and not before; no"
                + " fence has one while it is pending.",
            () -> {
              assertThat(pending().signal(Errno.ENODEV).statusCode())
                  .isEqualTo(-Errno.ENODEV.number());
              assertThat(pending().signal(Errno.ENODEV).signaled()).isTrue();
              assertThatIllegalArgumentException()
                  .isThrownBy(() -> new DmaFence(1, 1, DmaFence.Status.PENDING, Errno.ENODEV));
            })
        .requires(
            "fence.wait",
            "A wait without time for a pending fence returns 0, and for a signalled one more than"
                + " 0.",
            () -> {
              DmaResv resv = held(FenceUsage.KERNEL);
              assertThat(resv.wait(FenceUsage.KERNEL, 5, 5, 0, false).timedOut()).isTrue();
              assertThat(
                      resv.signal(1, 1, Errno.OK).wait(FenceUsage.KERNEL, 5, 5, 0, false).result())
                  .isPositive();
            })
        .requires(
            "fence.wait-timeout",
            "A wait with a timeout goes on until that is over, and then returns 0; signalled"
                + " before,"
                + " it returns what is left, and more than 0 even if nothing is.",
            () -> {
              DmaResv resv = held(FenceUsage.KERNEL);
              assertThat(resv.wait(FenceUsage.KERNEL, 0, 99, 100, false).over()).isFalse();
              assertThat(resv.wait(FenceUsage.KERNEL, 0, 100, 100, false).timedOut()).isTrue();
              DmaResv signalled = resv.signal(1, 1, Errno.OK);
              assertThat(signalled.wait(FenceUsage.KERNEL, 0, 40, 100, false).result())
                  .isEqualTo(60);
              assertThat(signalled.wait(FenceUsage.KERNEL, 0, 500, 100, false).result())
                  .isEqualTo(1);
            })
        .requires(
            "fence.wait-interrupted",
            "A wait that is broken off by a signal returns -ERESTARTSYS.",
            () -> {
              DmaResv.Wait wait = held(FenceUsage.KERNEL).wait(FenceUsage.KERNEL, 0, 1, 100, true);
              assertThat(wait.interrupted()).isTrue();
              assertThat(wait.result()).isEqualTo(-512);
            })
        .requires(
            "fence.stub",
            "A fence that has signalled before it is added makes nobody wait.",
            () ->
                assertThat(
                        DmaResv.empty()
                            .add(pending().signal(Errno.OK), FenceUsage.KERNEL)
                            .signaled(FenceUsage.BOOKKEEP))
                    .isTrue())
        .requires(
            "fence.race-signal-callback",
            "In whichever order a signal and a wait for it come, who waits is called or told that"
                + " he is late: never both, never neither.",
            () -> {
              for (boolean signalFirst : List.of(true, false)) {
                DmaBuf buffer = OperationCases.withFence(FenceUsage.WRITE);
                if (signalFirst) {
                  signal(buffer);
                }
                long call = buffer.ask(Operation.BEGIN_CPU_ACCESS, 1);
                assertThat(buffer.answer(call).isPresent()).isEqualTo(signalFirst);
                assertThat(signal(buffer).answer(call).isPresent()).isEqualTo(!signalFirst);
              }
            })
        .from("drivers/dma-buf/st-dma-fence-chain.c")
        .notModelled(
            "fence-chain",
            "A chain of fences signals in order, can be searched by number, and collects what has"
                + " signalled.",
            "a reservation object here holds fences alone, one for each context and usage; a time"
                + " line's order is the context's sequence number")
        .from("drivers/dma-buf/st-dma-fence-unwrap.c")
        .notModelled(
            "fence-unwrap",
            "Arrays and chains of fences are taken apart, merged, and freed of duplicates.",
            "there are no containers of fences to be taken apart");
  }

  private static void resv(Section.Builder b) {
    b.from("drivers/dma-buf/st-dma-resv.c");
    for (FenceUsage usage : FenceUsage.values()) {
      String u = usage.label();
      b.requires(
              "resv.%s-sanity".formatted(u),
              "A fence can be added as %s and signalled; without fences nobody waits."
                  .formatted(usage),
              () -> {
                assertThat(DmaResv.empty().signaled(usage)).isTrue();
                assertThat(held(usage).signal(1, 1, Errno.OK).signaled(usage)).isTrue();
              })
          .requires(
              "resv.%s-signaling".formatted(u),
              ("With a %s fence the object is not signalled for who waits for it, until the"
                      + " fence is.")
                  .formatted(usage),
              () -> {
                for (FenceUsage waits : FenceUsage.values()) {
                  boolean concerned = usage.compareTo(waits) <= 0;
                  assertThat(held(usage).signaled(waits)).as("%s", waits).isEqualTo(!concerned);
                  assertThat(held(usage).signal(1, 1, Errno.OK).signaled(waits)).isTrue();
                }
              })
          .requires(
              "resv.%s-for-each".formatted(u),
              "An iteration shows the one %s fence, under its usage, and no other."
                  .formatted(usage),
              () -> {
                assertThat(held(usage).fences(usage)).containsExactly(pending());
                assertThat(held(usage).usage(1, 1)).contains(usage);
              })
          .requires(
              "resv.%s-for-each-unlocked".formatted(u),
              "An iteration without the lock shows what was there when it began, whatever"
                  + " becomes of the %s fence meanwhile.".formatted(usage),
              () -> {
                DmaResv resv = held(usage).add(DmaFence.pending(2, 1), usage);
                List<DmaFence> shown = new ArrayList<>();
                DmaResv changed = resv;
                for (DmaFence fence : resv.fences(usage)) {
                  shown.add(fence);
                  changed = changed.signal(2, 1, Errno.OK).add(DmaFence.pending(3, 1), usage);
                }
                assertThat(shown).containsExactly(pending(), DmaFence.pending(2, 1));
                assertThat(changed.pending(usage))
                    .containsExactly(pending(), DmaFence.pending(3, 1));
              })
          .requires(
              "resv.%s-get-fences".formatted(u),
              "All fences that a waiter for %s waits for can be had at once.".formatted(usage),
              () -> {
                DmaResv all = DmaResv.empty();
                int context = 1;
                for (FenceUsage each : FenceUsage.values()) {
                  all = all.add(DmaFence.pending(context++, 1), each);
                }
                int waited = List.of(FenceUsage.values()).indexOf(usage) + 1;
                assertThat(all.pending(usage)).hasSize(waited);
                assertThat(all.signal(1, 1, Errno.OK).fences(usage)).hasSize(waited);
                assertThat(all.signal(1, 1, Errno.OK).pending(usage)).hasSize(waited - 1);
              });
    }
    b.from("drivers/dma-buf/dma-resv.c: dma_resv_add_fence()")
        .requires(
            "resv.promotes",
            "A fence that is added again under a stronger usage is promoted.",
            () ->
                assertThat(
                        held(FenceUsage.BOOKKEEP)
                            .add(pending(), FenceUsage.KERNEL)
                            .signaled(FenceUsage.KERNEL))
                    .isFalse())
        .requires(
            "resv.degrades-never",
            "A fence that is added again under a weaker usage, or a later one of its context, does"
                + " not degrade it.",
            () -> {
              DmaResv resv = held(FenceUsage.KERNEL).add(pending(), FenceUsage.BOOKKEEP);
              assertThat(resv.signaled(FenceUsage.KERNEL)).isFalse();
              assertThat(
                      resv.add(DmaFence.pending(1, 2), FenceUsage.BOOKKEEP)
                          .signaled(FenceUsage.KERNEL))
                  .isFalse();
            })
        .requires(
            "resv.replaces",
            "A later fence of the same context takes the place of an earlier one.",
            () -> {
              DmaResv resv = held(FenceUsage.READ).add(DmaFence.pending(1, 2), FenceUsage.READ);
              assertThat(resv.pending(FenceUsage.READ)).containsExactly(DmaFence.pending(1, 2));
            })
        .requires(
            "resv.several",
            "An importer may hold several fences on one buffer, each signals by itself, and"
                + " a revoke"
                + " waits for the last of them.",
            () -> {
              DmaResv resv =
                  DmaResv.empty()
                      .add(DmaFence.pending(DmaResv.context(7, 0), 1), FenceUsage.WRITE)
                      .add(DmaFence.pending(DmaResv.context(7, 1), 1), FenceUsage.BOOKKEEP);
              DmaResv one = resv.signal(DmaResv.context(7, 0), 1, Errno.OK);
              assertThat(one.signaled(FenceUsage.WRITE)).isTrue();
              assertThat(one.signaled(FenceUsage.BOOKKEEP)).isFalse();
              assertThat(
                      one.signal(DmaResv.context(7, 1), 1, Errno.ENODEV)
                          .signaled(FenceUsage.BOOKKEEP))
                  .isTrue();
            });
  }

  private static void others(Section.Builder b) {
    b.from("rdma-core: tests/test_mr.py, DmaBufMRTest")
        .requires(
            "rdma-core.register-twice",
            "Memory is registered, deregistered, and registered and deregistered again: the second"
                + " time works like the first, and nothing is left.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio();
              for (int key = 1; key <= 2; key++) {
                buffer.attach(DmaBuf.PROCESS, Drivers.of("rdma-pinned-revocable").offer(), key);
                assertThat(buffer.call(Operation.PIN, key)).isEqualTo(Errno.OK);
                assertThat(buffer.call(Operation.MAP, key)).isEqualTo(Errno.OK);
                assertThat(buffer.call(Operation.UNMAP, key)).isEqualTo(Errno.OK);
                assertThat(buffer.call(Operation.UNPIN, key)).isEqualTo(Errno.OK);
                assertThat(buffer.call(Operation.DETACH, key)).isEqualTo(Errno.OK);
              }
              assertThat(buffer.state.attachments()).isEmpty();
              assertThat(buffer.state.pins()).isZero();
            })
        .requires(
            "rdma-core.deregister-twice",
            "A deregistration that is asked for again is answered as it was, and takes nothing of"
                + " anybody else's.",
            () -> {
              DmaBuf buffer = DmaBuf.vfio().mapped(2).attach(1);
              buffer.call(Operation.DETACH, 1);
              assertThat(buffer.repeat(buffer.lastCall(), Operation.DETACH, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.attachment(2).mapped()).isTrue();
            })
        .notModelled(
            "rdma-core.bad-flags",
            "Registering memory with bad access flags fails.",
            "a mapping has no access flags here")
        .from("IGT: tests/prime_vgem.c, fence-*-hang")
        .requires(
            "igt.fence-hang",
            "A fence that never signals hangs a sequence without a bound, and not the one that has"
                + " one.",
            () -> {
              assertThat(silent(Contract.V7)).isFalse();
              assertThat(silent(Contract.ENFORCED)).isTrue();
            })
        .from("IGT: tests/core_hotunplug.c")
        .requires(
            "igt.hotunplug",
            "A device that is unplugged under a live importer ends with everything unmapped and no"
                + " access to what is gone.",
            () -> {
              for (ExporterKind kind : List.of(ExporterKind.VFIO_PCI, ExporterKind.GPU_VRAM)) {
                Host host = new Host(kind, Contract.V7, RevokeCause.HOT_UNPLUG);
                Importer importer = host.live(Drivers.of("gpu-dynamic"));
                assertThat(host.revokes(LIMIT)).as("%s", kind).isTrue();
                host.run(LIMIT);
                assertThat(importer.running()).as("%s", kind).isFalse();
                assertThat(importer.late()).as("%s", kind).isEmpty();
                assertThat(host.slotsInUse()).as("%s", kind).isZero();
              }
            })
        .from("IGT: tests/dmabuf_sync_file.c")
        .notModelled(
            "igt.sync-file",
            "A buffer's fences can be exported as a sync_file, and imported from one.",
            "there are no sync_files: fences do not leave the reservation object");
  }

  private static boolean silent(Contract contract) {
    Host host = Host.vfio(contract);
    host.live(Drivers.of("gpu-dynamic"), Behaviour.SILENT, Duration.ofMillis(200));
    return host.revokes(Duration.ofSeconds(60));
  }
}
