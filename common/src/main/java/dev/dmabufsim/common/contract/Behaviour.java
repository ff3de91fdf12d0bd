package dev.dmabufsim.common.contract;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How faithfully an importer keeps the contract, of whatever kind it is. What each does to an
 * importer's reaction is {@code dev.dmabufsim.importer.Misbehaviour}.
 */
public enum Behaviour {
  /** Its fences signal when its engine has stopped, and not before. */
  HONEST("honest", false),
  /** Its fences signal late, and it unmaps later still. */
  SLOW("slow", true),
  /** Its callback returns; nothing else is ever heard of it, and its engine goes on. */
  SILENT("silent", false),
  /** Its fences signal, and it unmaps, while its engine goes on reading and writing. */
  LYING("lying", true),
  /** Its fences signal when they should; the unmap never comes. */
  NEVER_UNMAPS("never-unmaps", false),
  /** Between its fences and its unmap, when only discarded reads are allowed, it writes. */
  WRITES_AFTER_FENCE("writes-after-fence", false),
  /** It asks for a map, or to be attached anew, again and again while the revoke goes on. */
  MAPS_AGAIN("maps-again", false),
  /** It unmaps in time, and then uses the address that it had, also after a restore. */
  KEEPS_ADDRESS("keeps-address", true),
  /**
   * Its device caches translations itself (ATS) and does not flush them: what it has cached it goes
   * on using, past the IOMMU's permission.
   */
  SKIPS_IOTLB_FLUSH("skips-iotlb-flush", true);

  private final String label;
  private final boolean takesOverrun;

  Behaviour(String label, boolean takesOverrun) {
    this.label = label;
    this.takesOverrun = takesOverrun;
  }

  /** The name in scenarios and reports. */
  public String label() {
    return label;
  }

  /** Whether the option {@code overrun} says by how much it is late, or goes on. */
  public boolean takesOverrun() {
    return takesOverrun;
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
