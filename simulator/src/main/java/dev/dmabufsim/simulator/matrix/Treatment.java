package dev.dmabufsim.simulator.matrix;

import dev.dmabufsim.common.contract.Behaviour;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What an importer of a cell does, or what is done to it.
 *
 * @param behaviour how it behaves; until it is killed it is honest
 * @param killed whether its process is killed between the invalidation and its fence
 */
public record Treatment(Behaviour behaviour, boolean killed) {
  /** The importer's process is killed, with engines running. */
  public static final Treatment KILLED = new Treatment(Behaviour.HONEST, true);

  /** Every behaviour, and killed. */
  public static List<Treatment> all() {
    List<Treatment> all = new ArrayList<>();
    for (Behaviour behaviour : Behaviour.values()) {
      all.add(new Treatment(behaviour, false));
    }
    all.add(KILLED);
    return List.copyOf(all);
  }

  /** The name on the command line and in tables. */
  public String label() {
    return killed ? "killed" : behaviour.label();
  }

  /** Whether the importer keeps the contract: dying is no breach of it. */
  public boolean honest() {
    return behaviour == Behaviour.HONEST;
  }

  /** The one with that label, if there is one. */
  public static Optional<Treatment> labelled(String label) {
    return all().stream().filter(t -> t.label().equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return all().stream().map(Treatment::label).collect(Collectors.joining(", "));
  }
}
