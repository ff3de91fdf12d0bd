package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeCause;
import dev.dmabufsim.common.driver.ImporterOffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class AttachRulesTest {
  private static final ImporterOffer PINNED = ImporterOffer.DYNAMIC.invalidateMappings(false);
  private static final ImporterOffer FAR = ImporterOffer.DYNAMIC.peer2peer(false);
  private static final ImporterOffer STATIC = ImporterOffer.DYNAMIC.asStatic();

  private static Errno decide(
      ExporterKind exporter, ImporterOffer importer, boolean revoked, Errno unreachable) {
    return AttachRules.decide(
        exporter, AttachRules.forced(exporter, List.of()), importer, revoked, unreachable, true);
  }

  private static Errno vfio(ImporterOffer importer, boolean revoked, Errno unreachable) {
    return decide(ExporterKind.VFIO_PCI, importer, revoked, unreachable);
  }

  @ParameterizedTest
  @EnumSource(
      value = ExporterKind.class,
      names = {"VFIO_PCI", "RDMA_MMIO"})
  void whoCannotBeRevokedIsRefusedByADeviceThatOnlyKnowsForce(ExporterKind exporter) {
    assertThat(decide(exporter, ImporterOffer.DYNAMIC, false, null)).isEqualTo(Errno.OK);
    assertThat(decide(exporter, PINNED, false, null)).isEqualTo(Errno.EOPNOTSUPP);
  }

  @ParameterizedTest
  @EnumSource(
      value = ExporterKind.class,
      names = {"GPU_VRAM", "SYSTEM_HEAP", "UDMABUF"})
  void whoCannotBeRevokedIsWelcomeWhereMemoryIsNotTakenByForce(ExporterKind exporter) {
    for (ImporterOffer offer : List.of(PINNED, FAR, STATIC)) {
      assertThat(decide(exporter, offer, false, null)).isEqualTo(Errno.OK);
    }
  }

  @Test
  void aGpuAsksForRevocabilityOnlyIfItIsGoingToBeUnplugged() {
    List<RevokeCause> moves = List.of(RevokeCause.EVICTION, RevokeCause.MIGRATION);
    assertThat(AttachRules.forced(ExporterKind.GPU_VRAM, moves)).isFalse();
    assertThat(AttachRules.forced(ExporterKind.GPU_VRAM, List.of(RevokeCause.HOT_UNPLUG))).isTrue();
  }

  @ParameterizedTest
  @EnumSource(
      value = ExporterKind.class,
      names = {"VFIO_PCI", "RDMA_MMIO"})
  void deviceMemoryIsOnlyForThoseWhoDoPeerToPeer(ExporterKind exporter) {
    assertThat(decide(exporter, FAR, false, null)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(decide(exporter, STATIC, false, null)).isEqualTo(Errno.EOPNOTSUPP);
  }

  @Test
  void revokedMemoryIsEnodevAtAttachOnlyWhereTheDriverLooks() {
    assertThat(vfio(ImporterOffer.DYNAMIC, true, null)).isEqualTo(Errno.ENODEV);
    assertThat(decide(ExporterKind.RDMA_MMIO, ImporterOffer.DYNAMIC, true, null))
        .as("an RDMA exporter does not check; map does")
        .isEqualTo(Errno.OK);
  }

  @ParameterizedTest
  @EnumSource(ExporterKind.class)
  void memoryOfAnotherHostIsBusyWhoeverAsks(ExporterKind exporter) {
    for (ImporterOffer offer : List.of(ImporterOffer.DYNAMIC, PINNED, FAR, STATIC)) {
      assertThat(AttachRules.decide(exporter, true, offer, true, Errno.EOPNOTSUPP, false))
          .isEqualTo(Errno.EBUSY);
    }
  }

  @Test
  void aDeviceThatCannotReachTheMemoryIsToldSoBeforeItsKindAndTheFlagAreLookedAt() {
    assertThat(vfio(ImporterOffer.DYNAMIC, true, Errno.EOPNOTSUPP)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(vfio(PINNED, false, Errno.EBUSY)).isEqualTo(Errno.EBUSY);
  }

  @Test
  void whoCannotBeRevokedIsToldFirstThatTheMemoryIsRevokedAsVfioDoes() {
    assertThat(vfio(PINNED, true, null)).isEqualTo(Errno.ENODEV);
  }
}
