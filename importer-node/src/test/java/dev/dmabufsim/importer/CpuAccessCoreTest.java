package dev.dmabufsim.importer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.CpuUse;
import dev.dmabufsim.common.contract.Errno;
import dev.dmabufsim.common.message.IommuMessage.SlotUse;
import dev.dmabufsim.common.message.Operation;
import dev.dmabufsim.common.message.SgTable;
import dev.dmabufsim.importer.CpuAccessCore.Effect;
import dev.dmabufsim.importer.CpuAccessCore.Event;
import dev.dmabufsim.importer.CpuAccessCore.Phase;
import dev.dmabufsim.importer.CpuAccessCore.State;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class CpuAccessCoreTest {
  private static final SgTable TABLE =
      new SgTable(50, 1L << 32, 4096, 0, 1, 5, 5, true, SlotUse.CPU);

  private CpuUse use = CpuUse.MMAP;
  private State state = State.OFF;
  private List<Effect> effects = List.of();
  private long calls;
  private long now = 1_000;

  private void happens(Event event) {
    CpuAccessCore.Step step = CpuAccessCore.step(state, event);
    state = step.state();
    effects = step.effects();
  }

  private void due() {
    now = Math.max(now, state.dueNanos());
    happens(new Event.Due(++calls, now));
  }

  private void answered(Operation operation, Errno errno, @Nullable SgTable table) {
    happens(new Event.Answered(operation, errno, table, ++calls, now));
  }

  private void toMapped() {
    happens(new Event.Attached(use, ++calls, now));
    answered(Operation.MMAP, Errno.OK, TABLE);
  }

  private void toReading() {
    toMapped();
    due();
    answered(Operation.BEGIN_CPU_ACCESS, Errno.OK, null);
  }

  private void asks(Operation operation) {
    assertThat(effects).containsExactly(new Effect.Ask(operation, state.call()));
  }

  @Test
  void mapsWhenItIsAttachedAndReadsBetweenBeginAndEnd() {
    happens(new Event.Attached(use, ++calls, now));
    asks(Operation.MMAP);
    answered(Operation.MMAP, Errno.OK, TABLE);
    assertThat(effects).containsExactly(new Effect.Open(TABLE));

    due();
    asks(Operation.BEGIN_CPU_ACCESS);
    answered(Operation.BEGIN_CPU_ACCESS, Errno.OK, null);
    assertThat(effects).containsExactly(new Effect.Access(false));
    happens(new Event.Accessed(false, ++calls, now));
    asks(Operation.END_CPU_ACCESS);
    answered(Operation.END_CPU_ACCESS, Errno.OK, null);
    assertThat(state.phase()).isEqualTo(Phase.MAPPED);
    assertThat(state.dueNanos()).isGreaterThan(now);
  }

  @ParameterizedTest
  @EnumSource(Errno.class)
  void readsWhateverBeginAnswersSinceItIsTheMmuThatMustStopIt(Errno errno) {
    toMapped();
    due();
    answered(Operation.BEGIN_CPU_ACCESS, errno, null);

    assertThat(effects).containsExactly(new Effect.Access(false));
  }

  @Test
  void afterSigbusThePageFaultMapsAnew() {
    toReading();
    happens(new Event.Accessed(true, ++calls, now));
    asks(Operation.END_CPU_ACCESS);
    answered(Operation.END_CPU_ACCESS, Errno.OK, null);
    assertThat(effects)
        .as("what faulted is given back first: mappings are counted")
        .containsExactly(new Effect.Close(), new Effect.Ask(Operation.MUNMAP, state.call()));
    answered(Operation.MUNMAP, Errno.OK, null);
    asks(Operation.MMAP);
    answered(Operation.MMAP, Errno.OK, TABLE);

    assertThat(effects).containsExactly(new Effect.Open(TABLE));
    assertThat(state.faulted()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(
      value = Errno.class,
      names = {"ENODEV", "EBUSY", "ENOMEM"})
  void aPageFaultThatFindsNothingIsSigbusAgainAndIsTriedAtTheNextAccess(Errno errno) {
    toReading();
    happens(new Event.Accessed(true, ++calls, now));
    answered(Operation.END_CPU_ACCESS, Errno.OK, null);
    answered(Operation.MUNMAP, Errno.OK, null);

    answered(Operation.MMAP, errno, null);
    assertThat(effects).containsExactly(new Effect.Fault());
    due();
    asks(Operation.MMAP);
  }

  @ParameterizedTest
  @EnumSource(
      value = Errno.class,
      names = {"EINVAL", "EOPNOTSUPP", "EOVERFLOW"})
  void anExporterWithoutMmapIsNotAskedAgain(Errno errno) {
    happens(new Event.Attached(use, ++calls, now));
    answered(Operation.MMAP, errno, null);

    assertThat(state).isEqualTo(State.OFF);
    assertThat(effects).isEmpty();
  }

  @Test
  void whatIsNotAnsweredIsAskedAgainUnderTheSameNumber() {
    happens(new Event.Attached(use, ++calls, now));
    List<Effect> asked = effects;
    due();
    assertThat(effects).isEqualTo(asked);
  }

  @Test
  void isUnmappedBeforeItsAttachmentGoes() {
    toReading();
    happens(new Event.Detaching(99));

    assertThat(effects).containsExactly(new Effect.Ask(Operation.MUNMAP, 99), new Effect.Close());
    happens(new Event.Detaching(100));
    assertThat(effects)
        .as("asked again under its number, as it may be lost")
        .containsExactly(new Effect.Ask(Operation.MUNMAP, 99));
    answered(Operation.MUNMAP, Errno.OK, null);
    happens(new Event.Detaching(101));
    assertThat(effects).as("it was answered").isEmpty();
  }

  @Test
  void whatIsBeingUnmappedIsAskedForAgainBeforeItsAttachmentGoes() {
    toVmapped();
    for (int i = 0; i < CpuAccessCore.ACCESSES_BEFORE_VUNMAP; i++) {
      accesses(false);
    }
    long vunmap = state.call();
    assertThat(state.phase()).isEqualTo(Phase.UNMAPPING);
    happens(new Event.Detaching(vunmap + 50));
    assertThat(effects).containsExactly(new Effect.Ask(Operation.VUNMAP, vunmap));
    happens(new Event.Detaching(vunmap + 51));
    assertThat(effects).containsExactly(new Effect.Ask(Operation.VUNMAP, vunmap));
    answered(Operation.VUNMAP, Errno.OK, null);
    assertThat(state).isEqualTo(State.OFF);
  }

  @Test
  void whatIsNotMappedGoesAtOnce() {
    use = CpuUse.MMAP;
    happens(new Event.Attached(use, ++calls, now));
    answered(Operation.MMAP, Errno.ENODEV, null);
    assertThat(state.phase()).isEqualTo(Phase.UNMAPPED);
    happens(new Event.Detaching(99));
    assertThat(effects).isEmpty();
    assertThat(state).isEqualTo(State.OFF);
  }

  private void toVmapped() {
    use = CpuUse.VMAP;
    happens(new Event.Attached(use, ++calls, now));
    asks(Operation.VMAP);
    answered(Operation.VMAP, Errno.OK, TABLE);
    assertThat(effects).containsExactly(new Effect.Open(TABLE));
  }

  private void accesses(boolean faults) {
    due();
    asks(Operation.BEGIN_CPU_ACCESS);
    answered(Operation.BEGIN_CPU_ACCESS, Errno.OK, null);
    assertThat(effects).as("a driver writes, too").containsExactly(new Effect.Access(true));
    happens(new Event.Accessed(faults, ++calls, now));
    asks(Operation.END_CPU_ACCESS);
    answered(Operation.END_CPU_ACCESS, Errno.OK, null);
  }

  @Test
  void aDriverVmapsReadsAndWritesForAWhileAndVunmaps() {
    toVmapped();
    for (int i = 1; i < CpuAccessCore.ACCESSES_BEFORE_VUNMAP; i++) {
      accesses(false);
      assertThat(state.phase()).isEqualTo(Phase.MAPPED);
    }
    accesses(false);
    assertThat(effects)
        .containsExactly(new Effect.Close(), new Effect.Ask(Operation.VUNMAP, state.call()));
    answered(Operation.VUNMAP, Errno.OK, null);
    asks(Operation.VMAP);
  }

  @Test
  void aDriverWhosePointerFaultsVunmapsAndTriesAgainLaterWhatIsRefused() {
    toVmapped();
    accesses(true);
    assertThat(effects)
        .containsExactly(new Effect.Close(), new Effect.Ask(Operation.VUNMAP, state.call()));
    answered(Operation.VUNMAP, Errno.OK, null);
    answered(Operation.VMAP, Errno.ENODEV, null);
    assertThat(effects).as("a call that fails is no SIGBUS").isEmpty();
    due();
    asks(Operation.VMAP);
  }

  @ParameterizedTest
  @EnumSource(
      value = Errno.class,
      names = {"EBUSY", "ERESTARTSYS"})
  void aDriverDoesNotTouchWhatItMayNotBeginToAccess(Errno errno) {
    toVmapped();
    due();
    answered(Operation.BEGIN_CPU_ACCESS, errno, null);
    assertThat(effects).isEmpty();
    assertThat(state.phase()).isEqualTo(Phase.MAPPED);
    due();
    asks(Operation.BEGIN_CPU_ACCESS);
  }

  @Test
  void aDriverVunmapsBeforeItsAttachmentGoes() {
    toVmapped();
    happens(new Event.Detaching(99));
    assertThat(effects).containsExactly(new Effect.Ask(Operation.VUNMAP, 99), new Effect.Close());
  }

  @Test
  void nothingThatAnExporterSaysLeavesItsMemoryMappedTwiceOrForGood() {
    Set<Phase> seen = EnumSet.noneOf(Phase.class);
    for (long seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      state = State.OFF;
      use = seed % 2 == 0 ? CpuUse.MMAP : CpuUse.VMAP;
      boolean open = false;
      for (int i = 0; i < 100; i++) {
        now += random.nextInt(30_000_000);
        happens(event(random));
        seen.add(state.phase());
        for (Effect effect : effects) {
          switch (effect) {
            case Effect.Open e -> {
              assertThat(open).as("mapped twice, seed %d", seed).isFalse();
              open = true;
            }
            case Effect.Close e -> {
              assertThat(open).as("unmapped twice, seed %d", seed).isTrue();
              open = false;
            }
            case Effect.Access e ->
                assertThat(state.phase()).as("seed %d", seed).isEqualTo(Phase.BEGINNING);
            case Effect.Ask e -> {}
            case Effect.Fault e -> {}
          }
        }
        assertThat(open).as("seed %d, %s", seed, state).isEqualTo(state.table() != null);
        assertThat(state.phase() != Phase.OFF || !open).isTrue();
      }
    }
    assertThat(seen).isEqualTo(EnumSet.allOf(Phase.class));
  }

  private Event event(Random random) {
    Errno[] errnos = Errno.values();
    Operation[] operations = Operation.values();
    return switch (random.nextInt(12)) {
      case 0, 1 -> new Event.Attached(use, ++calls, now);
      case 2, 3 -> new Event.Due(++calls, now);
      case 4 -> new Event.Accessed(random.nextBoolean(), ++calls, now);
      case 5 -> random.nextInt(5) == 0 ? new Event.Detaching(++calls) : new Event.Due(++calls, now);
      case 6 -> random.nextInt(5) == 0 ? new Event.ExporterGone() : new Event.Due(++calls, now);
      default ->
          new Event.Answered(
              random.nextInt(3) == 0
                  ? operations[random.nextInt(operations.length)]
                  : random.nextBoolean()
                      ? random.nextBoolean() ? state.map() : state.unmap()
                      : Operation.BEGIN_CPU_ACCESS,
              random.nextBoolean() ? Errno.OK : errnos[random.nextInt(errnos.length)],
              random.nextInt(4) == 0 ? null : TABLE,
              ++calls,
              now);
    };
  }
}
