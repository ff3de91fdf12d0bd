package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.cluster.Role;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** A point in a revoke at which a fault can strike. */
public enum FaultPoint {
  /**
   * An importer has been told to invalidate its mappings and has not signalled the fence yet. In
   * the kernel: {@code importer_ops->invalidate_mappings()} was called and {@code
   * dma_resv_wait_timeout()} is waiting.
   */
  IMPORTER_INVALIDATED("importer.invalidated", Role.IMPORTER);

  private final String label;
  private final Role role;

  FaultPoint(String label, Role role) {
    this.label = label;
    this.role = role;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** The role of the nodes that pass this point. */
  public Role role() {
    return role;
  }

  /** The point with that label, if there is one. */
  public static Optional<FaultPoint> labelled(String label) {
    return Arrays.stream(values()).filter(p -> p.label.equals(label)).findFirst();
  }

  /** Every label, for an error message. */
  public static String labels() {
    return Arrays.stream(values()).map(FaultPoint::label).collect(Collectors.joining(", "));
  }
}
