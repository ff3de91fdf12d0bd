package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.exporter.VirtualHost.Importer;
import dev.dmabufsim.exporter.VirtualHost.Iommu;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How long a revoke takes, in virtual time. */
final class BufferBoundTest {
  private static final int SEEDS = 100;
  private static final int REVOKES = 20;
  private static final List<Importer> IMPORTERS = List.of(Importer.values());
  private static final long FOREVER = 100_000 * BufferDriver.ASK;

  /**
   * {@link VirtualHost} itself checks the bound at every moment, and what is still open at the end.
   * The bound is ask and block; and retry, for a sever may fail once.
   */
  @ParameterizedTest
  @EnumSource(Iommu.class)
  void anEnforcedRevokeIsCompleteWithinItsBoundWhateverImportersAndIommuDo(Iommu iommu) {
    Map<RevokeOutcome, Integer> outcomes = new EnumMap<>(RevokeOutcome.class);
    for (long seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      VirtualHost host =
          new VirtualHost(Contract.ENFORCED, seed, iommu, random.nextInt(4) * 0.1, 0.2);
      for (int id = 1; id <= 1 + random.nextInt(5); id++) {
        host.attach(id, IMPORTERS.get(random.nextInt(IMPORTERS.size())));
      }
      host.revokeOverAndOver();
      try {
        host.run(REVOKES, FOREVER);
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed, e);
      }
      assertThat(host.completed).as("seed %d", seed).hasSize(REVOKES);
      host.completed.forEach(c -> outcomes.merge(c.outcome(), 1, Integer::sum));
    }

    switch (iommu) {
      case PROMPT -> assertThat(outcomes).containsKeys(RevokeOutcome.ACKED, RevokeOutcome.BLOCKED);
      case SLOW, STUCK ->
          assertThat(outcomes)
              .containsOnlyKeys(RevokeOutcome.ACKED, RevokeOutcome.BLOCKED, RevokeOutcome.SEVERED);
      case SILENT -> assertThat(outcomes).containsOnlyKeys(RevokeOutcome.SEVERED);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Contract.class, names = "ENFORCED", mode = EnumSource.Mode.EXCLUDE)
  void aRevokeThatNothingEnforcesIsCompleteInTheEndIfAllAreHonestThoughMessagesAreLost(
      Contract contract) {
    for (long seed = 0; seed < SEEDS; seed++) {
      VirtualHost host = new VirtualHost(contract, seed, Iommu.PROMPT, 0.3, 0);
      for (int id = 1; id <= 4; id++) {
        host.attach(id, id % 2 == 0 ? Importer.HONEST : Importer.SLOW);
      }
      host.revokeOverAndOver();
      host.run(REVOKES, FOREVER);

      assertThat(host.completed).as("seed %d", seed).hasSize(REVOKES);
    }
  }

  @Test
  void aRevokeUnderV7IsNeverCompleteWhenAnImporterNeverUnmaps() {
    VirtualHost host = new VirtualHost(Contract.V7, 1, Iommu.PROMPT, 0, 0);
    host.attach(1, Importer.HONEST);
    host.attach(2, Importer.NEVER_UNMAPS);
    host.revokeOverAndOver();
    host.run(Integer.MAX_VALUE, FOREVER / 10);

    Revoke hanging = host.buffer.state.revoke();
    assertThat(hanging).isNotNull();
    assertThat(host.buffer.now - hanging.startedNanos()).isGreaterThan(FOREVER / 20);
    assertThat(hanging.unmaps()).containsExactly(2);
  }
}
