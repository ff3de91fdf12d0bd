package dev.dmabufsim.common.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.RevokeCause.After;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The exporters' table, row by row, and why each takes its memory back. */
final class ExporterKindTest {
  @ParameterizedTest
  @CsvSource({
    // kind, p2p needed, attach checks the flag, pin, mmap and vmap, iommufd's map
    "vfio-pci,    true,  true,  OK,         false, true",
    "rdma-mmio,   true,  false, EOPNOTSUPP, false, false",
    "gpu-vram,    false, false, OK,         true,  false",
    "system-heap, false, false, OK,         true,  false",
    "udmabuf,     false, false, OK,         true,  false"
  })
  void eachKindHasTheOperationsAndDemandsOfItsDriver(
      String label,
      boolean peer2peer,
      boolean checksRevoked,
      Errno pin,
      boolean cpuMaps,
      boolean iommufd) {
    ExporterKind kind = ExporterKind.labelled(label).orElseThrow();

    assertThat(kind.needsPeer2peer()).isEqualTo(peer2peer);
    assertThat(kind.attachChecksRevoked()).isEqualTo(checksRevoked);
    assertThat(kind.pinAnswer()).isEqualTo(pin);
    assertThat(kind.ops().contains(DmaBufOp.MMAP)).isEqualTo(cpuMaps);
    assertThat(kind.ops().contains(DmaBufOp.VMAP)).isEqualTo(cpuMaps);
    assertThat(kind.hasIommufdMap()).isEqualTo(iommufd);
    assertThat(DmaBufOp.export(kind.ops())).isEqualTo(Errno.OK);
    assertThat(kind.pinAnswer().ok() || kind.ops().contains(DmaBufOp.PIN))
        .as("who refuses to pin has an op that does so")
        .isTrue();
    assertThat(
            kind.beginCpuAccessNanos().isEmpty() || kind.ops().contains(DmaBufOp.BEGIN_CPU_ACCESS))
        .as("whose wait has an end has an op that waits")
        .isTrue();
  }

  @Test
  void onlyAGpusWaitForTheCpuHasAnEnd() {
    for (ExporterKind kind : ExporterKind.values()) {
      OptionalLong wait = kind.beginCpuAccessNanos();
      assertThat(wait.isPresent()).as("%s", kind).isEqualTo(kind == ExporterKind.GPU_VRAM);
    }
    assertThat(ExporterKind.GPU_VRAM.beginCpuAccessNanos()).hasValue(15_000_000_000L);
  }

  @Test
  void vfioRevokesForATimeAndForGood() {
    assertThat(ExporterKind.VFIO_PCI.causes())
        .containsExactly(
            RevokeCause.RESET,
            RevokeCause.MEMORY_DISABLED,
            RevokeCause.HOT_UNPLUG,
            RevokeCause.LAST_CLOSE)
        .extracting(RevokeCause::after)
        .containsExactly(After.RESTORED, After.RESTORED, After.DEAD, After.DEAD);
  }

  @Test
  void rdmaRevokesForGoodOnly() {
    assertThat(ExporterKind.RDMA_MMIO.causes())
        .extracting(RevokeCause::after)
        .containsExactly(After.DEAD, After.DEAD);
  }

  @Test
  void aGpuMovesItsContent() {
    assertThat(ExporterKind.GPU_VRAM.causes()).startsWith(RevokeCause.EVICTION);
    assertThat(RevokeCause.EVICTION.after()).isEqualTo(After.MOVED);
    assertThat(RevokeCause.MIGRATION.after()).isEqualTo(After.MOVED);
  }

  @ParameterizedTest
  @EnumSource
  void onlyWhoTakesMemoryBackByForceAndNotForAnErrorAsksWhoCanBeTold(RevokeCause cause) {
    assertThat(cause.asksRevocable())
        .isEqualTo(cause.after() != After.MOVED && cause != RevokeCause.RAS_ERROR);
  }

  @Test
  void systemMemoryIsNeverTakenBack() {
    assertThat(ExporterKind.SYSTEM_HEAP.causes()).isEmpty();
    assertThat(ExporterKind.UDMABUF.causes()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void aDeviceDecodesNothingWhenItIsGoneOrItsMemoryIsDisabledOrFails(RevokeCause cause) {
    assertThat(cause.decodesNothing())
        .isEqualTo(
            cause == RevokeCause.HOT_UNPLUG
                || cause == RevokeCause.MEMORY_DISABLED
                || cause == RevokeCause.RAS_ERROR);
  }

  @ParameterizedTest
  @EnumSource
  void everyCauseHasANameByWhichItIsFoundAndAKindThatHasIt(RevokeCause cause) {
    assertThat(RevokeCause.labelled(cause.label())).contains(cause);
    assertThat(RevokeCause.labels()).contains(cause.label());
    assertThat(ExporterKind.values()).anyMatch(kind -> kind.causes().contains(cause));
  }

  @ParameterizedTest
  @EnumSource
  void everyKindHasANameByWhichItIsFound(ExporterKind kind) {
    assertThat(ExporterKind.labelled(kind.label())).contains(kind);
    assertThat(ExporterKind.labels()).contains(kind.label());
  }

  @Test
  void errorNumbersAreTheKernels() {
    assertThat(Errno.EINTR.number()).isEqualTo(4);
    assertThat(Errno.ENOMEM.number()).isEqualTo(12);
    assertThat(Errno.EBUSY.number()).isEqualTo(16);
    assertThat(Errno.ENODEV.number()).isEqualTo(19);
    assertThat(Errno.EINVAL.number()).isEqualTo(22);
    assertThat(Errno.EOVERFLOW.number()).isEqualTo(75);
    assertThat(Errno.EOPNOTSUPP.number()).isEqualTo(95);
    assertThat(Errno.ERESTARTSYS.number()).isEqualTo(512);
  }
}
