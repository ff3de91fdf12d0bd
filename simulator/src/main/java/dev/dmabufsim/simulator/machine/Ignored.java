package dev.dmabufsim.simulator.machine;

/**
 * A device that is left out of one role, and why.
 *
 * @param role which one: {@code exporter} or {@code importer}
 * @param reason why, in words that devices with the same reason share
 */
public record Ignored(PciDevice device, String role, String reason) {

  /** Its memory cannot be exported. */
  public static final String EXPORTER = "exporter";

  /** It cannot import memory. */
  public static final String IMPORTER = "importer";
}
