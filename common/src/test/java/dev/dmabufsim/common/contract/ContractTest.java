package dev.dmabufsim.common.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract.UnmapWait;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The six sequences, as the versions of the series have them: what each waits for. */
final class ContractTest {
  @ParameterizedTest
  @CsvSource({
    "v2,       ,         NONE,       false",
    "v3,       KERNEL,   NONE,       false",
    "v4,       BOOKKEEP, NONE,       false",
    "v5,       BOOKKEEP, ONE_SECOND, false",
    "v7,       BOOKKEEP, UNBOUNDED,  false",
    "enforced, BOOKKEEP, UNBOUNDED,  true"
  })
  void eachSequenceWaitsForWhatItsVersionDid(
      String label, @Nullable FenceUsage fences, UnmapWait unmaps, boolean enforced) {
    Contract contract = Contract.labelled(label).orElseThrow();

    assertThat(contract.fences().orElse(null)).isEqualTo(fences);
    assertThat(contract.unmaps()).isEqualTo(unmaps);
    assertThat(contract.enforced()).isEqualTo(enforced);
  }

  @Test
  void thereIsNoOther() {
    assertThat(Contract.values()).hasSize(6);
    assertThat(Contract.labels()).isEqualTo("v2, v3, v4, v5, v7, enforced");
    assertThat(Contract.labelled("v6")).isEmpty();
    assertThat(Contract.ONE_SECOND_NANOS).isEqualTo(1_000_000_000);
  }

  // Names, by which scenarios, histories and reports speak of them.

  @ParameterizedTest
  @EnumSource
  void everyBehaviourHasANameByWhichItIsFound(Behaviour behaviour) {
    assertThat(Behaviour.labelled(behaviour.label())).contains(behaviour);
    assertThat(Behaviour.labels()).contains(behaviour.label());
  }

  @ParameterizedTest
  @EnumSource
  void everyClassOfLateAccessHasANameByWhichItIsFound(LateAccess late) {
    assertThat(LateAccess.labelled(late.label())).contains(late);
    assertThat(LateAccess.labels()).contains(late.label());
  }

  @Test
  void lateAccessesAreInTheirOrderMildestFirst() {
    assertThat(LateAccess.labels()).isEqualTo("nirvana, iommu-fault, aer, uaf");
  }
}
