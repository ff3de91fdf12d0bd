package dev.dmabufsim.simulator.machine;

/** Whether peer-to-peer traffic may cross the host bridge: the kernel's rule, or the scenario's. */
public enum HostBridgePolicy {
  /**
   * As the kernel: allowed by a CPU or host bridge that it knows to forward, else refused. Where
   * the listing shows no tree at all, allowed, because the kernel's answer cannot be known.
   */
  AS_KERNEL,
  /** The scenario says that this machine forwards. */
  ALLOW,
  /** The scenario says that this machine does not forward. */
  REFUSE;

  /** For a switch that is off unless given. */
  public static HostBridgePolicy allowedIf(boolean allowed) {
    return allowed ? ALLOW : AS_KERNEL;
  }
}
