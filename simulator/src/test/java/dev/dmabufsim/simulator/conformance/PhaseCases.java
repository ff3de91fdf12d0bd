package dev.dmabufsim.simulator.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.importer.AttachmentEffect.Progress;
import dev.dmabufsim.importer.AttachmentState.Phase;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** What an importer may do, phase by phase, and what each that breaks a phase is seen to do. */
final class PhaseCases {
  private static final Duration LIMIT = Duration.ofSeconds(1);

  /** Those whose engine goes on when their callback has returned. */
  private static final List<String> PIPELINED = List.of("gpu-dynamic", "virtio-gpu", "scanout");

  /** Those who do everything in their callback. */
  private static final List<String> AT_ONCE =
      List.of("rdma-odp", "rdma-pinned-revocable", "iommufd");

  private PhaseCases() {}

  static Section section() {
    Section.Builder b = new Section.Builder("phase");
    b.from(
        "Documentation/driver-api/dma-buf.rst, and the kernel-doc of invalidate_mappings() in"
            + " include/linux/dma-buf.h");
    live(b);
    invalidated(b);
    fenced(b);
    drained(b);
    afterwards(b);
    return b.build(
        "Phases",
        "What an importer may do from map to unmap; each phase for every importer that has it, and"
            + " each way to break one.");
  }

  private static Host meeting(String kind) {
    return Host.meeting(Drivers.of(kind), Contract.V7);
  }

  private static void live(Section.Builder b) {
    b.requires(
        "live",
        "From its map on an importer reads and writes, and what it touches is the buffer's.",
        () -> {
          for (ImporterDriver driver : Drivers.revocable()) {
            Host host = meeting(driver.kind());
            Importer importer = host.live(driver);
            host.run(Duration.ofMillis(20));
            assertThat(importer.running()).as("%s", importer).isTrue();
            assertThat(importer.use()).as("%s", importer).isEqualTo(Importer.Use.LIVE);
            assertThat(importer.late()).as("%s", importer).isEmpty();
          }
        });
  }

  private static void invalidated(Section.Builder b) {
    for (String kind : PIPELINED) {
      b.requires(
          "invalidated." + kind,
          ("When the callback of a %s has returned its engine still reads and writes, and"
                  + " none of its fences has signalled.")
              .formatted(kind),
          () -> {
            Host host = meeting(kind);
            Importer importer = host.live(Drivers.of(kind));
            host.revoke();
            assertThat(host.until(() -> returned(importer), LIMIT)).isTrue();
            assertThat(importer.use()).isEqualTo(Importer.Use.LIVE);
            assertThat(importer.told().getLast().signalled()).isEmpty();
            assertThat(host.buffer.revoke()).isNotNull();
          });
    }
    for (String kind : AT_ONCE) {
      b.requires(
          "invalidated." + kind,
          "When the callback of a %s has returned its engine has stopped, and it has unmapped."
              .formatted(kind),
          () -> {
            Host host = meeting(kind);
            Importer importer = host.live(Drivers.of(kind));
            host.revoke();
            assertThat(host.until(() -> returned(importer), LIMIT)).isTrue();
            assertThat(importer.use()).isEqualTo(Importer.Use.GONE);
            assertThat(importer.told().getLast().unmapped()).isTrue();
          });
    }
    b.requires(
        "invalidated.fence-waits-for-engine",
        "An honest fence signals when the engine has stopped and not when it was to: an engine that"
            + " is late keeps its fence pending.",
        () -> {
          for (String kind : PIPELINED) {
            Host host = meeting(kind);
            Importer importer = host.live(Drivers.of(kind));
            host.hold(Host.Wire.ENGINE).revoke().run(Duration.ofSeconds(1));
            assertThat(signals(importer)).as(kind).isZero();
            assertThat(host.buffer.revoke()).as(kind).isNotNull();
            host.release(Host.Wire.ENGINE);
            assertThat(host.until(() -> host.buffer.revoke() == null, LIMIT)).as(kind).isTrue();
            assertThat(importer.signalledWhileLive()).as(kind).isFalse();
            assertThat(importer.late()).as(kind).isEmpty();
          }
        });
    b.requires(
        "invalidated.callback-waits-for-engine",
        "A callback that stops the engine itself does not return before it has stopped.",
        () -> {
          for (String kind : AT_ONCE) {
            Host host = meeting(kind);
            Importer importer = host.live(Drivers.of(kind));
            host.hold(Host.Wire.ENGINE).revoke().run(Duration.ofSeconds(1));
            assertThat(returned(importer)).as(kind).isFalse();
            host.release(Host.Wire.ENGINE);
            assertThat(host.until(() -> returned(importer), LIMIT)).as(kind).isTrue();
          }
        });
  }

  private static boolean returned(Importer importer) {
    return importer.told().stream().anyMatch(Progress::returned);
  }

  private static long signals(Importer importer) {
    return importer.told().stream().mapToLong(p -> p.signalled().size()).sum();
  }

  private static void fenced(Section.Builder b) {
    b.requires(
            "fenced.no-write",
            "When the last of its fences has signalled no honest importer writes.",
            () -> {
              for (ImporterDriver driver : Drivers.revocable()) {
                Host host = meeting(driver.kind());
                Importer importer = host.live(driver);
                assertThat(host.revokes(LIMIT)).as("%s", importer).isTrue();
                host.run(Duration.ofMillis(200));
                assertThat(importer.broken()).as("%s", importer).isEmpty();
                assertThat(importer.signalledWhileLive()).as("%s", importer).isFalse();
              }
            })
        .requires(
            "fenced.speculative-reads",
            "Between fences and unmap a gpu-dynamic reads still, and that is allowed: nothing is"
                + " broken.",
            () -> {
              Host host = meeting("gpu-dynamic");
              Importer importer = host.live(Drivers.of("gpu-dynamic"));
              host.revoke();
              assertThat(
                      host.until(() -> importer.told().stream().anyMatch(Progress::fenced), LIMIT))
                  .isTrue();
              assertThat(importer.use()).isEqualTo(Importer.Use.FENCED);
              assertThat(importer.running()).isTrue();
              assertThat(host.buffer.revoke()).isNotNull();
              assertThat(importer.broken()).isEmpty();
            })
        .requires(
            "fenced.write-is-seen",
            "An importer that writes after its fences is seen to break the phase.",
            () -> assertThat(broken(Behaviour.WRITES_AFTER_FENCE)).contains(Importer.Use.FENCED))
        .requires(
            "fenced.lie-is-seen",
            "An importer whose fences signal while its engine goes on is seen to break the phase.",
            () -> assertThat(broken(Behaviour.LYING)).contains(Importer.Use.FENCED));
  }

  private static Set<Importer.Use> broken(Behaviour behaviour) {
    Host host = meeting("gpu-dynamic");
    Importer importer = host.live(Drivers.of("gpu-dynamic"), behaviour, Drivers.overrun(behaviour));
    host.revoke().run(Duration.ofSeconds(1));
    return importer.broken();
  }

  private static void drained(Section.Builder b) {
    b.requires(
            "drained.nothing",
            "After its unmap no honest importer touches the memory.",
            () -> {
              for (ImporterDriver driver : Drivers.revocable()) {
                Host host = meeting(driver.kind());
                Importer importer = host.live(driver);
                host.revoke();
                assertThat(
                        host.until(
                            () -> importer.told().stream().anyMatch(Progress::unmapped), LIMIT))
                    .as("%s", importer)
                    .isTrue();
                assertThat(importer.use()).as("%s", importer).isEqualTo(Importer.Use.GONE);
                host.run(LIMIT);
                assertThat(importer.late()).as("%s", importer).isEmpty();
              }
            })
        .requires(
            "drained.bounded",
            "Every honest importer unmaps within 200 ms.",
            () -> {
              for (ImporterDriver driver : Drivers.revocable()) {
                Host host = meeting(driver.kind());
                Importer importer = host.live(driver);
                host.revoke();
                assertThat(
                        host.until(
                            () -> importer.told().stream().anyMatch(Progress::unmapped),
                            Duration.ofMillis(200)))
                    .as("%s", importer)
                    .isTrue();
              }
            })
        .requires(
            "drained.old-address-is-seen",
            "An importer that uses its address after the unmap is seen to, and where the IOMMU"
                + " stands between it gets a fault.",
            () -> {
              assertThat(broken(Behaviour.KEEPS_ADDRESS)).contains(Importer.Use.OLD_ADDRESS);
              Host host = Host.vfio(Contract.ENFORCED);
              Importer importer =
                  host.live(
                      Drivers.of("gpu-dynamic"), Behaviour.KEEPS_ADDRESS, Duration.ofMillis(300));
              host.revokes(LIMIT);
              host.run(LIMIT);
              assertThat(importer.late()).containsOnlyKeys(LateAccess.IOMMU_FAULT);
            })
        .requires(
            "drained.old-translation-is-seen",
            "An importer that skips its IOTLB flush uses its translation after the unmap, and is"
                + " seen to.",
            () ->
                assertThat(broken(Behaviour.SKIPS_IOTLB_FLUSH))
                    .contains(Importer.Use.OLD_TRANSLATION))
        .requires(
            "drained.owner-known",
            "Whose memory a late access has run into stands in the memory itself.",
            SharedMemoryCases::theOwnerIsKnownToWhoComesLate);
  }

  private static void afterwards(Section.Builder b) {
    b.requires(
            "then.live-again",
            "When a temporary revoke is lifted each importer maps anew by itself, and is live in"
                + " the memory that was given.",
            () -> {
              for (String kind :
                  List.of("gpu-dynamic", "rdma-odp", "rdma-pinned-revocable", "iommufd")) {
                Host host = meeting(kind);
                Importer importer = host.live(Drivers.of(kind));
                assertThat(host.revokes(LIMIT)).as(kind).isTrue();
                host.run(Duration.ofMillis(50)).restore();
                assertThat(host.until(importer::live, LIMIT)).as(kind).isTrue();
                host.run(Duration.ofMillis(50));
                assertThat(importer.late()).as(kind).isEmpty();
              }
            })
        .requires(
            "then.dead",
            "When the revoke is permanent every map is ENODEV for ever, and nobody is live again.",
            () -> {
              for (ImporterDriver driver : Drivers.revocable()) {
                Host host = meeting(driver.kind());
                Importer importer = host.live(driver);
                host.revoke(
                    driver.offer().peer2peer() ? RevokeCause.LAST_CLOSE : RevokeCause.HOT_UNPLUG);
                host.run(LIMIT).restore().run(LIMIT);
                assertThat(importer.live()).as("%s", importer).isFalse();
                assertThat(host.buffer.dead()).as("%s", importer).isTrue();
                List<Errno> maps = importer.maps();
                assertThat(maps.subList(maps.lastIndexOf(Errno.OK) + 1, maps.size()))
                    .as("%s", importer)
                    .allMatch(errno -> errno == Errno.ENODEV);
              }
            })
        .requires(
            "then.pinned-permanent",
            "A pinned importer takes the invalidation as permanent: it unpins and detaches, and who"
                + " goes on has a new attachment.",
            () -> {
              Host host = meeting("rdma-pinned-revocable");
              Importer importer = host.live(Drivers.of("rdma-pinned-revocable"));
              int key = importer.id();
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(host.until(() -> !host.buffer.attachments().containsKey(key), LIMIT))
                  .isTrue();
              host.restore();
              assertThat(host.until(importer::live, LIMIT)).isTrue();
              assertThat(importer.id()).isNotEqualTo(key);
            })
        .requires(
            "then.map-in-parallel",
            "A map may be asked for while the invalidation returns; asked without pause it is"
                + " refused each time, the revoke goes on, and it succeeds after the restore.",
            () -> {
              Host host = meeting("gpu-dynamic");
              Importer slow =
                  host.live(Drivers.of("gpu-dynamic"), Behaviour.SLOW, Duration.ofMillis(200));
              Importer hammers =
                  host.live(Drivers.of("rdma-odp"), Behaviour.MAPS_AGAIN, Duration.ZERO);
              assertThat(host.revokes(LIMIT)).isTrue();
              assertThat(hammers.maps().subList(1, hammers.maps().size()))
                  .hasSizeGreaterThan(100)
                  .containsOnly(Errno.ENODEV);
              assertThat(slow.late()).isEmpty();
              host.restore();
              assertThat(host.until(hammers::live, LIMIT)).isTrue();
              assertThat(host.illegalCalls()).isZero();
            })
        .requires(
            "then.probe",
            "An honest importer that is refused tries its old address, which leads nowhere.",
            () -> {
              Host host = Host.vfio(Contract.ENFORCED);
              Importer importer = host.live(Drivers.of("rdma-odp"));
              host.revokes(LIMIT);
              host.run(Duration.ofMillis(100));
              assertThat(importer.probes()).isPositive();
              assertThat(importer.state().phase()).isIn(Phase.WAITING, Phase.MAPPING);
              assertThat(host.slotsInUse()).isZero();
            });
  }
}
