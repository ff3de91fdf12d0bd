package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterOffer;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.exporter.AttachRules;
import dev.dmabufsim.exporter.BufferEffect;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Each exporter's row: its pin op, why it revokes, whom it refuses. */
final class ExporterCases {
  private static final Duration LIMIT = Duration.ofSeconds(1);
  private static final ImporterOffer NO_P2P = ImporterOffer.DYNAMIC.peer2peer(false);

  private ExporterCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("exp");
    vfio(b);
    rdma(b);
    gpu(b);
    plain(b, ExporterKind.SYSTEM_HEAP, "drivers/dma-buf/heaps/system_heap.c");
    plain(b, ExporterKind.UDMABUF, "drivers/dma-buf/udmabuf.c");
    negotiation(b);
    return b.build(
        "Exporters",
        "Each exporter's row: pin, the causes for which it revokes, whom it refuses; and how the"
            + " two sides agree.");
  }

  private static Errno attach(ExporterKind kind, ImporterOffer offer, RevokeCause... causes) {
    return AttachRules.decide(
        kind, AttachRules.forced(kind, List.of(causes)), offer, false, null, true);
  }

  private static void vfio(Section.Builder b) {
    b.from("drivers/vfio/pci/vfio_pci_dmabuf.c")
        .requires(
            "vfio-pci.pin",
            "A BAR has no pin op: pin is 0.",
            () -> assertThat(pin(ExporterKind.VFIO_PCI)).isEqualTo(Errno.OK))
        .requires(
            "vfio-pci.refuses",
            "A BAR refuses who does no peer-to-peer and who cannot be revoked, whatever causes it"
                + " is going to have.",
            () -> {
              for (String kind : Drivers.BUILT_IN) {
                ImporterOffer offer = Drivers.of(kind).offer();
                boolean welcome = offer.peer2peer() && offer.revocable();
                assertThat(attach(ExporterKind.VFIO_PCI, offer))
                    .as(kind)
                    .isEqualTo(welcome ? Errno.OK : Errno.EOPNOTSUPP);
              }
            })
        .requires(
            "vfio-pci.already-revoked",
            "A revoked BAR refuses every attach with ENODEV until it is restored.",
            () -> {
              AttachRace race = new AttachRace();
              race.buffer.revoke();
              race.flagHeard();
              assertThat(race.attach(1)).isEqualTo(Errno.ENODEV);
              race.buffer.restore();
              race.flagHeard();
              assertThat(race.attach(2)).isEqualTo(Errno.OK);
            });
    temporary(b, RevokeCause.RESET, "A function-level reset", false);
    temporary(b, RevokeCause.MEMORY_DISABLED, "Clearing memory-enable", true);
    permanent(b, ExporterKind.VFIO_PCI, RevokeCause.HOT_UNPLUG, "A hot unplug");
    permanent(b, ExporterKind.VFIO_PCI, RevokeCause.LAST_CLOSE, "The last close");
  }

  private static Errno pin(ExporterKind kind) {
    return new DmaBuf(kind, Contract.V7).attach(1).call(Operation.PIN, 1);
  }

  private static void temporary(
      Section.Builder b, RevokeCause cause, String what, boolean unreachable) {
    b.requires(
        "vfio-pci." + cause.label(),
        what
            + " revokes for a time: restored, the BAR can be mapped again"
            + (unreachable
                ? "; meanwhile it decodes nothing, and nobody else gets it before that."
                : "; its memory goes to somebody else at once."),
        () -> {
          DmaBuf buffer = DmaBuf.vfio().mapped(1).revoke(cause).returned(1).unmapped(1);
          assertThat(buffer.effects(BufferEffect.Disown.class))
              .extracting(BufferEffect.Disown::unreachable)
              .containsExactly(unreachable);
          assertThat(buffer.effects(BufferEffect.Complete.class))
              .extracting(BufferEffect.Complete::next)
              .containsExactly(unreachable ? BufferEffect.Next.NOBODY : BufferEffect.Next.TENANT);
          buffer.restore();
          assertThat(buffer.effects(BufferEffect.HandOver.class)).hasSize(unreachable ? 1 : 0);
          assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.OK);
        });
  }

  private static void permanent(
      Section.Builder b, ExporterKind kind, RevokeCause cause, String what) {
    b.requires(
        kind.label() + "." + cause.label(),
        what + " revokes for good: it cannot be restored, and every map is ENODEV from then on.",
        () -> {
          assertThat(kind.causes()).contains(cause);
          DmaBuf buffer = new DmaBuf(kind, Contract.V7).mapped(1);
          buffer.revoke(cause).returned(1).unmapped(1).restore();
          assertThat(buffer.state.dead()).isTrue();
          assertThat(buffer.call(Operation.MAP, 1)).isEqualTo(Errno.ENODEV);
        });
  }

  private static void rdma(Section.Builder b) {
    b.from("drivers/infiniband/core/uverbs_std_types_dmabuf.c")
        .requires(
            "rdma-mmio.pin",
            "Pin is EOPNOTSUPP.",
            () -> assertThat(pin(ExporterKind.RDMA_MMIO)).isEqualTo(Errno.EOPNOTSUPP))
        .requires(
            "rdma-mmio.permanent-only",
            "It revokes for good only.",
            () ->
                assertThat(ExporterKind.RDMA_MMIO.causes())
                    .isNotEmpty()
                    .allMatch(c -> c.after() == RevokeCause.After.DEAD))
        .requires(
            "rdma-mmio.refuses",
            "It refuses who does no peer-to-peer and who cannot be revoked.",
            () -> {
              assertThat(attach(ExporterKind.RDMA_MMIO, NO_P2P)).isEqualTo(Errno.EOPNOTSUPP);
              assertThat(attach(ExporterKind.RDMA_MMIO, Drivers.of("rdma-pinned").offer()))
                  .isEqualTo(Errno.EOPNOTSUPP);
              assertThat(attach(ExporterKind.RDMA_MMIO, ImporterOffer.DYNAMIC)).isEqualTo(Errno.OK);
            });
    permanent(b, ExporterKind.RDMA_MMIO, RevokeCause.CONTEXT_DESTROYED, "A context's destruction");
    permanent(b, ExporterKind.RDMA_MMIO, RevokeCause.DRIVER_REMOVED, "A driver's removal");
  }

  private static DmaBuf vram() {
    return new DmaBuf(ExporterKind.GPU_VRAM, Contract.V7);
  }

  private static void gpu(Section.Builder b) {
    b.from("drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.c: amdgpu_dma_buf_pin()")
        .requires(
            "gpu-vram.pins-in-vram",
            "It is pinned in VRAM if every attachment does peer-to-peer, and then does not move.",
            () -> {
              DmaBuf buffer = vram().attach(1);
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.memory().system()).isFalse();
              buffer.revoke(RevokeCause.EVICTION);
              assertThat(buffer.notes(HistoryEvent.MoveRefused.class)).hasSize(1);
              assertThat(buffer.state.memory().system()).isFalse();
            })
        .requires(
            "gpu-vram.not-in-vram",
            "As soon as an attachment does no peer-to-peer it is moved to system memory, and is"
                + " pinned there.",
            () -> {
              DmaBuf buffer = vram().attach(1).attach(DmaBuf.PROCESS, NO_P2P, 2);
              buffer.returned(1, 2);
              assertThat(buffer.state.memory().system()).isTrue();
              assertThat(buffer.call(Operation.PIN, 1)).isEqualTo(Errno.OK);
              assertThat(buffer.state.memory().system()).isTrue();
            })
        .requires(
            "gpu-vram.pinned-in-vram-unreachable",
            "If it is pinned in VRAM when one attaches who does no peer-to-peer, it stays, and that"
                + " one's map is refused and refused again until the pin is gone.",
            () -> {
              DmaBuf buffer = vram().attach(1);
              buffer.call(Operation.PIN, 1);
              buffer.attach(DmaBuf.PROCESS, NO_P2P, 2);
              assertThat(buffer.state.memory().system()).isFalse();
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.EBUSY);
              buffer.call(Operation.UNPIN, 1);
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.EBUSY);
              buffer.returned(1, 2);
              assertThat(buffer.call(Operation.MAP, 2)).isEqualTo(Errno.OK);
              assertThat(buffer.state.memory().system()).isTrue();
            })
        .from("drivers/gpu/drm/ttm: ttm_bo_evict(), ttm_bo_handle_move_mem()")
        .requires(
            "gpu-vram.eviction",
            "An eviction moves it from VRAM to system memory, its content with it; importers are"
                + " told, and map again there.",
            () -> {
              Host host = new Host(ExporterKind.GPU_VRAM, Contract.V7, RevokeCause.EVICTION);
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              long content = host.buffer.memory().content();
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(host.buffer.memory().system()).isTrue();
              assertThat(host.buffer.memory().content()).isEqualTo(content);
              assertThat(host.until(importer::live, LIMIT)).isTrue();
              host.run(LIMIT);
              assertThat(importer.late()).isEmpty();
            })
        .requires(
            "gpu-vram.migration",
            "A migration moves it back to VRAM, unless an attachment needs it in system memory.",
            () -> {
              Host host = new Host(ExporterKind.GPU_VRAM, Contract.V7, RevokeCause.EVICTION);
              host.live(Drivers.of("gpu-dynamic"));
              assertThat(host.revokes(LIMIT)).isTrue();
              host.run(LIMIT).revoke(RevokeCause.MIGRATION).run(LIMIT);
              assertThat(host.buffer.memory().system()).isFalse();
              host.live(Drivers.of("virtio-gpu"));
              assertThat(host.buffer.memory().system()).isTrue();
              host.revoke(RevokeCause.MIGRATION).run(LIMIT);
              assertThat(host.buffer.memory().system()).isTrue();
            })
        .requires(
            "gpu-vram.moves-under-load",
            "Moved over and over under importers that use it all the time, none of them ever"
                + " reaches"
                + " memory that is not the buffer's.",
            () -> {
              for (Contract contract : List.of(Contract.V7, Contract.ENFORCED)) {
                Host host = new Host(ExporterKind.GPU_VRAM, contract, RevokeCause.EVICTION);
                List<Importer> importers =
                    List.of(
                        host.live(Drivers.of("gpu-dynamic")), host.live(Drivers.of("rdma-odp")));
                for (int i = 0; i < 20; i++) {
                  assertThat(host.revokes(LIMIT)).as("%s", contract).isTrue();
                  host.run(Duration.ofMillis(37));
                }
                for (Importer importer : importers) {
                  assertThat(importer.late()).as("%s %s", contract, importer).isEmpty();
                  assertThat(importer.maps()).as("%s", importer).hasSizeGreaterThan(10);
                }
              }
            });
    permanent(b, ExporterKind.GPU_VRAM, RevokeCause.HOT_UNPLUG, "A hot unplug");
  }

  private static void plain(Section.Builder b, ExporterKind kind, String source) {
    String k = kind.label();
    b.from(source)
        .requires(
            k + ".pin",
            "A %s has no pin op: pin is 0.".formatted(k),
            () -> assertThat(pin(kind)).isEqualTo(Errno.OK))
        .requires(
            k + ".never-revokes",
            "A %s never revokes.".formatted(k),
            () -> assertThat(kind.causes()).isEmpty())
        .requires(
            k + ".welcomes",
            "A %s welcomes every importer that maps, also one that could not be revoked."
                .formatted(k),
            () -> {
              for (String importer : Drivers.BUILT_IN) {
                assertThat(attach(kind, Drivers.of(importer).offer()))
                    .as(importer)
                    .isEqualTo(Errno.OK);
              }
            });
  }

  private static void negotiation(Section.Builder b) {
    b.from("drivers/dma-buf/dma-buf.c: dma_buf_attach_revocable()")
        .requires(
            "negotiation.exporter-asks",
            "It is the exporter that asks, in its attach op: importer_ops present, and the callback"
                + " present.",
            () -> {
              assertThat(ImporterOffer.DYNAMIC.revocable()).isTrue();
              assertThat(ImporterOffer.DYNAMIC.invalidateMappings(false).revocable()).isFalse();
              assertThat(ImporterOffer.DYNAMIC.asStatic().revocable()).isFalse();
              assertThat(new ImporterOffer(false, true, true, false, false).revocable()).isFalse();
            })
        .requires(
            "negotiation.unforced",
            "An exporter that takes nothing back by force does not ask: one that only moves lets"
                + " everybody attach, and waits for who cannot be told.",
            () -> {
              ImporterOffer pinned = Drivers.of("rdma-pinned").offer();
              assertThat(attach(ExporterKind.GPU_VRAM, pinned, RevokeCause.EVICTION))
                  .isEqualTo(Errno.OK);
              assertThat(
                      attach(
                          ExporterKind.GPU_VRAM,
                          pinned,
                          RevokeCause.EVICTION,
                          RevokeCause.HOT_UNPLUG))
                  .isEqualTo(Errno.EOPNOTSUPP);
            })
        .requires(
            "negotiation.order",
            "Peer-to-peer is asked for first, reachability next, the flag then, revocability last.",
            () -> {
              ImporterOffer neither = ImporterOffer.DYNAMIC.asStatic();
              assertThat(decide(neither, true, Errno.EBUSY)).isEqualTo(Errno.EOPNOTSUPP);
              ImporterOffer p2p = ImporterOffer.DYNAMIC.invalidateMappings(false);
              assertThat(decide(p2p, true, Errno.EBUSY)).isEqualTo(Errno.EBUSY);
              assertThat(decide(p2p, true, null)).isEqualTo(Errno.ENODEV);
              assertThat(decide(p2p, false, null)).isEqualTo(Errno.EOPNOTSUPP);
            })
        .requires(
            "negotiation.every-pair",
            "Every importer meets every exporter as the two tables have it: refused where it has to"
                + " be, and live everywhere else.",
            () -> {
              for (ExporterKind exporter : ExporterKind.values()) {
                for (String importer : Drivers.BUILT_IN) {
                  everyPair(exporter, Drivers.of(importer));
                }
              }
            })
        .requires(
            "negotiation.ras",
            "An exporter that revokes only on hardware errors does not ask, and accepts to wait"
                + " without bound: as merged for who cannot be told; enforced waits for nobody"
                + " beyond its deadline.",
            () -> {
              assertThat(
                      attach(
                          ExporterKind.GPU_VRAM,
                          Drivers.of("rdma-pinned").offer(),
                          RevokeCause.MIGRATION,
                          RevokeCause.RAS_ERROR))
                  .isEqualTo(Errno.OK);
              Host v7 = new Host(ExporterKind.GPU_VRAM, Contract.V7, RevokeCause.RAS_ERROR);
              v7.live(Drivers.of("rdma-pinned"));
              assertThat(v7.revokes(Duration.ofSeconds(60))).isFalse();
              Host enforced =
                  new Host(ExporterKind.GPU_VRAM, Contract.ENFORCED, RevokeCause.RAS_ERROR);
              Importer importer = enforced.live(Drivers.of("rdma-pinned"));
              assertThat(enforced.revokes(LIMIT)).isTrue();
              enforced.run(LIMIT);
              assertThat(importer.late()).doesNotContainKey(LateAccess.UAF);
            });
  }

  private static Errno decide(ImporterOffer offer, boolean revoked, @Nullable Errno unreachable) {
    return AttachRules.decide(ExporterKind.VFIO_PCI, true, offer, revoked, unreachable, true);
  }

  private static void everyPair(ExporterKind exporter, ImporterDriver driver) {
    RevokeCause cause =
        exporter.causes().isEmpty() ? RevokeCause.MIGRATION : exporter.causes().getFirst();
    Host host = new Host(exporter, Contract.V7, cause);
    Importer importer = host.importer(driver, Behaviour.HONEST, Duration.ofMillis(200));
    host.run(LIMIT);
    ImporterOffer offer = driver.offer();
    boolean bar = exporter == ExporterKind.VFIO_PCI || exporter == ExporterKind.RDMA_MMIO;
    boolean refused =
        (bar && (!offer.peer2peer() || !offer.revocable()))
            // No pin op that succeeds, and nobody who hands out addresses without a map.
            || (exporter == ExporterKind.RDMA_MMIO && offer.pins())
            || (exporter != ExporterKind.VFIO_PCI && offer.iommufdMap());
    assertThat(importer.refused()).as("%s at %s", importer, exporter).isEqualTo(refused);
    assertThat(importer.live()).as("%s at %s", importer, exporter).isEqualTo(!refused);
    assertThat(importer.late()).as("%s at %s", importer, exporter).isEmpty();
  }
}
