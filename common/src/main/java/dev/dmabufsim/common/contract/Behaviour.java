package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** How faithfully an importer keeps the contract. */
public enum Behaviour {
  /** Its fences signal when its engine has stopped, and not before. */
  HONEST("honest"),
  /** Its fences signal, and it unmaps, while its engine goes on reading and writing. */
  LYING("lying");

  private final String label;

  Behaviour(String label) {
    this.label = label;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** The behaviour with that label, if there is one. */
  public static Optional<Behaviour> labelled(String label) {
    return Arrays.stream(values()).filter(b -> b.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(Behaviour::label).collect(Collectors.joining(", "));
  }
}
