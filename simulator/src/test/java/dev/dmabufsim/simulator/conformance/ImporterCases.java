package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.FenceUsage;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.driver.Invalidation;
import dev.dmabufsim.common.driver.Reaction;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.exporter.AttachRules;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/** Each importer's row: whether it does peer-to-peer, whether it pins, what it does when told. */
final class ImporterCases {
  private static final Duration LIMIT = Duration.ofSeconds(1);

  /** A row of the table of importers, as the contract has it. */
  private record Row(String kind, boolean peer2peer, Pins pins, boolean told, String source) {}

  private enum Pins {
    YES,
    NO,
    ON_MAP
  }

  private static final List<Row> ROWS =
      List.of(
          new Row(
              "gpu-dynamic",
              true,
              Pins.NO,
              true,
              "drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.c: amdgpu_dma_buf_move_notify();"
                  + " drivers/gpu/drm/xe/xe_dma_buf.c"),
          new Row(
              "rdma-odp",
              true,
              Pins.NO,
              true,
              "drivers/infiniband/hw/mlx5/mr.c: mlx5_ib_dmabuf_invalidate_cb()"),
          new Row(
              "rdma-pinned-revocable",
              true,
              Pins.YES,
              true,
              "drivers/infiniband/core/umem_dmabuf.c:"
                  + " ib_umem_dmabuf_get_pinned_revocable_and_lock()"),
          new Row(
              "rdma-pinned",
              true,
              Pins.YES,
              false,
              "drivers/infiniband/core/umem_dmabuf.c: ib_umem_dmabuf_get_pinned()"),
          new Row(
              "iommufd",
              true,
              Pins.YES,
              true,
              "drivers/iommu/iommufd/pages.c: iopt_revoke_notify()"),
          new Row(
              "virtio-gpu",
              false,
              Pins.NO,
              true,
              "drivers/gpu/drm/virtio/virtgpu_prime.c: virtgpu_dma_buf_move_notify()"),
          new Row(
              "scanout",
              false,
              Pins.YES,
              true,
              "drivers/gpu/drm/drm_prime.c; cross-device display"),
          new Row(
              "static", false, Pins.ON_MAP, false, "drivers/dma-buf/dma-buf.c: dma_buf_attach()"));

  private ImporterCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("imp");
    for (Row row : ROWS) {
      b.from(row.source());
      columns(b, row);
      switch (row.kind()) {
        case "gpu-dynamic" -> gpuDynamic(b);
        case "rdma-odp" -> rdmaOdp(b);
        case "rdma-pinned-revocable" -> rdmaPinnedRevocable(b);
        case "rdma-pinned" -> rdmaPinned(b);
        case "iommufd" -> iommufd(b);
        case "virtio-gpu" -> virtioGpu(b);
        case "scanout" -> scanout(b);
        case "static" -> staticAttach(b);
        default -> throw new AssertionError(row.kind());
      }
    }
    return b.build(
        "Importers", "Each importer's row: peer-to-peer, pin, and what it does when it is told.");
  }

  private static ImporterOffer offer(String kind) {
    return Drivers.of(kind).offer();
  }

  private static void columns(Section.Builder b, Row row) {
    String kind = row.kind();
    b.requires(
        kind + ".peer2peer",
        row.peer2peer()
            ? "A %s does peer-to-peer: it may attach to a BAR as far as that goes.".formatted(kind)
            : "A %s does no peer-to-peer: a BAR refuses it with EOPNOTSUPP.".formatted(kind),
        () -> {
          assertThat(offer(kind).peer2peer()).isEqualTo(row.peer2peer());
          assertThat(
                  AttachRules.decide(ExporterKind.VFIO_PCI, false, offer(kind), false, null, true))
              .isEqualTo(row.peer2peer() ? Errno.OK : Errno.EOPNOTSUPP);
        });
    switch (row.pins()) {
      case YES, NO -> {
        boolean pins = row.pins() == Pins.YES;
        b.requires(
            kind + ".pins",
            "A %s %s before it maps.".formatted(kind, pins ? "pins" : "does not pin"),
            () -> {
              Host host = unforced(offer(kind));
              host.live(Drivers.of(kind));
              assertThat(host.buffer.pins()).isEqualTo(pins ? 1 : 0);
            });
      }
      case ON_MAP ->
          b.requires(
              kind + ".pins",
              "A %s does not call pin; while it is mapped the memory does not move all the same."
                  .formatted(kind),
              () -> {
                Host host = new Host(ExporterKind.GPU_VRAM, Contract.V7, RevokeCause.MIGRATION);
                Importer importer = host.live(Drivers.of(kind));
                host.run(LIMIT);
                assertThat(host.buffer.pins()).isZero();
                int moves = host.revoked.size();
                host.revoke().run(LIMIT);
                assertThat(host.revoked).hasSize(moves);
                assertThat(host.notes).anyMatch(HistoryEvent.MoveRefused.class::isInstance);
                importer.ends();
                host.run(LIMIT);
                assertThat(host.revokes(LIMIT)).isTrue();
              });
    }
    b.requires(
        kind + ".revocable",
        row.told()
            ? "A %s has the callback: it is told, and an exporter that revokes lets it attach."
                .formatted(kind)
            : "A %s is never told, and an exporter that revokes refuses it at attach."
                .formatted(kind),
        () -> {
          assertThat(offer(kind).revocable()).isEqualTo(row.told());
          Host host = Host.meeting(Drivers.of(kind), Contract.V7);
          Importer importer =
              host.importer(Drivers.of(kind), Behaviour.HONEST, Duration.ofMillis(200));
          host.run(LIMIT);
          assertThat(importer.live()).isEqualTo(row.told());
          assertThat(importer.refused()).isEqualTo(!row.told());
          if (row.told()) {
            host.revoke().run(LIMIT);
            assertThat(importer.told()).isNotEmpty();
          }
        });
  }

  /** An exporter that never revokes, which lets everybody attach. */
  private static Host unforced(ImporterOffer offer) {
    // iommufd takes addresses of a BAR alone.
    return offer.iommufdMap()
        ? Host.vfio(Contract.V7)
        : new Host(ExporterKind.SYSTEM_HEAP, Contract.V7, RevokeCause.MIGRATION);
  }

  private static Reaction reaction(String kind, long nowNanos) {
    return Drivers.of(kind)
        .onInvalidate(new Invalidation("device", 1, 1, 1, nowNanos), new Random(1));
  }

  private static void gpuDynamic(Section.Builder b) {
    b.requires(
            "gpu-dynamic.pipelined",
            "Its jobs and its page-table update go on behind fences, a WRITE one and a BOOKKEEP one"
                + " that signals last; it unmaps after them.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(importer.told().getFirst().fences())
                  .extracting(f -> f.usage())
                  .containsExactly(FenceUsage.WRITE, FenceUsage.BOOKKEEP);
              // Asked again meanwhile, it says again what it has said.
              List<Integer> order =
                  importer.told().stream()
                      .flatMap(p -> p.signalled().stream())
                      .map(s -> s.index())
                      .distinct()
                      .toList();
              assertThat(order).containsExactly(0, 1);
              assertThat(importer.told().getLast().unmapped()).isTrue();
              assertThat(importer.told().getFirst().unmapped()).isFalse();
            })
        .requires(
            "gpu-dynamic.maps-again",
            "It stays attached and maps again at its next use.",
            () -> mapsAgainUnderTheSameId("gpu-dynamic"))
        .requires(
            "gpu-dynamic.trylock",
            "amdgpu skips a VM whose lock it cannot take, which stays mapped: of two VMs, each an"
                + " attachment here, the one follows this row and the other keeps the buffer from"
                + " being free.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer follows = host.live(Drivers.of("gpu-dynamic"));
              Importer skipped = host.live(Drivers.SKIPPED_VM);
              assertThat(host.revokes(LIMIT)).isFalse();
              assertThat(follows.told().getLast().unmapped()).isTrue();
              assertThat(host.buffer.attachments().get(skipped.id()).mapped()).isTrue();
              assertThat(skipped.use()).isEqualTo(Importer.Use.LIVE);
            });
  }

  private static void mapsAgainUnderTheSameId(String kind) {
    Host host = Host.vfio(Contract.V7);
    Importer importer = host.live(Drivers.of(kind));
    int id = importer.id();
    assertThat(host.revokes(LIMIT)).isTrue();
    host.restore();
    assertThat(host.until(importer::live, LIMIT)).isTrue();
    assertThat(importer.id()).isEqualTo(id);
  }

  private static void rdmaOdp(Section.Builder b) {
    b.requires(
            "rdma-odp.synchronous",
            "It zaps and unmaps within the callback, without any fence.",
            () -> unmapsWithinTheCallback("rdma-odp"))
        .requires(
            "rdma-odp.faults-again",
            "Its next access faults and maps again: refused while the memory is revoked, and"
                + " granted afterwards, under the same attachment.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("rdma-odp"));
              int id = importer.id();
              assertThat(host.revokes(LIMIT)).isTrue();
              host.run(Duration.ofMillis(50));
              assertThat(importer.maps()).startsWith(Errno.OK, Errno.ENODEV);
              host.restore();
              assertThat(host.until(importer::live, LIMIT)).isTrue();
              assertThat(importer.id()).isEqualTo(id);
            });
  }

  private static void unmapsWithinTheCallback(String kind) {
    Host host = Host.vfio(Contract.V7);
    Importer importer = host.live(Drivers.of(kind));
    assertThat(host.revokes(LIMIT)).isTrue();
    assertThat(importer.told().getFirst())
        .satisfies(p -> {
          assertThat(p.returned()).isTrue();
          assertThat(p.unmapped()).isTrue();
          assertThat(p.fences()).isEmpty();
        });
  }

  private static void rdmaPinnedRevocable(Section.Builder b) {
    b.requires(
            "rdma-pinned-revocable.once",
            "It revokes its key, unmaps and unpins, once and for good.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("rdma-pinned-revocable"));
              assertThat(host.revokes(LIMIT)).isTrue();
              unmapped(importer);
              assertThat(host.until(() -> host.buffer.attachments().isEmpty(), LIMIT)).isTrue();
              assertThat(host.buffer.pins()).isZero();
              assertThat(host.illegalCalls()).isZero();
            })
        .requires(
            "rdma-pinned-revocable.key-not-reused",
            "Its key is not used again until it is deregistered: the old attachment is off the list"
                + " before a new one is made, under another number.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("rdma-pinned-revocable"));
              int key = importer.id();
              assertThat(host.hold(Host.Wire.CALL).revokes(LIMIT)).isTrue();
              host.restore().run(LIMIT);
              // Unpin and detach are under way: nothing new until they are answered.
              assertThat(importer.ids()).containsExactly(key);
              assertThat(host.buffer.attachments()).containsOnlyKeys(key);
              host.release(Host.Wire.CALL);
              assertThat(host.until(importer::live, LIMIT)).isTrue();
              assertThat(importer.ids()).hasSize(2).doesNotHaveDuplicates();
              assertThat(host.buffer.attachments()).doesNotContainKey(key);
            });
  }

  private static void unmapped(Importer importer) {
    assertThat(importer.told().getFirst().unmapped()).isTrue();
  }

  private static void rdmaPinned(Section.Builder b) {
    b.requires(
        "rdma-pinned.welcome",
        "An exporter that never takes anything back lets it attach, and it does DMA.",
        () -> {
          Host host = new Host(ExporterKind.SYSTEM_HEAP, Contract.V7, RevokeCause.MIGRATION);
          Importer importer = host.live(Drivers.of("rdma-pinned"));
          host.run(LIMIT);
          assertThat(importer.live()).isTrue();
          assertThat(importer.late()).isEmpty();
        });
  }

  private static void iommufd(Section.Builder b) {
    b.requires(
            "iommufd.in-callback",
            "It unmaps every domain within the callback.",
            () -> unmapsWithinTheCallback("iommufd"))
        .requires(
            "iommufd.no-map",
            "It holds addresses without calling map.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer = host.live(Drivers.of("iommufd"));
              assertThat(
                      host.notes.stream()
                          .filter(HistoryEvent.Operated.class::isInstance)
                          .map(n -> ((HistoryEvent.Operated) n).operation().name()))
                  .contains("IOMMUFD_MAP")
                  .doesNotContain("MAP");
              assertThat(importer.running()).isTrue();
            })
        .requires(
            "iommufd.count-misses",
            "A count of unmaps misses it: v7 completes while it holds its addresses still.",
            () -> {
              Host host = Host.vfio(Contract.V7);
              Importer importer =
                  host.live(Drivers.of("iommufd"), Behaviour.NEVER_UNMAPS, Duration.ZERO);
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(host.last().outcome()).isEqualTo(RevokeOutcome.ASSUMED);
              assertThat(importer.running()).isTrue();
            });
  }

  private static void virtioGpu(Section.Builder b) {
    b.requires(
        "virtio-gpu.detaches-backing",
        "It has its host detach the backing, behind one fence, and unmaps when that has signalled.",
        () -> {
          Reaction reaction = reaction("virtio-gpu", 0);
          assertThat(reaction.fences())
              .singleElement()
              .satisfies(f -> assertThat(f.trigger()).isEqualTo(Reaction.Trigger.ENGINE_STOPPED));
          Host host = Host.meeting(Drivers.of("virtio-gpu"), Contract.V7);
          Importer importer = host.live(Drivers.of("virtio-gpu"));
          assertThat(host.revokes(LIMIT)).isTrue();
          assertThat(importer.told()).hasSizeGreaterThanOrEqualTo(2);
          assertThat(importer.told().getFirst().unmapped()).isFalse();
          assertThat(importer.told().getFirst().fences()).hasSize(1);
          assertThat(importer.told().getLast().unmapped()).isTrue();
          assertThat(importer.state().phase()).isNotEqualTo(Phase.LIVE);
        });
  }

  private static void scanout(Section.Builder b) {
    b.requires(
            "scanout.vertical-blank",
            "It stops at the next vertical blank and not before, whenever in a frame it is told.",
            () -> {
              long frame = 16_666_667;
              for (long at : new long[] {0, 1, frame / 2, frame - 1, frame, -frame / 2}) {
                Duration stops = reaction("scanout", at).engineStops();
                assertThat(Math.floorMod(at + stops.toNanos(), frame)).as("%d", at).isZero();
                assertThat(stops).as("%d", at).isPositive();
                assertThat(stops.toNanos()).as("%d", at).isLessThanOrEqualTo(frame);
              }
            })
        .requires(
            "scanout.waited-for",
            "The exporter waits until the blank, and the display reads the buffer until then.",
            () -> {
              ImporterDriver driver = Drivers.of("scanout");
              Host host = Host.meeting(driver, Contract.V7);
              Importer importer = host.live(driver);
              long told = host.now();
              assertThat(host.revokes(LIMIT)).isTrue();
              long frame = 16_666_667;
              long untilBlank = frame - Math.floorMod(told + 10_000, frame);
              assertThat(host.last().took().toNanos())
                  .isGreaterThanOrEqualTo(untilBlank)
                  .isLessThan(untilBlank + 1_000_000);
              assertThat(importer.late()).isEmpty();
            })
        .requires(
            "scanout.reads",
            "It only reads.",
            () -> assertThat(Drivers.of("scanout").writes()).isFalse());
  }

  private static void staticAttach(Section.Builder b) {
    b.requires(
        "static.never-told",
        "Of a revoke it is never told: it stays mapped, and where nothing enforces the sequence it"
            + " is waited for until it unmaps by itself.",
        () -> {
          DmaBuf buffer = new DmaBuf(ExporterKind.GPU_VRAM, Contract.V7);
          buffer.mapped(DmaBuf.PROCESS, offer("static").peer2peer(true), 1);
          buffer.revoke(RevokeCause.HOT_UNPLUG);
          assertThat(buffer.invalidated()).isEmpty();
          buffer.after(DmaBuf.RETRY);
          assertThat(buffer.invalidated()).isEmpty();
          assertThat(buffer.revoking()).isTrue();
          buffer.call(Operation.UNMAP, 1);
          assertThat(buffer.revoking()).isFalse();
        });
  }
}
