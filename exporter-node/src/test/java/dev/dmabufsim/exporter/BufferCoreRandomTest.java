package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
import dev.dmabufsim.common.contract.ExporterKind;
import dev.dmabufsim.common.contract.RevokeOutcome;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The invariants of {@link BufferInvariants}, over whatever may come in whatever order. */
final class BufferCoreRandomTest {
  private static final int EVENTS = 200;

  /** What the sequences led to: a test whose buffers never revoke proves nothing. */
  private static final class Tally {
    final Map<RevokeOutcome, Integer> completed = new EnumMap<>(RevokeOutcome.class);
    final Map<Operation, Integer> done = new EnumMap<>(Operation.class);
    int refused;
    int restored;
    int moved;
    int movesFailed;
    int reported;
    int illegal;
    int dropped;

    void count(BufferEffect effect) {
      switch (effect) {
        case BufferEffect.Complete e -> completed.merge(e.outcome(), 1, Integer::sum);
        case BufferEffect.Reply e -> {
          done.merge(e.operation(), e.done().size(), Integer::sum);
          refused += e.operation() == Operation.MAP ? e.failed().size() : 0;
        }
        case BufferEffect.Note e -> {
          restored += e.event() instanceof HistoryEvent.Restored ? 1 : 0;
          moved += e.event() instanceof HistoryEvent.Moved ? 1 : 0;
          movesFailed += e.event() instanceof HistoryEvent.MoveFailed ? 1 : 0;
          illegal += e.event() instanceof HistoryEvent.IllegalCall ? 1 : 0;
          dropped += e.event() instanceof HistoryEvent.Dropped ? 1 : 0;
        }
        case BufferEffect.Report e -> reported++;
        case BufferEffect.Invalidate e -> {}
        case BufferEffect.MapSlots e -> {}
        case BufferEffect.UnmapSlots e -> {}
        case BufferEffect.CloseBuffer e -> {}
        case BufferEffect.CopyOut e -> {}
        case BufferEffect.Disown e -> {}
        case BufferEffect.HandOver e -> {}
        case BufferEffect.Borrow e -> {}
        case BufferEffect.Lifted e -> {}
        case BufferEffect.GiveBack e -> {}
        case BufferEffect.Journal e -> {}
        case BufferEffect.Sever e -> {}
        case BufferEffect.WakeAt e -> {}
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"ENFORCED, 2000", "V7, 1000", "V5, 1000", "V4, 1000", "V3, 1000", "V2, 1000"})
  void noSequenceOfEventsBreaksAnInvariantOfABarThatIsResetAndUnplugged(
      Contract contract, int sequences) {
    Tally tally = play(contract, ExporterKind.VFIO_PCI, sequences);

    assertThat(tally.restored).as("buffers restored").isGreaterThan(700);
    assertThat(tally.moved).isZero();
    assertThat(tally.done.get(Operation.IOMMUFD_MAP)).isGreaterThan(200);
  }

  @ParameterizedTest
  @CsvSource({"ENFORCED, 2000", "V7, 1000", "V5, 1000", "V4, 1000", "V3, 1000", "V2, 1000"})
  void noSequenceOfEventsBreaksAnInvariantOfAGpusBufferThatMoves(Contract contract, int sequences) {
    Tally tally = play(contract, ExporterKind.GPU_VRAM, sequences);

    assertThat(tally.moved).as("moves").isGreaterThan(200);
    assertThat(tally.movesFailed).as("moves that failed").isGreaterThan(30);
    assertThat(tally.done)
        .hasEntrySatisfying(Operation.MMAP, n -> assertThat(n).isGreaterThan(200))
        .hasEntrySatisfying(Operation.VMAP, n -> assertThat(n).isGreaterThan(200))
        .hasEntrySatisfying(Operation.VUNMAP, n -> assertThat(n).isGreaterThan(20))
        .hasEntrySatisfying(Operation.BEGIN_CPU_ACCESS, n -> assertThat(n).isGreaterThan(200));
  }

  private static Tally play(Contract contract, ExporterKind kind, int sequences) {
    Tally tally = new Tally();
    for (long seed = 0; seed < sequences; seed++) {
      try {
        play(contract, kind, seed, tally);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("contract " + contract + ", seed " + seed, e);
      }
    }
    assertThat(tally.done.get(Operation.MAP)).as("successful maps").isGreaterThan(1_000);
    assertThat(tally.refused).as("refused maps").isGreaterThan(2_000);
    assertThat(tally.reported).as("requests answered").isGreaterThan(300);
    assertThat(tally.illegal).as("illegal calls").isGreaterThan(1_000);
    assertThat(tally.dropped).as("messages that made no sense").isGreaterThan(1_000);
    assertThat(tally.completed)
        .as("revokes, by outcome")
        .containsOnlyKeys(outcomes(contract, kind))
        .allSatisfy((outcome, n) -> assertThat(n).isGreaterThan(5));
    return tally;
  }

  private static RevokeOutcome[] outcomes(Contract contract, ExporterKind kind) {
    return switch (contract) {
      case V2, V3, V4 -> new RevokeOutcome[] {RevokeOutcome.ASSUMED};
      case V5 -> new RevokeOutcome[] {RevokeOutcome.ACKED, RevokeOutcome.ASSUMED};
      // Only who holds addresses without a map is missed, and only VFIO gives them to him.
      case V7 ->
          kind.hasIommufdMap()
              ? new RevokeOutcome[] {RevokeOutcome.ACKED, RevokeOutcome.ASSUMED}
              : new RevokeOutcome[] {RevokeOutcome.ACKED};
      case ENFORCED ->
          new RevokeOutcome[] {RevokeOutcome.ACKED, RevokeOutcome.BLOCKED, RevokeOutcome.SEVERED};
    };
  }

  private static void play(Contract contract, ExporterKind kind, long seed, Tally tally) {
    RandomBufferEvents events = new RandomBufferEvents(seed);
    BufferDriver buffer = new BufferDriver(contract, kind);
    for (int i = 0; i < EVENTS; i++) {
      buffer.happens(events.next(buffer.state));
      buffer.allEffects().forEach(tally::count);
    }
    events.everythingAnswered(buffer.state).forEach(buffer::happens);
    buffer.invariants.checkNothingUnanswered(buffer.state);
  }
}
