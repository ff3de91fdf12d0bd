package dev.dmabufsim.simulator.judge;

import static dev.dmabufsim.simulator.judge.Tale.ATTACHMENT;
import static dev.dmabufsim.simulator.judge.Tale.BUFFER;
import static dev.dmabufsim.simulator.judge.Tale.EXPORTER;
import static dev.dmabufsim.simulator.judge.Tale.GENERATION;
import static dev.dmabufsim.simulator.judge.Tale.IMPORTER;
import static dev.dmabufsim.simulator.judge.Tale.LAUNCHER;
import static dev.dmabufsim.simulator.judge.Tale.NIC;
import static dev.dmabufsim.simulator.judge.Tale.SEGMENT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.dmabufsim.common.contract.LateAccess;
import dev.dmabufsim.common.fabric.Canary;
import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.message.Operation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who was frozen, and wakes up to memory that is another's by then. */
class FrozenTest {
  private static final Invariant IT = Invariant.FROZEN_CHANGES_NOTHING;

  /** Frozen from 100 to 3000 ms; its memory is handed on at 1000 ms. */
  private static Tale frozen() {
    return Tale.begin()
        .at(100, LAUNCHER, Tale.struck("pause", IMPORTER))
        .at(200, EXPORTER, Tale.requested(1))
        .at(900, EXPORTER, Tale.completed(1, 700))
        .at(
            1000,
            EXPORTER,
            new HistoryEvent.HandedOver(SEGMENT, BUFFER, 1, GENERATION, GENERATION + 1))
        .at(2000, EXPORTER, new HistoryEvent.Restored(BUFFER, 1, SEGMENT + 1, GENERATION + 2))
        .at(3000, LAUNCHER, Tale.over("pause", IMPORTER));
  }

  private static Tale andBack() {
    return frozen()
        .at(3100, IMPORTER, new HistoryEvent.Dropped("something", "it lives"))
        .at(3200, EXPORTER, Tale.operated(Operation.MAP, ATTACHMENT));
  }

  private static HistoryEvent scanned(int author) {
    return new HistoryEvent.Scanned(
        SEGMENT,
        GENERATION + 1,
        4096,
        16,
        0,
        List.of(new HistoryEvent.Foreign(Canary.TAG_DEVICE, author, GENERATION, 16)));
  }

  @Test
  void itGoesOnAndMapsAgainAndThatIsFine() {
    assertThat(andBack().broken(IT)).isEmpty();
  }

  @Test
  void notAByteOfItIsChanged() {
    assertThat(andBack().at(3300, EXPORTER, scanned(ATTACHMENT)).broken(IT))
        .containsExactly(
            "attachment "
                + ATTACHMENT
                + " (nic, gpu-dynamic, buffer 0 of gpu), which had been frozen, changed 16 bytes of"
                + " memory that was somebody else's");
    assertThat(andBack().at(3300, EXPORTER, scanned(ATTACHMENT + 5)).broken(IT))
        .as("another's bytes")
        .isEmpty();
    assertThat(andBack().at(90, EXPORTER, scanned(ATTACHMENT)).broken(IT))
        .as("found before it was frozen")
        .isEmpty();
  }

  @Test
  void notAByteOfItIsRead() {
    HistoryEvent leaked = new HistoryEvent.Leaked(NIC, ATTACHMENT, BUFFER, GENERATION, 2);
    assertThat(andBack().at(3300, IMPORTER, leaked).broken(IT))
        .singleElement()
        .asString()
        .contains("read 16 bytes");
    HistoryEvent late =
        new HistoryEvent.Late(
            NIC, ATTACHMENT, BUFFER, GENERATION, LateAccess.UAF, true, 0, 3_050_000_000L, 1);
    assertThat(andBack().at(3300, IMPORTER, late).broken(IT)).hasSize(1);
    HistoryEvent aborted =
        new HistoryEvent.Late(
            NIC, ATTACHMENT, BUFFER, GENERATION, LateAccess.AER, true, 0, 3_050_000_000L, 1);
    assertThat(andBack().at(3300, IMPORTER, aborted).broken(IT)).as("it was stopped").isEmpty();
    assertThat(andBack().at(3300, IMPORTER, aborted).broken(Invariant.NO_LATE_DMA))
        .as("nobody told it of the revoke")
        .isEmpty();
  }

  @Test
  void whoIsNotHeardOfAnyMoreIsAViolationUnlessHeWasKilledOrTheRunBrokenOff() {
    assertThat(frozen().until(9000).broken(IT))
        .containsExactly(
            "importer-1 was frozen, and was not heard of any more when it was let go on");
    assertThat(frozen().until(9000).brokenOff().broken(IT)).isEmpty();
    assertThat(frozen().at(3001, LAUNCHER, Tale.struck("kill", IMPORTER)).until(9000).broken(IT))
        .isEmpty();
  }

  @Test
  void whoLostMemoryMapsSomeAgainOrSaysThatHeWasGivenUp() {
    Tale lives = frozen().at(3100, IMPORTER, new HistoryEvent.Dropped("something", "it lives"));
    assertThat(lives.broken(IT))
        .containsExactly("nic lost memory while it was frozen, and never mapped any again");
    HistoryEvent another = new HistoryEvent.ExporterLost(NIC, 7, List.of(ATTACHMENT));
    assertThat(lives.at(3200, IMPORTER, another).broken(IT)).as("of another exporter").hasSize(1);
    HistoryEvent exporterLost = new HistoryEvent.ExporterLost(NIC, 2, List.of(ATTACHMENT));
    assertThat(lives.at(3200, IMPORTER, exporterLost).broken(IT))
        .as("there is nobody to map any of")
        .isEmpty();
    assertThat(
            lives
                .at(3200, IMPORTER, new HistoryEvent.MappingsLost(NIC, List.of(ATTACHMENT)))
                .broken(IT))
        .isEmpty();
  }
}
