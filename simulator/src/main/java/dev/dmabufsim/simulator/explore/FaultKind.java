package dev.dmabufsim.simulator.explore;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** What may go wrong in a world, besides what its importers do. */
public enum FaultKind {
  /** A process dies between two steps. */
  KILL,
  /** A process dies in the middle of a step: the first of what it wanted to do is done. */
  CRASH,
  /** No fault of its own: what has died may be started again. */
  RESTART,
  /** A process stops, also within a DMA, and goes on later. */
  FREEZE,
  /** A message is lost. */
  LOSE,
  /** A message comes twice. */
  DUPLICATE,
  /** A message is overtaken by the one behind it. */
  REORDER,
  /** A message is late by much more than others. */
  DELAY,
  /** Two nodes lose whatever they send each other, for some time. */
  PARTITION;

  /** The name in options and traces. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The kind with that label, if there is one. */
  public static Optional<FaultKind> labelled(String label) {
    return Arrays.stream(values()).filter(k -> k.label().equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(FaultKind::label).collect(Collectors.joining(", "));
  }
}
