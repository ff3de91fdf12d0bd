package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.ImporterKind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class AttachRulesTest {
  private static Errno decide(
      ImporterKind importer, boolean revoked, Errno unreachable, boolean sameFabric) {
    return AttachRules.decide(ExporterKind.VFIO_PCI, importer, revoked, unreachable, sameFabric);
  }

  @ParameterizedTest
  @EnumSource(ImporterKind.class)
  void whoCannotBeRevokedIsRefusedAndNobodyElse(ImporterKind kind) {
    assertThat(decide(kind, false, null, true))
        .isEqualTo(kind == ImporterKind.RDMA_PINNED ? Errno.EOPNOTSUPP : Errno.OK);
  }

  @ParameterizedTest
  @EnumSource(value = ImporterKind.class, names = "RDMA_PINNED", mode = EnumSource.Mode.EXCLUDE)
  void revokedMemoryIsEnodev(ImporterKind kind) {
    assertThat(decide(kind, true, null, true)).isEqualTo(Errno.ENODEV);
  }

  @ParameterizedTest
  @EnumSource(ImporterKind.class)
  void memoryOfAnotherHostIsBusyWhoeverAsks(ImporterKind kind) {
    assertThat(decide(kind, true, Errno.EOPNOTSUPP, false)).isEqualTo(Errno.EBUSY);
  }

  @Test
  void aDeviceThatCannotReachTheMemoryIsToldSoBeforeItsKindAndTheFlagAreLookedAt() {
    assertThat(decide(ImporterKind.IOMMUFD, true, Errno.EOPNOTSUPP, true))
        .isEqualTo(Errno.EOPNOTSUPP);
    assertThat(decide(ImporterKind.RDMA_PINNED, false, Errno.EBUSY, true)).isEqualTo(Errno.EBUSY);
  }

  @Test
  void whoCannotBeRevokedIsToldFirstThatTheMemoryIsRevokedAsVfioDoes() {
    assertThat(decide(ImporterKind.RDMA_PINNED, true, null, true)).isEqualTo(Errno.ENODEV);
  }
}
