package dev.dmabufsim.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.Contract;
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
    int mapped;
    int refused;
    int restored;

    void count(BufferEffect effect) {
      switch (effect) {
        case BufferEffect.Complete e -> completed.merge(e.outcome(), 1, Integer::sum);
        case BufferEffect.Reply e -> {
          if (e.operation() == Operation.MAP) {
            mapped += e.done().size();
            refused += e.failed().size();
          }
        }
        case BufferEffect.Note e -> {
          if (e.event() instanceof HistoryEvent.Restored) {
            restored++;
          }
        }
        case BufferEffect.Invalidate e -> {}
        case BufferEffect.MapSlots e -> {}
        case BufferEffect.UnmapSlots e -> {}
        case BufferEffect.CloseBuffer e -> {}
        case BufferEffect.Sever e -> {}
        case BufferEffect.WakeAt e -> {}
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"ENFORCED, 2000", "V7, 1000", "V2, 1000"})
  void noSequenceOfEventsBreaksAnInvariant(Contract contract, int sequences) {
    Tally tally = new Tally();
    for (long seed = 0; seed < sequences; seed++) {
      try {
        play(contract, seed, tally);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("contract " + contract + ", seed " + seed, e);
      }
    }

    assertThat(tally.mapped).as("successful maps").isGreaterThan(3_000);
    assertThat(tally.refused).as("refused maps").isGreaterThan(3_000);
    assertThat(tally.restored).as("buffers restored").isGreaterThan(1_000);
    assertThat(tally.completed.values()).as("revokes, by outcome").allMatch(n -> n > 200);
    assertThat(tally.completed)
        .as("revokes, by outcome")
        .hasSize(contract.enforced() ? RevokeOutcome.values().length : 1);
  }

  private static void play(Contract contract, long seed, Tally tally) {
    RandomBufferEvents events = new RandomBufferEvents(seed);
    BufferDriver buffer = new BufferDriver(contract);
    for (int i = 0; i < EVENTS; i++) {
      buffer.happens(events.next(buffer.state));
      buffer.allEffects().forEach(tally::count);
    }
    events.everythingAnswered(buffer.state).forEach(buffer::happens);
    buffer.invariants.checkNothingUnanswered(buffer.state);
  }
}
