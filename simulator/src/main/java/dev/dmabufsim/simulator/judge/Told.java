package dev.dmabufsim.simulator.judge;

import dev.dmabufsim.common.history.HistoryEvent;
import dev.dmabufsim.common.history.HistoryLine;

/** An event and the line that it is in. */
record Told<E extends HistoryEvent>(E event, HistoryLine line) {}
