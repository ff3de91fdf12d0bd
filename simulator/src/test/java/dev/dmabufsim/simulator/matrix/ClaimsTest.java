package dev.dmabufsim.simulator.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Behaviour;
import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.driver.ImporterDriver;
import dev.dmabufsim.common.driver.ImporterDrivers;
import dev.dmabufsim.simulator.matrix.Claims.Claim;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ClaimsTest {
  private static final Map<String, ImporterDriver> DRIVERS = ImporterDrivers.load().all();

  /** Whom an exporter that revokes lets in. */
  private static final Set<String> REVOCABLE =
      DRIVERS.entrySet().stream()
          .filter(e -> e.getValue().offer().revocable())
          .map(Map.Entry::getKey)
          .collect(Collectors.toSet());

  private static Treatment behaves(Behaviour behaviour) {
    return new Treatment(behaviour, false);
  }

  /** Of which kinds it is claimed that such a cell says that. */
  private static Set<String> claimed(Contract contract, Treatment treatment, CellVerdict expected) {
    Set<String> kinds = new TreeSet<>();
    for (Claim claim : Claims.all()) {
      if (claim.expected() == expected) {
        for (String kind : DRIVERS.keySet()) {
          if (claim.concerns(new CellKey(contract, kind, treatment))) {
            kinds.add(kind);
          }
        }
      }
    }
    return kinds;
  }

  @Test
  void nothingIsClaimedOfEnforcedWhichIsJudgedByItsOwnRule() {
    assertThat(Claims.all())
        .extracting(Claim::contract)
        .contains(Contract.V2, Contract.V3, Contract.V4, Contract.V5, Contract.V7)
        .doesNotContain(Contract.ENFORCED);
  }

  @Test
  void everyClaimIsAboutKindsThatThereAreAndThatAreLetIn() {
    assertThat(Claims.all()).allSatisfy(c -> assertThat(c.importers()).isSubsetOf(REVOCABLE));
    assertThat(Claims.all()).noneMatch(c -> c.importers().isEmpty() || c.because().isEmpty());
  }

  @Test
  void aClaimSaysThatSomethingGoesWrong() {
    assertThat(Claims.all())
        .extracting(Claim::expected)
        .containsOnly(CellVerdict.UNSAFE, CellVerdict.HANGS);
  }

  /** And so none contradicts another, and none is counted twice. */
  @Test
  void noTwoClaimsAreAboutTheSameCell() {
    List<CellKey> cells = new ArrayList<>();
    for (Claim claim : Claims.all()) {
      claim
          .importers()
          .forEach(kind -> cells.add(new CellKey(claim.contract(), kind, claim.treatment())));
    }
    assertThat(cells).doesNotHaveDuplicates();
  }

  /** Its callback returns, and its engine stops later. */
  @ParameterizedTest
  @EnumSource(names = {"V2", "V3"})
  void whoWaitsForNoFenceIsUnsafeWithHonestImportersWhoseHardwareRunsOn(Contract contract) {
    assertThat(claimed(contract, behaves(Behaviour.HONEST), CellVerdict.UNSAFE))
        .containsExactlyInAnyOrder("gpu-dynamic", "virtio-gpu", "scanout");
  }

  @Test
  void whoWaitsForFencesIsUnsafeWithAnHonestImporterThatReadsSpeculatively() {
    assertThat(claimed(Contract.V4, behaves(Behaviour.HONEST), CellVerdict.UNSAFE))
        .containsExactly("gpu-dynamic");
  }

  @ParameterizedTest
  @EnumSource(names = {"V5", "V7"})
  void whoWaitsForUnmapsFailsNoHonestImporter(Contract contract) {
    for (CellVerdict verdict : CellVerdict.values()) {
      assertThat(claimed(contract, behaves(Behaviour.HONEST), verdict)).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"V4", "V5", "V7"})
  void whoeverWaitsForFencesHangsOnWhoNeverSignalsThem(Contract contract) {
    assertThat(claimed(contract, Treatment.KILLED, CellVerdict.HANGS)).isEqualTo(REVOCABLE);
    assertThat(claimed(contract, behaves(Behaviour.SILENT), CellVerdict.HANGS))
        .isEqualTo(REVOCABLE);
  }

  @Test
  void whoeverWaitsForUnmapsWithoutBoundHangsIfTheyAreCounted() {
    assertThat(claimed(Contract.V7, behaves(Behaviour.NEVER_UNMAPS), CellVerdict.HANGS))
        .containsExactlyInAnyOrderElementsOf(
            REVOCABLE.stream().filter(k -> !k.equals("iommufd")).toList());
    assertThat(claimed(Contract.V7, behaves(Behaviour.NEVER_UNMAPS), CellVerdict.UNSAFE))
        .containsExactly("iommufd");
  }

  @ParameterizedTest
  @CsvSource({
    "V2, SLOW",
    "V2, SILENT",
    "V2, NEVER_UNMAPS",
    "V2, LYING",
    "V2, SKIPS_IOTLB_FLUSH",
    "V3, SLOW",
    "V3, SILENT",
    "V3, NEVER_UNMAPS",
    "V3, LYING",
    "V3, SKIPS_IOTLB_FLUSH",
    "V4, SLOW",
    "V4, NEVER_UNMAPS",
    "V4, LYING",
    "V4, SKIPS_IOTLB_FLUSH",
    "V5, SLOW",
    "V5, NEVER_UNMAPS",
    "V5, LYING",
    "V5, SKIPS_IOTLB_FLUSH",
    "V7, LYING",
    "V7, SKIPS_IOTLB_FLUSH"
  })
  void whoeverBelievesImportersIsUnsafeWithWhoDoesNotKeepTheContract(
      Contract contract, Behaviour behaviour) {
    assertThat(claimed(contract, behaves(behaviour), CellVerdict.UNSAFE)).isEqualTo(REVOCABLE);
  }

  @Test
  void whoIsNotCountedIsNotWaitedForWhenItIsSlow() {
    assertThat(claimed(Contract.V7, behaves(Behaviour.SLOW), CellVerdict.UNSAFE))
        .containsExactly("iommufd");
  }

  @ParameterizedTest
  @EnumSource(names = "ENFORCED", mode = EnumSource.Mode.EXCLUDE)
  void aRevokedKeyThatIsUsedAgainIsUnsafeWhereItIsBelievedToBeGone(Contract contract) {
    assertThat(claimed(contract, behaves(Behaviour.KEEPS_ADDRESS), CellVerdict.UNSAFE))
        .containsExactly("rdma-pinned-revocable");
  }
}
