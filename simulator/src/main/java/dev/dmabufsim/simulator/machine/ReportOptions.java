package dev.dmabufsim.simulator.machine;

/**
 * What a machine is looked at with.
 *
 * @param budgetBytes what all exported memory together may come to in a run
 * @param minBytes what no BAR is made smaller than
 * @param hostBridge whether traffic may cross the host bridge
 */
public record ReportOptions(long budgetBytes, long minBytes, HostBridgePolicy hostBridge) {

  /** 256 MiB of memory, no BAR below 1 MiB, the host bridge as the kernel decides. */
  public static ReportOptions defaults() {
    return new ReportOptions(256L << 20, 1L << 20, HostBridgePolicy.AS_KERNEL);
  }
}
